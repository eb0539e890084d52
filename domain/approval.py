"""An approval's life: which status may follow which, and the state that its workflow holds."""

import re
from datetime import datetime

from assent.models import ApprovalStatus, RiskLevel
from domain.errors import IllegalTransitionError
from domain.frozen import Frozen
from domain.operation import ExecutionPlan

WORKFLOW_ID_PREFIX = "approval-"

BY_TIMEOUT = "system:timeout"
BY_TEMPORAL_CANCEL = "system:temporal"
BY_REVOCATION = "system:revoked-key"
BY_POLICY = "system:policy"
BY_RECONCILE = "system:reconcile"

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_FOLLOWERS = {
    ApprovalStatus.PENDING: frozenset(
        {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}
    ),
    # Cancelled only when it has no claim and its workflow is gone: nothing is left that could start it.
    ApprovalStatus.APPROVED: frozenset({ApprovalStatus.EXECUTED, ApprovalStatus.FAILED, ApprovalStatus.CANCELLED}),
}


def check_transition(old: ApprovalStatus, new: ApprovalStatus) -> None:
    """Raise IllegalTransitionError unless `new` may follow `old`."""
    if new not in _FOLLOWERS.get(old, frozenset()):
        message = f"An approval that is {old.value} cannot become {new.value}."
        raise IllegalTransitionError(message)


def workflow_id_of(approval_id: str) -> str:
    """Return the id of the one workflow that may speak for an approval."""
    return WORKFLOW_ID_PREFIX + approval_id


def is_approval_id(text: str) -> bool:
    """Whether `text` has the form of an approval's id."""
    return _ID.fullmatch(text) is not None


def approval_id_of(workflow_id: str) -> str | None:
    """Return the approval that a workflow of this id may speak for, or None."""
    approval_id = workflow_id.removeprefix(WORKFLOW_ID_PREFIX)
    return approval_id if approval_id != workflow_id and is_approval_id(approval_id) else None


class ApprovalState(Frozen):
    """What a workflow knows of its approval: always a copy of the stored row, never its own opinion."""

    approval_id: str
    status: ApprovalStatus
    operation_type: str
    resource_type: str
    risk_level: RiskLevel
    required_approvals: int
    approvals: int
    expires_at: datetime
    plan: ExecutionPlan = ExecutionPlan()
    decided_by: tuple[str, ...] = ()
    outcome_unknown: bool = False


class ExecutionOutcome(Frozen):
    """How an execution ended, as the execution activity saw it. `result` is JSON text, cut where it was too long.

    `refused` says why it never started. `error` is the operation's own failure. `outcome_unknown`: it started, and
    whether it finished cannot be known. `recorded`: the end is in the record already, and this is the stored approval;
    nothing else is set then.
    """

    result: str | None = None
    result_digest: str | None = None
    result_bytes: int = 0
    error: str | None = None
    refused: str | None = None
    outcome_unknown: bool = False
    recorded: ApprovalState | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the operation ran to its end."""
        return self.error is None and self.refused is None and not self.outcome_unknown
