"""Approvals whose workflows have left them: ended without recording it, gone, or stuck."""

from collections.abc import Collection
from enum import StrEnum


class WorkflowEnd(StrEnum):
    """What became of a workflow whose approval is still open in the record."""

    TERMINATED = "terminated"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ENDED = "ended"
    LOST = "lost"


END_SENTENCES = {
    WorkflowEnd.TERMINATED: "Its workflow was terminated in Temporal.",
    WorkflowEnd.FAILED: "Its workflow has failed in Temporal.",
    WorkflowEnd.TIMED_OUT: "Its workflow was ended by a time limit of Temporal's.",
    # As when the record is restored from a backup that is older than the end.
    WorkflowEnd.ENDED: "Its workflow has ended in Temporal, and this record does not have how.",
    WorkflowEnd.LOST: "Temporal no longer has its workflow.",
}

_NOT_FITTING = "The workers' code does not fit what this workflow has done so far."
_FAILING = "The workers' code fails in this workflow."
_NOT_FINISHED = "Workers take this workflow's tasks and do not finish them."
_UNNAMED = "This workflow's tasks keep failing."

# Temporal's names for what it reports, and no others: nothing that an agent wrote is among them.
_CAUSES = {
    "cause=WorkflowTaskFailedCauseNonDeterministicError": _NOT_FITTING,
    "cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure": _FAILING,
    "category=WorkflowTaskTimedOut": _NOT_FINISHED,
}


def stuck_cause(reported: Collection[str]) -> str:
    """Return in a sentence why a workflow is stuck, from what Temporal reports of it, such as `cause=…`."""
    return next((sentence for name, sentence in _CAUSES.items() if name in reported), _UNNAMED)
