"""Every write in every status: what may follow what, and that a second run changes nothing."""

from collections.abc import Callable
from uuid import NAMESPACE_OID, uuid5

import pytest

from assent.models import ApprovalStatus, Outcome
from domain.approval import ExecutionOutcome
from domain.lost import WorkflowEnd
from domain.operation import ApprovalRequest
from storage.reconcile import ReconcileStore
from tests.storage.builders import DEADLINE, LATER, RECORDED, make_assessment, make_cancel, make_decision, make_outcome
from tests.storage.record import Record

Write = Callable[[Record, ApprovalRequest], object]


def id_of(request: ApprovalRequest, word: str) -> str:
    """The same every time, as in a retried activity."""
    return str(uuid5(NAMESPACE_OID, request.approval_id + word))


def open_again(record: Record, request: ApprovalRequest) -> None:
    record.open_state(request, make_assessment(request))


def approve(record: Record, request: ApprovalRequest) -> None:
    decision = make_decision(request, reviewer="cyd", decision_id=id_of(request, "approve"))
    record.store.decide(decision, at=RECORDED)


def reject(record: Record, request: ApprovalRequest) -> None:
    decision = make_decision(request, Outcome.REJECT, reviewer="cyd", decision_id=id_of(request, "reject"))
    record.store.decide(decision, at=RECORDED)


def cancel(record: Record, request: ApprovalRequest) -> None:
    record.store.cancel(make_cancel(request, cancel_id=id_of(request, "cancel")), at=RECORDED)


def expire(record: Record, request: ApprovalRequest) -> None:
    record.store.expire(request.approval_id, at=DEADLINE)


def claim(record: Record, request: ApprovalRequest) -> None:
    record.claim(request)


def succeed(record: Record, request: ApprovalRequest) -> None:
    record.store.finish(request.approval_id, make_outcome(), at=LATER)


def fail(record: Record, request: ApprovalRequest) -> None:
    record.store.finish(request.approval_id, ExecutionOutcome(error="no"), at=LATER)


def lose(record: Record, request: ApprovalRequest) -> None:
    ReconcileStore(record.database).close(request.approval_id, WorkflowEnd.LOST, at=LATER)


WRITES: tuple[Write, ...] = (open_again, approve, reject, cancel, expire, claim, succeed, fail, lose)

# An approved operation that nobody has claimed cannot have succeeded.
FOLLOWS: dict[tuple[ApprovalStatus, Write], ApprovalStatus] = {
    (ApprovalStatus.PENDING, approve): ApprovalStatus.APPROVED,
    (ApprovalStatus.PENDING, reject): ApprovalStatus.REJECTED,
    (ApprovalStatus.PENDING, cancel): ApprovalStatus.CANCELLED,
    (ApprovalStatus.PENDING, expire): ApprovalStatus.EXPIRED,
    (ApprovalStatus.APPROVED, succeed): ApprovalStatus.FAILED,
    (ApprovalStatus.APPROVED, fail): ApprovalStatus.FAILED,
    (ApprovalStatus.PENDING, lose): ApprovalStatus.CANCELLED,
    (ApprovalStatus.APPROVED, lose): ApprovalStatus.CANCELLED,
}


@pytest.mark.parametrize("status", ApprovalStatus)
def test_what_may_not_follow_a_status_leaves_it(record: Record, status: ApprovalStatus) -> None:
    """One after the other; and run again, none of them does or tells anything more."""
    request = record.in_status(status)
    others = [write for write in WRITES if (status, write) not in FOLLOWS]
    assert others
    for write in others:
        write(record, request)
        assert record.status(request) is status, write
    once = record.rows_of(request)
    for write in others:
        write(record, request)
    assert record.rows_of(request) == once


def test_what_may_follow_a_status_happens_once(record: Record, subtests: pytest.Subtests) -> None:
    """The first run does it and tells it, and a second one does and tells nothing more."""
    for (status, write), after in FOLLOWS.items():
        with subtests.test(status=str(status), write=str(write)):
            request = record.in_status(status)
            write(record, request)
            assert record.status(request) is after
            once = record.rows_of(request)
            write(record, request)
            assert record.rows_of(request) == once


def test_a_claimed_operation_ends_executed(record: Record) -> None:
    """The one transition that needs a claim first; the whole life is told in order, each event once."""
    request = record.open()
    for write in (approve, claim, succeed) * 2:
        write(record, request)
    assert record.status(request) is ApprovalStatus.EXECUTED
    assert record.actions(request) == [
        "approval.requested",
        "decision.recorded",
        "approval.approved",
        "execution.started",
        "approval.executed",
        # The second round's claim met an operation that had ended.
        "execution.refused",
    ]


def test_ends_are_final(record: Record) -> None:
    """Every write after every other, in one long life: the first end stays."""
    request = record.in_status(ApprovalStatus.EXECUTED)
    before = record.get(request)
    for write in WRITES:
        write(record, request)
    after = record.get(request)
    assert after.model_copy(update={"decisions": before.decisions}) == before
    assert [vote for vote in after.decisions if vote.accepted] == before.decisions
    assert [vote.refusal for vote in after.decisions if not vote.accepted] == ["already_decided"] * 2
