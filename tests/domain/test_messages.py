"""Messages and models: they survive the way through Temporal, are never changed, and bear what other releases send."""

from datetime import timedelta, timezone

import pytest
from pydantic import BaseModel, ValidationError

from assent.models import ApprovalStatus, RiskLevel
from domain.approval import ApprovalState, ExecutionOutcome
from domain.ballot import Cancel, Decision
from domain.listing import ApprovalFilter, Position, Sort
from domain.messages import Assess, Execute, RecordExpiry, RecordOutcome, RecordSignal, SignalKind
from domain.operation import ApprovalRequest
from tests.domain.samples import APPROVAL_ID, DEADLINE, KEYS, SUBMITTED_AT, approved, request, vote

CANCEL = Cancel(
    cancel_id="c1",
    approval_id=APPROVAL_ID,
    actor="agent:billing",
    reason="Not needed.",
    requested_at=DEADLINE,
    signature=KEYS.sign(("cancel",)),
)
SENT: list[BaseModel] = [
    Assess(approval_id=APPROVAL_ID, run_id="r", started_at=SUBMITTED_AT, request='{"anything": [1, null]}'),
    Assess(approval_id=APPROVAL_ID, run_id="r", started_at=SUBMITTED_AT),
    RecordSignal(approval_id=APPROVAL_ID, kind=SignalKind.DECIDE, at=DEADLINE, content=vote().model_dump_json()),
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
    CANCEL,
    request(),
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


@pytest.mark.parametrize(
    "content", [None, "", "null", '"text"', "no JSON", '{"approval_id": "another"}', r'{"at": "\ud800"}', "[" * 10_000]
)
def test_what_a_signal_holds_is_passed_on_unread(content: str | None) -> None:
    """Anybody who reaches Temporal can send anything: it travels as text, and only the activity judges it."""
    message = RecordSignal(approval_id=APPROVAL_ID, kind=SignalKind.DECIDE, at=DEADLINE, content=content)
    received = RecordSignal.model_validate_json(message.model_dump_json())
    assert received.content == content
    assert received.approval_id == APPROVAL_ID


signed_times = pytest.mark.parametrize(
    ("signed", "field"),
    [(vote(), "decided_at"), (CANCEL, "requested_at"), (request(), "submitted_at")],
    ids=["decision", "cancel", "request"],
)


@signed_times
@pytest.mark.parametrize("time", [SUBMITTED_AT.replace(tzinfo=None), "2026-01-02T03:04:05", "2026-01-02"], ids=str)
def test_a_time_without_a_zone_is_refused(signed: BaseModel, field: str, time: object) -> None:
    """Nobody knows when it was: it is refused where it is read, before anything compares or signs it."""
    with pytest.raises(ValidationError) as refused:
        type(signed).model_validate({**dict(signed), field: time})
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [((field,), "timezone_aware")]


@signed_times
def test_a_time_in_another_zone_is_the_same_time(signed: Decision | Cancel | ApprovalRequest, field: str) -> None:
    """What is signed is the moment, however it is written."""
    elsewhere = getattr(signed, field).astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    read = type(signed).model_validate({**dict(signed), field: elsewhere.isoformat()})
    assert read.signed_fields() == signed.signed_fields()


def test_a_filter_restricts_nothing_by_itself() -> None:
    """Every restriction is asked for."""
    assert all(value is None for value in dict(ApprovalFilter()).values())


def test_the_orders_of_a_list_are_those_of_the_api() -> None:
    """A cursor names its order: these words are on the wire."""
    assert {sort.value for sort in Sort} == {"expires_at", "-created_at", "-risk_level"}
