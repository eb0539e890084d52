"""The queue is for people."""

from collections.abc import Iterator

import pytest
from temporalio.client import Client

from assent.models import ApprovalStatus, Outcome, Role
from domain.errors import RoleNotAllowedError
from domain.principal import Principal
from services.approvals import Approvals
from services.queue import Queue
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.queue_reads import QueueReads
from tests.storage.builders import RECORDED, SIGNING_KEYS, STARTED, make_decision
from tests.storage.record import Record, open_record

AGENT = Principal(name="agent", role=Role.AGENT)
PEOPLE = [Principal(name="eve", role=role) for role in (Role.REVIEWER, Role.ADMIN, Role.AUDITOR)]


@pytest.fixture
def record(sqlite_url: str) -> Iterator[Record]:
    """The record as this process has it."""
    with open_record(sqlite_url) as record:
        yield record


@pytest.fixture
def queue(record: Record, temporal_client: Client) -> Queue:
    """The queue at the time at which the record's approvals are decided."""
    workflows = ApprovalWorkflows(temporal_client, SIGNING_KEYS, "nobody")
    watch = ApprovalWatch(record.database, record.reads)
    approvals = Approvals(record.reads, workflows, watch, lambda: RECORDED, "http://temporal")
    return Queue(record.reads, QueueReads(record.database), approvals, lambda: RECORDED)


async def test_people_read_around_the_queue(record: Record, queue: Queue) -> None:
    """Whatever their role: what waits now, what was rejected just now, what came before, and approvals by their ids."""
    record.add_team()
    before, this = record.open(), record.open()
    record.store.decide(make_decision(before, Outcome.REJECT), at=RECORDED)
    for person in PEOPLE:
        summary = await queue.summary(person)
        assert (summary.waiting, summary.last_decided_at) == (1, RECORDED)
        (approval,) = await queue.by_ids(person, ["not-there", this.approval_id])
        assert (approval.id, approval.overdue) == (this.approval_id, False)
        assert approval.temporal.url == f"http://temporal/approval-{this.approval_id}/run-1"
        assert await queue.rejected_recently(person, [approval], STARTED) == {this.approval_id: RECORDED}
        assert await queue.rejected_recently(person, [], STARTED) == {}
        history = await queue.history_of(person, approval)
        assert history.agent == {ApprovalStatus.REJECTED: 1}
        assert [each.id for each in history.similar] == [before.approval_id]


async def test_an_agent_does_not(record: Record, queue: Queue) -> None:
    """Not even of its own request: it would learn what others ask for."""
    record.add_team()
    approval = record.get(record.open())
    for refused in (
        queue.summary(AGENT),
        queue.history_of(AGENT, approval),
        queue.rejected_recently(AGENT, [], STARTED),
        queue.by_ids(AGENT, [approval.id]),
    ):
        with pytest.raises(RoleNotAllowedError):
            await refused
