"""The approvals' workflows as Temporal has them: all that run by its index, and each by its own state."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from assent.models import Stuck
from domain.approval import WORKFLOW_ID_PREFIX, workflow_id_of
from domain.errors import TemporalUnavailableError
from domain.frozen import Frozen
from domain.lost import WorkflowEnd, stuck_cause

_RPC_TIMEOUT = timedelta(seconds=10)

_TYPE = "ApprovalWorkflow"
_RUNNING = f"WorkflowType = '{_TYPE}' AND ExecutionStatus = 'Running' AND TaskQueue = "
_AT_ONCE = 1_000

# Anybody who reaches Temporal can start a workflow under any id.
_APPROVAL_ID = re.compile(r"[0-9a-f-]{36}")

_PROBLEMS = "TemporalReportedProblems"
"""The search attribute that newer servers set when a workflow's tasks keep failing, and take away afterwards."""

FAILED_TASKS = 3
"""So many failed tries of one task make a workflow stuck where the server itself says nothing. A worker's end costs one
try, two at the most."""

_ENDS = {
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED: WorkflowEnd.TERMINATED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED: WorkflowEnd.FAILED,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: WorkflowEnd.TIMED_OUT,
}

_REFUSALS = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED})


@dataclass(frozen=True, slots=True)
class Listed:
    """Ids of approvals whose workflows run, by Temporal's index, which lags.

    `young`: those of them that had just been started. `reported`: those whose tasks keep failing, as far as the server
    reports that.
    """

    running: set[str] = field(default_factory=set)
    young: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)

    def add(self, workflow: WorkflowExecutionInfo, *, started_before: datetime) -> None:
        """Add a workflow, young unless it was started before a time; one that is no approval's is left out."""
        workflow_id = workflow.execution.workflow_id
        approval_id = workflow_id.removeprefix(WORKFLOW_ID_PREFIX)
        if approval_id == workflow_id or not _APPROVAL_ID.fullmatch(approval_id):
            return
        self.running.add(approval_id)
        if workflow.start_time.ToDatetime(tzinfo=UTC) >= started_before:
            self.young.add(approval_id)
        if _problems(workflow):
            self.reported.add(approval_id)


class Look(Frozen):
    """What Temporal says of one workflow: how it ended, when it no longer runs; and whether its tasks keep failing."""

    end: WorkflowEnd | None = None
    stuck: Stuck | None = None


class OpenWorkflows:
    """Asks Temporal. Raises TemporalUnavailableError when it does not answer."""

    def __init__(self, client: Client, task_queue: str) -> None:
        """Take a connected client, and the workers' task queue: another one may be that of another record."""
        self._client = client
        self._query = _RUNNING + "'{}'".format(task_queue.replace("'", "''"))

    @property
    def namespace(self) -> str:
        """The namespace that is asked."""
        return self._client.namespace

    async def listed(self, *, started_before: datetime) -> Listed | None:
        """Return the approvals whose workflows run, or None where nobody is allowed to list them."""
        listed, token = Listed(), b""
        while True:
            request = ListWorkflowExecutionsRequest(
                namespace=self.namespace, page_size=_AT_ONCE, next_page_token=token, query=self._query
            )
            try:
                page = await self._client.workflow_service.list_workflow_executions(
                    request, retry=True, timeout=_RPC_TIMEOUT
                )
            except RPCError as error:
                if error.status in _REFUSALS:
                    return None
                raise _unavailable(error) from error
            for workflow in page.executions:
                listed.add(workflow, started_before=started_before)
            token = page.next_page_token
            if not token:
                return listed

    async def look(self, approval_id: str) -> Look:
        """Return what Temporal's own state says of an approval's workflow: of its last run, when it was reset."""
        request = DescribeWorkflowExecutionRequest(
            namespace=self.namespace, execution=WorkflowExecution(workflow_id=workflow_id_of(approval_id))
        )
        try:
            described = await self._client.workflow_service.describe_workflow_execution(
                request, retry=True, timeout=_RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and not _lacks_namespace(error):
                return Look(end=WorkflowEnd.LOST)
            raise _unavailable(error) from error
        workflow = described.workflow_execution_info
        if workflow.type.name != _TYPE:
            # Somebody else's, started by hand under the id when ours was gone.
            return Look(end=WorkflowEnd.LOST)
        status = workflow.status
        if status != WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING:
            return Look(end=_ENDS.get(status, WorkflowEnd.ENDED))
        return Look(stuck=_stuck(described))


def _problems(workflow: WorkflowExecutionInfo) -> list[str]:
    """Return what the server reports of a workflow's tasks, such as `cause=…`; a server that does not report: none."""
    fields = workflow.search_attributes.indexed_fields
    return (json.loads(fields[_PROBLEMS].data or "null") or []) if _PROBLEMS in fields else []


def _stuck(described: DescribeWorkflowExecutionResponse) -> Stuck | None:
    task, problems = described.pending_workflow_task, _problems(described.workflow_execution_info)
    # Without a task that waits to be tried again there is nothing that fails.
    if not described.HasField("pending_workflow_task") or not (problems or task.attempt > FAILED_TASKS):
        return None
    return Stuck(since=task.original_scheduled_time.ToDatetime(tzinfo=UTC), cause=stuck_cause(problems))


def _lacks_namespace(error: RPCError) -> bool:
    """Whether it is the namespace that was not found: what is in it is then not known."""
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


def _unavailable(error: RPCError) -> TemporalUnavailableError:
    return TemporalUnavailableError(f"Temporal does not answer ({error.message}). Try again in a few seconds.")
