"""Cancels, expiries, and how an execution ended."""

from datetime import datetime

import pytest

from assent.models import ApprovalStatus, Outcome
from domain.approval import ExecutionOutcome
from domain.canonical import sha256_hex
from tests.storage.builders import (
    A_MOMENT,
    DEADLINE,
    DECIDED,
    IDEMPOTENT,
    LATER,
    RECORDED,
    make_assessment,
    make_cancel,
    make_decision,
    make_outcome,
    make_request,
)
from tests.storage.record import Record

UNKNOWN = "It started, and nobody knows whether it finished. Check the target system first."


def test_a_pending_approval_is_cancelled(record: Record) -> None:
    """By whoever asked, with the reason, also when half of its quorum has approved."""
    request = make_request()
    record.open(request, make_assessment(request, required_approvals=2))
    record.store.decide(make_decision(request), at=RECORDED)
    cancel = make_cancel(request)
    state = record.store.cancel(cancel, at=RECORDED)
    assert (state.status, state.decided_by) == (ApprovalStatus.CANCELLED, ("agent:agent",))
    event = record.events(request)[-1]
    assert (event.action, event.actor) == ("approval.cancelled", "agent:agent")
    assert event.details == {"status": "cancelled", "cancel_id": cancel.cancel_id, "reason": "No longer needed."}


def test_a_cancel_that_came_too_late_is_told(record: Record, subtests: pytest.Subtests) -> None:
    """It changes nothing, and the log says what it met."""
    for status in set(ApprovalStatus) - {ApprovalStatus.PENDING, ApprovalStatus.CANCELLED}:
        with subtests.test(status.value):
            request = record.in_status(status)
            before = record.get(request)
            state = record.store.cancel(make_cancel(request), at=LATER)
            assert (state.status, record.get(request)) == (status, before)
            event = record.events(request)[-1]
            assert (event.action, event.actor) == ("cancel.refused", "agent:agent")
            assert event.details == {"status": status, "refusal": "already_decided"}


def test_a_second_cancel_meets_what_it_wants(record: Record) -> None:
    """Somebody else's cancel of what is cancelled is no refusal; the first one stays who decided."""
    request = record.in_status(ApprovalStatus.CANCELLED)
    before = record.rows()
    record.store.cancel(make_cancel(request, actor="admin:root"), at=LATER)
    assert record.rows() == before


def test_nothing_expires_before_its_deadline(record: Record) -> None:
    """A timer that fires early, or a clock that is ahead, closes nothing."""
    request = record.open()
    before = record.rows()
    assert record.store.expire(request.approval_id, at=DEADLINE - A_MOMENT).status is ApprovalStatus.PENDING
    assert record.rows() == before


@pytest.mark.parametrize("at", [DEADLINE, LATER])
def test_what_nobody_decided_in_time_expires(record: Record, at: datetime) -> None:
    """From the deadline on, by the system; a half-met quorum expires too."""
    request = make_request()
    record.open(request, make_assessment(request, required_approvals=2))
    record.store.decide(make_decision(request), at=RECORDED)
    state = record.store.expire(request.approval_id, at=at)
    assert (state.status, state.decided_by) == (ApprovalStatus.EXPIRED, ("system:timeout",))
    event = record.events(request)[-1]
    assert (event.action, event.actor, event.details) == ("approval.expired", "system:timeout", {"status": "expired"})


@pytest.mark.parametrize("outcome", Outcome)
def test_what_was_decided_never_expires(record: Record, outcome: Outcome) -> None:
    """A decision made in time stands, however late the timer comes."""
    request = record.open()
    decided = record.store.decide(make_decision(request, outcome), at=LATER)
    before = record.rows()
    assert record.store.expire(request.approval_id, at=LATER) == decided
    assert record.rows() == before


def test_a_decision_after_the_expiry_finds_it_ended(record: Record) -> None:
    """Also one that was made in time: the record had no decision when the deadline's grace was over."""
    request = record.in_status(ApprovalStatus.EXPIRED)
    state = record.store.decide(make_decision(request, decided_at=DECIDED), at=LATER)
    assert (state.status, state.approvals) == (ApprovalStatus.EXPIRED, 0)


def test_an_operation_that_worked_is_executed(record: Record) -> None:
    """Its result is kept as it was written, and the log has the digest alone."""
    request = record.approved()
    record.claim(request)
    result = '{"deleted": 1, "note": "größer"}'
    state = record.store.finish(request.approval_id, make_outcome(result), at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.EXECUTED, False)
    execution = record.get(request).execution
    assert execution is not None
    assert execution.result == {"deleted": 1, "note": "größer"}
    assert (execution.started_at, execution.finished_at) == (RECORDED, LATER)
    assert (execution.error, execution.outcome_unknown) == (None, False)
    event = record.events(request)[-1]
    assert (event.action, event.actor, event.at) == ("approval.executed", "system:worker", LATER)
    digest = sha256_hex(result.encode())
    assert event.details == {"status": "executed", "outcome_unknown": False, "result_digest": digest}


def test_an_operation_that_failed_is_failed(record: Record) -> None:
    """With its error; that it failed is known."""
    request = record.approved()
    record.claim(request)
    state = record.store.finish(request.approval_id, ExecutionOutcome(error="RuntimeError: no"), at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, False)
    execution = record.get(request).execution
    assert execution is not None
    assert (execution.error, execution.outcome_unknown, execution.result) == ("RuntimeError: no", False, None)
    assert record.actions(request)[-1] == "approval.failed"


@pytest.mark.parametrize(("error", "told"), [(None, UNKNOWN), ("The worker was stopped.", "The worker was stopped.")])
def test_an_unknown_outcome_is_said(record: Record, error: str | None, told: str) -> None:
    """It is failed, and says that nobody knows, with the best sentence there is."""
    request = record.approved()
    record.claim(request)
    lost = ExecutionOutcome(error=error, outcome_unknown=True)
    state = record.store.finish(request.approval_id, lost, at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, True)
    execution = record.get(request).execution
    assert execution is not None
    assert (execution.error, execution.outcome_unknown) == (told, True)
    assert record.events(request)[-1].details["outcome_unknown"] is True


def test_a_refused_run_is_failed_and_says_why(record: Record) -> None:
    """It never started: there is no claim, and everyone can read the reason."""
    request = record.approved()
    refused = "The key of agent was revoked."
    assert record.claim(request, worker_refuses=refused).refused == refused
    state = record.store.finish(request.approval_id, ExecutionOutcome(refused=refused), at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, False)
    assert record.execution(request) is None
    execution = record.get(request).execution
    assert execution is not None
    assert (execution.started_at, execution.finished_at, execution.error) == (None, LATER, refused)
    assert execution.outcome_unknown is False
    assert record.events(request)[-1].details["refusal"] == refused


def test_a_try_refused_after_an_earlier_one_started_is_unknown(record: Record) -> None:
    """The first try was lost after its claim, then the agent's key was revoked: what the first one did is not known."""
    request = record.approved(IDEMPOTENT)
    record.claim(request)
    refused = record.claim(request, worker_refuses="The key of agent was revoked.").refused
    state = record.store.finish(request.approval_id, ExecutionOutcome(refused=refused), at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, True)
    execution = record.get(request).execution
    assert execution is not None
    assert execution.error == f"The key of agent was revoked. {UNKNOWN}"


@pytest.mark.parametrize("reported", [make_outcome(), ExecutionOutcome(outcome_unknown=True)])
def test_nothing_is_executed_without_a_claim(record: Record, reported: ExecutionOutcome) -> None:
    """Whatever was reported, such as by somebody's hand in Temporal: without a claim it never started."""
    request = record.approved()
    state = record.store.finish(request.approval_id, reported, at=LATER)
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, False)
    execution = record.get(request).execution
    assert execution is not None
    assert (execution.error, execution.result, execution.outcome_unknown) == ("It never started.", None, False)
    assert record.claim(request).refused == "The approval is failed, not approved."


def test_only_what_is_approved_can_be_finished(record: Record, subtests: pytest.Subtests) -> None:
    """An end that is reported again, or of what never was approved, changes nothing."""
    for status in set(ApprovalStatus) - {ApprovalStatus.APPROVED}:
        with subtests.test(status.value):
            request = record.in_status(status)
            before = record.rows()
            for outcome in (make_outcome(), ExecutionOutcome(error="no"), ExecutionOutcome(outcome_unknown=True)):
                assert record.store.finish(request.approval_id, outcome, at=LATER).status is status
            assert record.rows() == before
