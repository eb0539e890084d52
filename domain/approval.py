"""An approval's life: which status may follow which, and the state that its workflow holds."""

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

_FOLLOWERS = {
    ApprovalStatus.PENDING: frozenset(
        {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}
    ),
    ApprovalStatus.APPROVED: frozenset({ApprovalStatus.EXECUTED, ApprovalStatus.FAILED}),
}


def check_transition(old: ApprovalStatus, new: ApprovalStatus) -> None:
    """Raise IllegalTransitionError unless `new` may follow `old`."""
    if new not in _FOLLOWERS.get(old, frozenset()):
        message = f"An approval that is {old.value} cannot become {new.value}."
        raise IllegalTransitionError(message)


def workflow_id_of(approval_id: str) -> str:
    """Return the id of the one workflow that may speak for an approval."""
    return WORKFLOW_ID_PREFIX + approval_id


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
    whether it finished cannot be known.
    """

    result: str | None = None
    result_digest: str | None = None
    result_bytes: int = 0
    error: str | None = None
    refused: str | None = None
    outcome_unknown: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the operation ran to its end."""
        return self.error is None and self.refused is None and not self.outcome_unknown
