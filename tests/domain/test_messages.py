"""Messages and models: they survive the way through Temporal, are never changed, and bear what other releases send."""

import pytest
from pydantic import BaseModel, JsonValue, ValidationError

from assent.models import ApprovalStatus, RiskLevel
from domain.approval import ApprovalState, ExecutionOutcome
from domain.ballot import Cancel
from domain.listing import ApprovalFilter, Position, Sort
from domain.messages import Assess, Execute, RecordExpiry, RecordOutcome, RecordSignal, SignalKind
from tests.domain.samples import APPROVAL_ID, DEADLINE, KEYS, SUBMITTED_AT, approved, vote

SENT: list[BaseModel] = [
    Assess(approval_id=APPROVAL_ID, run_id="r", started_at=SUBMITTED_AT, request={"anything": [1, None]}),
    RecordSignal(approval_id=APPROVAL_ID, kind=SignalKind.DECIDE, at=DEADLINE, content=vote().model_dump(mode="json")),
    RecordSignal(approval_id=APPROVAL_ID, kind=SignalKind.TEMPORAL_CANCEL, at=DEADLINE),
    RecordExpiry(approval_id=APPROVAL_ID, at=DEADLINE),
    Execute(approval_id=APPROVAL_ID),
    RecordOutcome(approval_id=APPROVAL_ID, at=DEADLINE, outcome=ExecutionOutcome(result='{"a":1}', result_bytes=7)),
    ApprovalState(
        approval_id=APPROVAL_ID,
        status=ApprovalStatus.APPROVED,
        operation_type="user.delete",
        resource_type="user",
        risk_level=RiskLevel.HIGH,
        required_approvals=2,
        approvals=1,
        expires_at=DEADLINE,
        decided_by=("reviewer:ana",),
    ),
    vote(),
    Cancel(
        cancel_id="c1",
        approval_id=APPROVAL_ID,
        actor="agent:billing",
        reason="Not needed.",
        requested_at=DEADLINE,
        signature=KEYS.sign(("cancel",)),
    ),
    approved(vote()),
    ApprovalFilter(status=ApprovalStatus.PENDING),
    Position(at=DEADLINE, approval_id=APPROVAL_ID),
]
by_name = pytest.mark.parametrize(
    "sent", [pytest.param(sent, id=f"{type(sent).__name__}-{number}") for number, sent in enumerate(SENT)]
)


@by_name
def test_a_message_survives_the_way_through_temporal(sent: BaseModel) -> None:
    """Times to the microsecond, words as words: what is read is what was sent."""
    assert type(sent).model_validate_json(sent.model_dump_json()) == sent


@by_name
def test_a_message_from_a_later_release_is_read(sent: BaseModel) -> None:
    """Fields that this release does not know are ignored, so that releases can run beside each other."""
    assert type(sent).model_validate({**sent.model_dump(mode="json"), "added_later": 1}) == sent


@by_name
def test_a_message_is_never_changed(sent: BaseModel) -> None:
    """Who wants another one makes another one."""
    field = next(iter(type(sent).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(sent, field, "other")


@pytest.mark.parametrize("content", [None, "text", 0, [1, {"a": None}], {"approval_id": "another"}, {"at": "never"}])
def test_what_a_signal_holds_is_passed_on_unread(content: JsonValue) -> None:
    """Anybody who reaches Temporal can send anything: only the activity judges it, beside the workflow's own id."""
    message = RecordSignal(approval_id=APPROVAL_ID, kind=SignalKind.DECIDE, at=DEADLINE, content=content)
    received = RecordSignal.model_validate_json(message.model_dump_json())
    assert received.content == content
    assert received.approval_id == APPROVAL_ID


def test_a_filter_restricts_nothing_by_itself() -> None:
    """Every restriction is asked for."""
    assert all(value is None for value in dict(ApprovalFilter()).values())


def test_the_orders_of_a_list_are_those_of_the_api() -> None:
    """A cursor names its order: these words are on the wire."""
    assert {sort.value for sort in Sort} == {"expires_at", "-created_at"}
