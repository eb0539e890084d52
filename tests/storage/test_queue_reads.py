"""What the queue tells beside its approvals: how much waits, what was rejected a moment ago, and what came before."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from assent.models import ApprovalStatus, Operation, Outcome, Verdict
from domain.approval import BY_POLICY
from domain.listing import QueueSummary
from domain.operation import ApprovalRequest
from storage import queue_reads
from storage.opening import Ending
from storage.queue_reads import QueueReads
from tests.storage.builders import (
    A_MOMENT,
    DEADLINE,
    DECIDED,
    LATER,
    RECORDED,
    STARTED,
    make_assessment,
    make_decision,
    make_opening,
    make_request,
)
from tests.storage.record import Record

HOUR = timedelta(hours=1)


def add(  # noqa: PLR0913  each is one fact of the approval
    record: Record,
    *,
    started_at: datetime = STARTED,
    expires_at: datetime = DEADLINE,
    agent_id: str = "agent",
    operation_type: str = "user.delete",
    resource_type: str = "user",
    resource_id: str = "42",
    parameters: dict[str, Any] | None = None,
) -> ApprovalRequest:
    """Open an approval and return its request."""
    operation = Operation(
        type=operation_type, resource_type=resource_type, resource_id=resource_id, parameters=parameters or {}
    )
    request = make_request(operation, agent_id=agent_id)
    sealed = make_assessment(request, expires_at=expires_at)
    record.store.open(make_opening(request, sealed, started_at=started_at))
    return request


def reject(record: Record, request: ApprovalRequest, *, at: datetime = RECORDED) -> None:
    record.store.decide(make_decision(request, Outcome.REJECT), at=at)


def rejected(record: Record, *requests: ApprovalRequest, since: datetime = STARTED) -> dict[str, datetime]:
    return QueueReads(record.database).rejected_recently([record.get(request) for request in requests], since)


def test_an_empty_record_has_nothing_to_tell(record: Record) -> None:
    """Nothing waits, nothing was decided, and there was never anything."""
    assert QueueReads(record.database).summary(STARTED) == QueueSummary(waiting=0)


def test_the_summary_tells_what_still_waits(record: Record) -> None:
    """What can no longer be decided does not wait, though its workflow has not closed it yet."""
    reads = QueueReads(record.database)
    add(record, expires_at=STARTED + HOUR)
    add(record, expires_at=STARTED + 2 * HOUR)
    add(record, expires_at=STARTED + 3 * HOUR)
    told = reads.summary(STARTED + 2 * HOUR - A_MOMENT)
    assert (told.waiting, told.capped, told.next_expires_at) == (2, False, STARTED + 2 * HOUR)
    told = reads.summary(STARTED + 2 * HOUR)
    assert (told.waiting, told.next_expires_at) == (1, STARTED + 3 * HOUR)
    told = reads.summary(STARTED + 3 * HOUR)
    assert (told.waiting, told.next_expires_at, told.last_decided_at, told.any_ever) == (0, None, None, True)


def test_the_summary_tells_when_the_last_one_ended(record: Record) -> None:
    """What ended does not wait; the newest end counts, not that of the newest request."""
    first, second = add(record), add(record, started_at=STARTED + A_MOMENT)
    reject(record, second, at=RECORDED)
    reject(record, first, at=RECORDED + A_MOMENT)
    told = QueueReads(record.database).summary(RECORDED)
    assert (told.waiting, told.last_decided_at, told.any_ever) == (0, RECORDED + A_MOMENT, True)


def test_the_summary_names_the_newest_event(record: Record) -> None:
    """So that whoever has read it can be told what came after."""
    reads = QueueReads(record.database)
    add(record)
    before = reads.summary(STARTED).position
    add(record)
    with record.database.read() as connection:
        newest = connection.exec_driver_sql("SELECT max(seq) FROM audit_events").scalar_one()
    assert before < reads.summary(STARTED).position == newest


@pytest.mark.parametrize(("waiting", "capped"), [(3, False), (4, True)])
def test_waiting_is_counted_up_to_a_limit(
    record: Record, monkeypatch: pytest.MonkeyPatch, waiting: int, *, capped: bool
) -> None:
    """As many as the limit are told exactly; of more, that there are more."""
    monkeypatch.setattr(queue_reads, "COUNTED_UP_TO", 3)
    for _ in range(waiting):
        add(record)
    told = QueueReads(record.database).summary(STARTED)
    assert (told.waiting, told.capped) == (3, capped)


def test_the_same_request_was_rejected_a_moment_ago(record: Record) -> None:
    """Its newest rejection is told, for every row that asks for the same again."""
    for number in range(2):
        reject(record, add(record), at=RECORDED + number * A_MOMENT)
    again = [add(record), add(record)]
    assert rejected(record, *again) == {request.approval_id: RECORDED + A_MOMENT for request in again}


def test_another_request_was_not_rejected(record: Record) -> None:
    """Another agent's, another type's, or on something else; and approvals are no rejections."""
    reject(record, add(record))
    record.approved()
    others = [
        add(record, agent_id="other"),
        add(record, operation_type="user.read"),
        add(record, resource_type="person"),
        add(record, resource_id="43"),
        add(record, resource_id=""),
    ]
    assert rejected(record, *others) == {}
    assert rejected(record) == {}
    same = add(record)
    assert rejected(record, *others, same) == {same.approval_id: RECORDED}


def test_without_a_resource_id_the_parameters_say_what_it_is_about(record: Record) -> None:
    """Another export of the same agent is another request; with an id, other parameters do not make it one."""
    reject(record, add(record, resource_id="", parameters={"limit": 400, "kind": "all"}))
    reject(record, add(record, resource_id="7", parameters={"limit": 400}))
    same = add(record, resource_id="", parameters={"kind": "all", "limit": 400})
    other = add(record, resource_id="", parameters={"limit": 60, "kind": "all"})
    by_id = add(record, resource_id="7", parameters={"limit": 60})

    assert set(rejected(record, same, other, by_id)) == {same.approval_id, by_id.approval_id}


def test_a_rejection_is_told_for_a_while(record: Record) -> None:
    """From the moment that is asked for on, that moment included."""
    reject(record, add(record), at=RECORDED)
    again = add(record)
    assert rejected(record, again, since=RECORDED) == {again.approval_id: RECORDED}
    assert rejected(record, again, since=RECORDED + A_MOMENT) == {}


def test_a_rejection_by_policy_counts_too(record: Record) -> None:
    """The agent was told no, whoever said it."""
    request = make_request(Operation(type="user.delete", resource_type="user", resource_id="42"))
    denied = Ending(status=ApprovalStatus.REJECTED, by=(BY_POLICY,), reason="No.")
    record.open(request, make_assessment(request, verdict=Verdict.DENY), ending=denied)
    again = add(record)
    assert rejected(record, again) == {again.approval_id: STARTED}


def test_history_counts_the_others_by_status(record: Record) -> None:
    """The agent's, and those of them of the same type; the request itself is not its own history."""
    this = add(record)
    for status in (ApprovalStatus.EXECUTED, ApprovalStatus.EXECUTED, ApprovalStatus.REJECTED, ApprovalStatus.PENDING):
        record.in_status(status)
    add(record, operation_type="user.read")
    reject(record, add(record, agent_id="other"))
    told = QueueReads(record.database).history_of(record.get(this), now=LATER)
    assert told.agent == {ApprovalStatus.PENDING: 2, ApprovalStatus.REJECTED: 1, ApprovalStatus.EXECUTED: 2}
    assert told.same_operation == {ApprovalStatus.PENDING: 1, ApprovalStatus.REJECTED: 1, ApprovalStatus.EXECUTED: 2}
    assert not told.capped


def test_history_reaches_thirty_days_back(record: Record) -> None:
    """What is older is not counted; similar requests are shown whatever their age."""
    this, old = add(record), add(record, started_at=STARTED - 30 * 24 * HOUR)
    reads = QueueReads(record.database)
    told = reads.history_of(record.get(this), now=STARTED - A_MOMENT)
    assert (sum(told.agent.values()), [each.id for each in told.similar]) == (1, [old.approval_id])
    told = reads.history_of(record.get(this), now=STARTED)
    assert (told.agent, [each.id for each in told.similar]) == ({}, [old.approval_id])


@pytest.mark.parametrize(("others", "capped"), [(2, False), (3, True), (5, True)])
def test_history_says_when_it_did_not_count_all(
    record: Record, monkeypatch: pytest.MonkeyPatch, others: int, *, capped: bool
) -> None:
    """A busy agent's newest requests stand for it, and the page can say so."""
    monkeypatch.setattr(queue_reads, "REMEMBERED", 3)
    this = add(record, started_at=STARTED + A_MOMENT)
    for _ in range(others):
        add(record)
    told = QueueReads(record.database).history_of(record.get(this), now=LATER)
    assert told.capped == capped
    assert sum(told.agent.values()) == min(others, 3)


def test_similar_requests_are_anybodys_and_the_newest(record: Record) -> None:
    """Of the same type on the same type of resource, newest first, with what became of them."""
    approved = record.approved()
    this = add(record, started_at=STARTED + A_MOMENT)
    newer = add(record, started_at=STARTED + 2 * A_MOMENT, agent_id="other", resource_id="7")
    add(record, started_at=STARTED + 3 * A_MOMENT, operation_type="user.read")
    add(record, started_at=STARTED + 4 * A_MOMENT, resource_type="person")
    reads = QueueReads(record.database)
    first, second = reads.history_of(record.get(this), now=LATER).similar
    assert (first.id, first.agent_id, first.resource_id) == (newer.approval_id, "other", "7")
    assert (first.status, first.created_at, first.decided_by) == (
        ApprovalStatus.PENDING,
        STARTED + 2 * A_MOMENT,
        (),
    )
    assert (second.id, second.status, second.decided_by) == (
        approved.approval_id,
        ApprovalStatus.APPROVED,
        ("reviewer:ada",),
    )
    assert reads.history_of(record.get(this), now=LATER, limit=1).similar == (first,)


def test_approvals_are_read_by_their_ids(record: Record) -> None:
    """Whole, in the order that is asked for, without those that are not there."""
    requests = [record.in_status(status) for status in (ApprovalStatus.EXECUTED, ApprovalStatus.PENDING)]
    ids = [requests[1].approval_id, "not-there", requests[0].approval_id]
    found = record.reads.by_ids(ids, now=DECIDED)
    assert found == [record.get(request) for request in reversed(requests)]
    assert record.reads.by_ids([], now=DECIDED) == []
