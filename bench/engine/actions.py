"""Temporal's actions: what Temporal Cloud would bill for a workflow.

By https://docs.temporal.io/evaluate/cloud/actions: the start, each timer, each signal, each upsert of search
attributes, each try of an activity, and, for all the local activities of one workflow task, one together.
"""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

_ONE_EACH = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
}


def billed_actions(history: WorkflowHistory) -> int:
    """Return how many actions a closed workflow's history shows; heartbeats leave no trace there."""
    tasks_with_markers = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    }
    return len(tasks_with_markers) + sum(_actions(event) for event in history.events)


def _actions(event: HistoryEvent) -> int:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return event.activity_task_started_event_attributes.attempt - 1
    return int(event.event_type in _ONE_EACH)
