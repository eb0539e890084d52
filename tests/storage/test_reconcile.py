"""What is open, and the end of an approval that has lost its workflow."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from assent.models import ApprovalStatus
from domain.approval import ExecutionOutcome
from domain.lost import END_SENTENCES, WorkflowEnd
from domain.operation import ApprovalRequest
from storage.reconcile import ReconcileStore
from tests.storage.builders import A_MOMENT, DEADLINE, IDEMPOTENT, LATER, STARTED, make_outcome
from tests.storage.record import Record

AFTERWARDS = STARTED + A_MOMENT
OPEN = {ApprovalStatus.PENDING, ApprovalStatus.APPROVED}


def store(record: Record) -> ReconcileStore:
    return ReconcileStore(record.database)


@pytest.mark.parametrize("open_one", [Record.open, Record.approved])
@pytest.mark.parametrize("end", WorkflowEnd)
def test_what_never_started_is_cancelled(
    record: Record, open_one: Callable[[Record], ApprovalRequest], end: WorkflowEnd
) -> None:
    """Whether it was approved or not; the log says what became of the workflow, and no worker can start it any more."""
    request = open_one(record)
    assert store(record).close(request.approval_id, end, at=LATER) is ApprovalStatus.CANCELLED
    approval = record.get(request)
    assert (approval.status, approval.decided_by) == (ApprovalStatus.CANCELLED, ["system:reconcile"])
    event = record.events(request)[-1]
    assert (event.action, event.actor, event.at) == ("approval.cancelled", "system:reconcile", LATER)
    assert event.details == {"status": "cancelled", "workflow": end.value, "reason": END_SENTENCES[end]}
    assert record.claim(request).refused == "The approval is cancelled, not approved."
    assert record.execution(request) is None


def test_what_had_started_has_failed_and_its_outcome_is_unknown(record: Record) -> None:
    """It says so where one looks for how it ended, who approved it stays, and what comes late changes nothing."""
    request = record.approved(IDEMPOTENT)
    record.claim(request)
    assert store(record).close(request.approval_id, WorkflowEnd.TERMINATED, at=LATER) is ApprovalStatus.FAILED
    approval = record.get(request)
    assert (approval.status, approval.decided_by) == (ApprovalStatus.FAILED, ["reviewer:ada"])
    assert approval.execution is not None
    assert (approval.execution.outcome_unknown, approval.execution.finished_at) == (True, LATER)
    assert approval.execution.error == (
        "Its workflow was terminated in Temporal. "
        "It had started, and nobody knows whether it finished. Check the target system first."
    )
    event = record.events(request)[-1]
    assert (event.action, event.actor) == ("approval.failed", "system:reconcile")
    assert (event.details["outcome_unknown"], event.details["workflow"]) == (True, "terminated")
    before = record.get(request)
    assert record.claim(request).refused == "The approval is failed, not approved."
    for outcome in (make_outcome(), ExecutionOutcome(error="no")):
        record.store.finish(request.approval_id, outcome, at=LATER)
    assert record.get(request) == before


def test_what_has_ended_stays(record: Record, subtests: pytest.Subtests) -> None:
    """A workflow that closed by itself had written its end before: nothing changes, and nothing is told."""
    for status in set(ApprovalStatus) - OPEN:
        with subtests.test(status.value):
            request = record.in_status(status)
            before = record.rows()
            assert store(record).close(request.approval_id, WorkflowEnd.ENDED, at=LATER) is None
            assert record.rows() == before


def test_what_has_no_row_is_left_alone(record: Record) -> None:
    """Such as a request that was never assessed."""
    before = record.rows()
    assert store(record).close("0193f1a4-0000-7000-8000-000000000000", WorkflowEnd.LOST, at=LATER) is None
    assert record.rows() == before


def test_open_approvals_are_compared_with_what_runs(record: Record) -> None:
    """Those without a workflow are told, unless they are new, and so are workflows without an open approval."""
    requests = {status: record.in_status(status) for status in ApprovalStatus}
    lost = record.open()
    ids = {request.approval_id for request in requests.values()}
    missing, not_open = store(record).compare(ids | {"unassessed"}, created_before=AFTERWARDS)
    assert missing == [lost.approval_id]
    still_open = {requests[status].approval_id for status in OPEN}
    assert not_open == (ids | {"unassessed"}) - still_open
    assert store(record).compare(ids, created_before=STARTED)[0] == []


def test_open_approvals_are_read_in_turn(record: Record) -> None:
    """Page after page, each once, without those that have ended or are new."""
    for status in ApprovalStatus:
        record.in_status(status)
    expected = sorted(record.in_status(status).approval_id for status in OPEN for _ in range(2))
    found: list[str] = []
    while page := store(record).open_after(found[-1] if found else "", created_before=AFTERWARDS, limit=2):
        assert len(page) <= 2
        found += page
    assert found == sorted(found)
    assert set(expected) <= set(found)
    assert len(found) == len(set(found)) == 6
    assert store(record).open_after("", created_before=STARTED, limit=2) == []


def test_what_is_open_after_its_deadline_is_found(record: Record) -> None:
    """Open approvals alone, and no more than are asked for."""
    ids = {record.in_status(status).approval_id for status in ApprovalStatus if status in OPEN}
    for status in set(ApprovalStatus) - OPEN:
        record.in_status(status)
    late = DEADLINE + timedelta(minutes=1)
    assert set(store(record).overdue(expired_before=late, limit=10)) == ids
    assert len(store(record).overdue(expired_before=late, limit=1)) == 1
    assert store(record).overdue(expired_before=DEADLINE, limit=10) == []
