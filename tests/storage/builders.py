"""Signed requests, assessments, decisions and cancels, as an API and a worker make them, on a fixed clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from assent.models import Key, Operation, Outcome, RiskLevel, Role, Verdict
from domain.approval import ExecutionOutcome
from domain.ballot import Cancel, Decision
from domain.canonical import sha256_hex
from domain.execution import SealedAssessment
from domain.operation import ApprovalRequest, ExecutionPlan, content_digest, operation_digest
from domain.people import Person
from domain.risk import Assessment
from domain.signing import Signature, SigningKeys
from storage.opening import Ending, Opening, Sealed, Trust

SIGNING_KEYS = SigningKeys({"test": b"a key of thirty-two bytes, no less"})

STARTED = datetime(2026, 3, 2, 9, 30, 0, 123_456, tzinfo=UTC)
DECIDED = STARTED + timedelta(minutes=10)
RECORDED = DECIDED + timedelta(milliseconds=20)
DEADLINE = STARTED + timedelta(hours=4)
LATER = DEADLINE + timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)

IDEMPOTENT = ExecutionPlan(idempotent=True)

REASON = "The customer asked for erasure."
POLICY_VERSION = "0" * 64
REASONS = ("user.delete is declared high risk.",)
DECLARATION = "shop.users:delete@1"


def make_operation(parameters: Mapping[str, Any] | None = None, *, operation_type: str = "user.delete") -> Operation:
    """Return an operation on user 42."""
    return Operation(type=operation_type, resource_type="user", resource_id="42", parameters=dict(parameters or {}))


def make_request(
    operation: Operation | None = None,
    *,
    approval_id: str | None = None,
    agent_id: str = "agent",
    agent_owner: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> ApprovalRequest:
    """Return a signed submission, under a new id unless one is given."""
    approval_id = approval_id or str(uuid4())
    operation = operation or make_operation()
    facts = dict(context or {})
    request = ApprovalRequest(
        approval_id=approval_id,
        agent_id=agent_id,
        agent_owner=agent_owner,
        operation=operation,
        reason=REASON,
        context=facts,
        declaration=DECLARATION,
        digest=operation_digest(approval_id, agent_id, operation, DECLARATION),
        content_digest=content_digest(operation, REASON, facts),
        idempotency_key=None,
        submitted_at=STARTED,
    )
    return request.model_copy(update={"signature": SIGNING_KEYS.sign(request.signed_fields())})


def make_assessment(  # noqa: PLR0913  each is one fact of the assessment
    request: ApprovalRequest,
    *,
    required_approvals: int = 1,
    risk_level: RiskLevel = RiskLevel.HIGH,
    expires_at: datetime = DEADLINE,
    plan: ExecutionPlan | None = None,
    verdict: Verdict = Verdict.ASK,
) -> SealedAssessment:
    """Return what a worker asks for `request`: one approval within four hours."""
    return SealedAssessment(
        approval_id=request.approval_id,
        digest=request.digest,
        verdict=verdict,
        risk_level=risk_level,
        required_approvals=required_approvals,
        expires_at=expires_at,
        plan=plan or ExecutionPlan(),
        agent_owner=request.agent_owner,
    )


def make_opening(
    request: ApprovalRequest,
    sealed: SealedAssessment,
    *,
    started_at: datetime = STARTED,
    ending: Ending | None = None,
    trust: Trust | None = None,
    **assessed: Any,  # noqa: ANN401  any field's value
) -> Opening:
    """Return the first record of an approval, with `assessed` changed in what policy said."""
    assessment = Assessment(
        verdict=sealed.verdict,
        level=sealed.risk_level,
        reasons=REASONS,
        required_approvals=sealed.required_approvals,
        timeout=sealed.expires_at - started_at,
        policy_version=POLICY_VERSION,
    )
    return Opening(
        request=request,
        assessment=assessment.model_copy(update=assessed),
        sealed=Sealed(assessment=sealed, seal=seal_of(sealed)),
        started_at=started_at,
        run_id="run-1",
        ending=ending,
        trust=trust,
    )


def seal_of(assessment: SealedAssessment) -> Signature:
    """Sign an assessment, as the worker does."""
    return SIGNING_KEYS.sign(assessment.signed_fields())


def make_decision(  # noqa: PLR0913  each is one fact of the decision
    request: ApprovalRequest,
    outcome: Outcome = Outcome.APPROVE,
    *,
    reviewer: str = "ada",
    owner: str | None = None,
    role: Role = Role.REVIEWER,
    comment: str = "Checked.",
    digest: str | None = None,
    decided_at: datetime = DECIDED,
    decision_id: str | None = None,
) -> Decision:
    """Return a signed decision on `request`, under a new id unless one is given."""
    decision = Decision(
        decision_id=decision_id or str(uuid4()),
        approval_id=request.approval_id,
        reviewer=reviewer,
        owner=owner,
        role=role,
        outcome=outcome,
        comment=comment,
        digest=digest or request.digest,
        decided_at=decided_at,
    )
    return decision.model_copy(update={"signature": SIGNING_KEYS.sign(decision.signed_fields())})


def make_cancel(request: ApprovalRequest, *, cancel_id: str | None = None, actor: str = "agent:agent") -> Cancel:
    """Return a signed cancel of `request`, under a new id unless one is given."""
    cancel = Cancel(
        cancel_id=cancel_id or str(uuid4()),
        approval_id=request.approval_id,
        actor=actor,
        reason="No longer needed.",
        requested_at=DECIDED,
    )
    return cancel.model_copy(update={"signature": SIGNING_KEYS.sign(cancel.signed_fields())})


def make_outcome(result: str = '{"deleted":1}') -> ExecutionOutcome:
    """Return how an operation ends that works and returns `result`, JSON text."""
    return ExecutionOutcome(result=result, result_digest=sha256_hex(result.encode()), result_bytes=len(result.encode()))


def make_key(name: str, role: Role = Role.REVIEWER, owner: str | None = None) -> Key:
    """Return a key as it is stored, without its secret."""
    return Key(
        id=uuid4().hex[:16], name=name, role=role, owner=owner, created_at=STARTED, created_by="admin:automation"
    )


def make_person(name: str, role: Role = Role.REVIEWER, *, at: datetime = STARTED) -> Person:
    """Return a person as they are stored."""
    return Person(name=name, role=role, created_at=at, created_by="admin:automation")
