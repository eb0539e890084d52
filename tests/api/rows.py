"""Approvals written straight to the record, with any times one likes."""

import itertools
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from assent.models import ApprovalStatus, Operation, RiskLevel, Verdict
from domain.execution import SealedAssessment
from domain.operation import ApprovalRequest, ExecutionPlan, content_digest, operation_digest
from domain.risk import Assessment
from storage.opening import Ending, Opening, Sealed
from storage.tables import approvals
from tests.support.stack import Stack

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

_numbers = itertools.count(1)


def add_approval(  # noqa: PLR0913  each is one column that lists filter or sort by
    stack: Stack,
    *,
    agent_id: str = "agent",
    operation_type: str = "note.low",
    resource_type: str = "note",
    resource_id: str = "7",
    reason: str = "a test asks",
    risk_level: RiskLevel = RiskLevel.LOW,
    created_at: datetime = NOON,
    expires_at: datetime = NOON + timedelta(days=1),
    cancelled: bool = False,
) -> str:
    """Write an assessed approval, pending or cancelled, and return its id. Ids grow from call to call."""
    approval_id = f"00000000-0000-4000-8000-{next(_numbers):012d}"
    operation = Operation(type=operation_type, resource_type=resource_type, resource_id=resource_id, parameters={})
    digest = operation_digest(approval_id, agent_id, operation, "tests")
    request = ApprovalRequest(
        approval_id=approval_id,
        agent_id=agent_id,
        agent_owner=None,
        operation=operation,
        reason=reason,
        context={},
        declaration="tests",
        digest=digest,
        content_digest=content_digest(operation, reason, {}),
        idempotency_key=None,
        submitted_at=created_at,
    )
    sealed = SealedAssessment(
        approval_id=approval_id,
        digest=digest,
        verdict=Verdict.ASK,
        risk_level=risk_level,
        required_approvals=1,
        expires_at=expires_at,
        plan=ExecutionPlan(),
        agent_owner=None,
    )
    ending = (
        Ending(status=ApprovalStatus.CANCELLED, by=("system:test",), reason="a test ends it") if cancelled else None
    )
    assessment = Assessment(
        verdict=Verdict.ASK,
        level=risk_level,
        reasons=("A test says so.",),
        required_approvals=1,
        timeout=expires_at - created_at,
    )
    stack.store.open(
        Opening(
            request=request,
            assessment=assessment,
            sealed=Sealed(assessment=sealed, seal=stack.signing_keys.sign(sealed.signed_fields())),
            started_at=created_at,
            run_id="none",
            ending=ending,
        )
    )
    return approval_id


def move_deadline(stack: Stack, approval_id: str, expires_at: datetime) -> None:
    """Change when an approval expires, behind its workflow's back."""
    with stack.database.write() as connection:
        connection.execute(update(approvals).where(approvals.c.id == approval_id).values(expires_at=expires_at))
