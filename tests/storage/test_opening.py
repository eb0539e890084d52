"""The first record of an approval."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from assent.models import ApprovalStatus, RiskLevel
from domain.approval import BY_POLICY, BY_REVOCATION
from domain.errors import IllegalTransitionError, MissingRowError
from storage.approvals import Ending
from tests.storage.builders import (
    DEADLINE,
    IDEMPOTENT,
    RECORDED,
    STARTED,
    make_assessment,
    make_cancel,
    make_decision,
    make_operation,
    make_outcome,
    make_request,
)
from tests.storage.record import Record


def test_an_opened_approval_is_pending(record: Record) -> None:
    """The workflow gets the state as stored, and the log tells the request."""
    request = make_request()
    assessment = make_assessment(request, required_approvals=2, plan=IDEMPOTENT)
    state = record.open_state(request, assessment)
    assert state == record.store.state(request.approval_id)
    assert state.approval_id == request.approval_id
    assert state.status is ApprovalStatus.PENDING
    assert (state.operation_type, state.resource_type) == ("user.delete", "user")
    assert (state.risk_level, state.required_approvals, state.approvals) == (RiskLevel.HIGH, 2, 0)
    assert (state.expires_at, state.plan) == (DEADLINE, IDEMPOTENT)
    assert (state.decided_by, state.outcome_unknown) == ((), False)
    (event,) = record.events(request)
    assert (event.action, event.actor, event.at) == ("approval.requested", "agent:agent", STARTED)
    assert (event.approval_id, event.digest) == (request.approval_id, request.digest)
    assert event.details == {"risk": "high", "operation": "user.delete"}


def test_the_stored_approval_is_kept(record: Record) -> None:
    """An assessment that runs again, by other rules or of another request, finds the row and adopts it."""
    request = record.open()
    before = record.rows()
    again = make_request(make_operation({"force": True}), approval_id=request.approval_id)
    stricter = make_assessment(again, required_approvals=3, expires_at=DEADLINE + timedelta(hours=1))
    state = record.open_state(again, stricter)
    assert (state.required_approvals, state.expires_at) == (1, DEADLINE)
    assert record.rows() == before


def test_the_stored_approval_is_not_ended_by_opening_again(record: Record) -> None:
    """An ending belongs to the transaction that makes the row; later ones have their own records."""
    request = record.open()
    before = record.rows()
    record.open(request, ending=Ending(status=ApprovalStatus.CANCELLED, by=BY_REVOCATION, reason="Revoked."))
    assert record.status(request) is ApprovalStatus.PENDING
    assert record.rows() == before


@pytest.mark.parametrize(
    ("status", "by"), [(ApprovalStatus.CANCELLED, BY_REVOCATION), (ApprovalStatus.REJECTED, BY_POLICY)]
)
def test_an_approval_may_end_as_it_opens(record: Record, status: ApprovalStatus, by: str) -> None:
    """A revoked agent's request and a denied one are told as requested and as ended, with the reason."""
    request = make_request()
    ending = Ending(status=status, by=by, reason="It may not be.")
    state = record.open_state(request, make_assessment(request), ending=ending)
    assert (state.status, state.decided_by) == (status, (by,))
    requested, ended = record.events(request)
    assert requested.action == "approval.requested"
    assert (ended.action, ended.actor) == (f"approval.{status}", by)
    assert ended.details == {"status": status, "reason": "It may not be."}
    after = record.rows()
    assert record.open_state(request, make_assessment(request), ending=ending) == state
    assert record.rows() == after


def test_opening_and_ending_are_one_transaction(record: Record) -> None:
    """When the ending cannot be, the approval is not there either."""
    before = record.rows()
    with pytest.raises(IllegalTransitionError, match="pending cannot become executed"):
        record.open(ending=Ending(status=ApprovalStatus.EXECUTED, by="system:worker", reason=""))
    assert record.rows() == before


def test_nothing_is_recorded_of_an_approval_that_is_not_there(record: Record) -> None:
    """Whoever speaks for it is told, and nothing is written."""
    request = make_request()
    before = record.rows()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: record.store.state(request.approval_id),
        lambda: record.store.decide(make_decision(request), at=RECORDED),
        lambda: record.store.cancel(make_cancel(request), at=RECORDED),
        lambda: record.store.expire(request.approval_id, at=DEADLINE),
        lambda: record.store.finish(request.approval_id, make_outcome(), at=RECORDED),
    )
    for attempt in attempts:
        with pytest.raises(MissingRowError, match=request.approval_id):
            attempt()
    assert record.rows() == before
