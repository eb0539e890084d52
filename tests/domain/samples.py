"""What the tests of the rules start from: one approved operation, as an API signed it and a worker sealed it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from assent.models import ApprovalStatus, Operation, Outcome, RiskLevel, Role, Verdict
from domain.ballot import Decision
from domain.execution import SealedAssessment, StoredApproval
from domain.operation import ApprovalRequest, ExecutionPlan, content_digest, operation_digest
from domain.signing import SigningKeys

KEYS = SigningKeys({"k1": bytes(range(32))})

APPROVAL_ID = "018f3c6e-0000-7000-8000-000000000001"
OTHER_ID = "018f3c6e-0000-7000-8000-000000000002"
AGENT = "billing-agent"
OPERATION = Operation(type="user.delete", resource_type="user", resource_id="42", parameters={"notify": True})
DECLARATION = "shop.operations:delete_user@1"
DIGEST = operation_digest(APPROVAL_ID, AGENT, OPERATION, DECLARATION)

SUBMITTED_AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
DEADLINE = SUBMITTED_AT + timedelta(hours=4)
JUST_IN_TIME = DEADLINE - timedelta(microseconds=1)

# Short and shallow: what could go wrong shows in small values, and large ones take long to make.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
json_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values = st.recursive(
    json_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


def other(**changes: Any) -> Operation:  # noqa: ANN401  any field's value
    """Return the operation with `changes`."""
    return OPERATION.model_copy(update=changes)


def request(**changes: Any) -> ApprovalRequest:  # noqa: ANN401  any field's value
    """Return the request for the operation, unsigned, with `changes`."""
    fields: dict[str, Any] = {
        "approval_id": APPROVAL_ID,
        "agent_id": AGENT,
        "agent_owner": "ana",
        "operation": OPERATION,
        "reason": "Asked for.",
        "context": {"ticket": 7},
        "declaration": DECLARATION,
        "digest": DIGEST,
        "content_digest": content_digest(OPERATION, "Asked for.", {"ticket": 7}),
        "idempotency_key": "k-1",
        "submitted_at": SUBMITTED_AT,
    }
    return ApprovalRequest.model_validate({**fields, **changes})


def signed(decision: Decision) -> Decision:
    """Return `decision` as an API signs it."""
    return decision.model_copy(update={"signature": KEYS.sign(decision.signed_fields())})


def vote(reviewer: str = "ana", **changes: Any) -> Decision:  # noqa: ANN401  any field's value
    """Return an approving decision by `reviewer`, with `changes` made before it was signed."""
    decision = Decision(
        decision_id=f"decision-of-{reviewer}",
        approval_id=APPROVAL_ID,
        reviewer=reviewer,
        owner=None,
        role=Role.REVIEWER,
        outcome=Outcome.APPROVE,
        comment="Fine.",
        digest=DIGEST,
        decided_at=SUBMITTED_AT,
    )
    return signed(decision.model_copy(update=changes))


def assessment(**changes: Any) -> SealedAssessment:  # noqa: ANN401  any field's value
    """Return what a worker seals for the operation, with `changes` made before it was sealed."""
    made = SealedAssessment(
        approval_id=APPROVAL_ID,
        digest=DIGEST,
        verdict=Verdict.ASK,
        risk_level=RiskLevel.HIGH,
        required_approvals=1,
        expires_at=DEADLINE,
        plan=ExecutionPlan(),
        agent_owner=None,
    )
    return made.model_copy(update=changes)


def approved(*votes: Decision, **sealed: Any) -> StoredApproval:  # noqa: ANN401  any sealed field's value
    """Return the approval in the record, approved by `votes`, with everybody's key still active."""
    made = assessment(**sealed)
    return StoredApproval(
        **dict(made),
        seal=KEYS.sign(made.signed_fields()),
        status=ApprovalStatus.APPROVED,
        agent_id=AGENT,
        operation=OPERATION,
        declaration=DECLARATION,
        approvals=votes,
        active_names=frozenset({AGENT, *(one.reviewer for one in votes)}),
    )
