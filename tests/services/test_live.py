"""News of what happens: of every change once, soon, to everybody who follows, and at no cost when nobody does."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from assent.models import ApprovalStatus, Outcome, Pause, RiskLevel
from domain.audit import Action, AuditEvent
from domain.operation import ApprovalRequest
from services import live
from services.live import LiveFeed, News
from services.standing import Standings
from services.watch import ApprovalWatch
from storage import live_reads
from storage.database import Database
from storage.live_reads import LATE_FOR_ONE
from storage.opening import open_approval
from storage.pauses import PauseStore
from storage.queue_reads import QueueReads
from storage.workers import WorkerStore
from tests.services.waiters import Queries, watching
from tests.storage.builders import (
    RECORDED,
    STARTED,
    make_assessment,
    make_decision,
    make_opening,
    make_request,
)
from tests.storage.record import Record, open_record
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer

SOON = 1.0
QUIET = 0.6
"""Longer than changes are held back to be told together."""


@pytest.fixture
def other(database_url: str) -> Iterator[Record]:
    """The record as another process has it, which makes the changes."""
    with open_record(database_url) as other:
        other.add_team()
        yield other


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database as the process has it that tells of them."""
    database = Database(database_url)
    try:
        yield database
    finally:
        database.close()


@asynccontextmanager
async def feeding(database: Database) -> AsyncIterator[LiveFeed]:
    async with watching(database) as watch:
        feed = feed_of(database, watch)
        try:
            yield feed
        finally:
            await feed.close()


def feed_of(database: Database, watch: ApprovalWatch) -> LiveFeed:
    standings = Standings(WorkerStore(database), PauseStore(database), task_queue="assent", monotonic=time.monotonic)
    return LiveFeed(database, watch, standings, lambda: STARTED)


class Reader:
    """One who follows, and what it was told."""

    def __init__(self, feed: LiveFeed, after: int | None = None) -> None:
        self.news: list[News] = []
        self._task = asyncio.create_task(self._read(feed, after))

    async def _read(self, feed: LiveFeed, after: int | None) -> None:
        async for news in feed.follow(after):
            self.news.append(news)

    def changed(self) -> list[tuple[str, ApprovalStatus, bool]]:
        """Return what was told of approvals, in order."""
        return [(each.id, each.status, each.arrived) for news in self.news for each in news.changed]

    async def begun(self) -> News:
        return (await eventually("the first news come", lambda: self.news))[0]

    async def told_of(self, *requests: ApprovalRequest) -> None:
        ids = {request.approval_id for request in requests}
        await eventually("all is told", self.changed, until=lambda told: ids <= {each[0] for each in told})

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def ended(self) -> None:
        await asyncio.wait_for(self._task, SOON)


def reject(other: Record, request: ApprovalRequest) -> None:
    other.store.decide(make_decision(request, Outcome.REJECT), at=RECORDED)


async def test_the_first_news_tell_what_is_so(database: Database, other: Record) -> None:
    """At once, and to whoever comes later too: how much waits, and that nothing has changed yet."""
    other.open()
    async with feeding(database) as feed:
        for _ in range(2):
            first = await Reader(feed).begun()
            assert (first.summary.waiting, first.changed, first.missed, first.at) == (1, (), False, STARTED)
            assert (first.standing.worker, first.standing.pauses) == (False, ())


async def test_what_happens_is_told_soon(database: Database, other: Record) -> None:
    """A request that arrives, the votes on it, and what became of it, by whom; all of it within a second."""
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        request = make_request()
        begun = time.monotonic()
        other.open(request, make_assessment(request, required_approvals=2, risk_level=RiskLevel.CRITICAL))
        await eventually("it is told", reader.changed)
        assert time.monotonic() - begun < SOON
        (arrived,) = reader.news[-1].changed
        assert (arrived.id, arrived.status, arrived.arrived) == (request.approval_id, ApprovalStatus.PENDING, True)
        assert (arrived.risk_level, arrived.agent_id, arrived.operation_type) == (
            RiskLevel.CRITICAL,
            "agent",
            "user.delete",
        )
        assert (arrived.decided_by, arrived.at, arrived.closed_at) == ((), STARTED, None)
        assert reader.news[-1].summary.waiting == 1
        other.store.decide(make_decision(request), at=RECORDED)
        await eventually("the vote is told", lambda: len(reader.changed()) == 2)
        (voted,) = reader.news[-1].changed
        assert (voted.status, voted.arrived, voted.decided_by) == (ApprovalStatus.PENDING, False, ("reviewer:ada",))
        other.store.decide(make_decision(request, Outcome.REJECT, reviewer="bob"), at=RECORDED)
        await eventually("the end is told", lambda: len(reader.changed()) == 3)
        (ended,) = reader.news[-1].changed
        assert (ended.status, ended.arrived, ended.decided_by) == (ApprovalStatus.REJECTED, False, ("reviewer:bob",))
        assert (ended.at, ended.closed_at) == (RECORDED, RECORDED)
        assert reader.news[-1].summary.waiting == 0


async def test_what_has_ended_since_did_not_arrive(database: Database, other: Record) -> None:
    """A request that is decided before anybody could be told of it waits for nobody."""
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        requests = [other.open() for _ in range(3)]
        for request in requests:
            reject(other, request)
        await reader.told_of(*requests)
        assert reader.news[-1].changed[-1].status is ApprovalStatus.REJECTED
        last = {each[0]: each for each in reader.changed()}
        assert set(last.values()) == {(each.approval_id, ApprovalStatus.REJECTED, False) for each in requests}


async def test_what_was_refused_has_changed_nothing(database: Database, other: Record) -> None:
    """The log tells of it, the queue does not."""
    request = other.open()
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        other.store.decide(make_decision(request, digest="0" * 64), at=RECORDED)
        refused = AuditEvent(event_id="e", at=RECORDED, actor="agent:agent", action=Action.ACCESS_REFUSED)
        other.store.append(refused)
        last = other.open()
        await reader.told_of(last)
        assert [each[0] for each in reader.changed()] == [last.approval_id]


async def test_everything_is_told_once(database: Database, other: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the log, also when more happens at a time than is told at a time."""
    monkeypatch.setattr(live_reads, "AT_ONCE", 3)
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        requests = [other.open() for _ in range(10)]
        await reader.told_of(*requests)
        await asyncio.sleep(QUIET)
        assert [each[0] for each in reader.changed()] == [request.approval_id for request in requests]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_becomes_visible_late_is_told(database: Database, other: Record) -> None:
    """A transaction takes its positions in the log before it commits: others overtake it."""
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        slow, quick = make_request(), make_request()
        with other.database.write() as connection:
            open_approval(connection, make_opening(slow, make_assessment(slow)))
            other.open(quick)
            await reader.told_of(quick)
        await reader.told_of(slow)
        late = Reader(feed, after=reader.news[-1].summary.position)
        await asyncio.sleep(QUIET)
        told = [each[0] for each in reader.changed()]
        assert sorted(told) == sorted([quick.approval_id, slow.approval_id])
        # Somebody who names a position is told again what may have been overtaken.
        assert {each[0] for each in late.changed()} == {quick.approval_id, slow.approval_id}


async def test_everybody_is_told_by_one_look(database: Database, other: Record) -> None:
    """Twenty who follow cost the database as much as one."""
    costs = []
    for number in (1, 20):
        async with feeding(database) as feed:
            readers = [Reader(feed) for _ in range(number)]
            for reader in readers:
                await reader.begun()
            await asyncio.sleep(QUIET)
            queries = Queries(database)
            request = other.open()
            for reader in readers:
                await reader.told_of(request)
            costs.append(len(queries.statements))
    assert costs[0] > 0
    assert costs[1] <= costs[0] * 2


async def test_nobody_who_follows_costs_nothing(database: Database, other: Record) -> None:
    """Neither before the first one comes nor after the last one has left; the next one is told all the same."""
    async with feeding(database) as feed:
        queries = Queries(database)
        other.open()
        await asyncio.sleep(QUIET)
        assert queries.statements == []
        readers = [Reader(feed), Reader(feed)]
        for reader in readers:
            await reader.begun()
            await reader.leave()
        await asyncio.sleep(QUIET)
        before = len(queries.statements)
        assert before > 0
        other.open()
        await asyncio.sleep(QUIET)
        assert len(queries.statements) == before
        again = Reader(feed)
        assert (await again.begun()).summary.waiting == 2
        request = other.open()
        await again.told_of(request)


async def test_nothing_is_lost_between_a_page_and_its_news(database: Database, other: Record) -> None:
    """Whoever names the position that the page had is told what came since, and nothing that the page has."""
    reads = QueueReads(database)
    other.open()
    async with feeding(database) as feed:
        first = Reader(feed)
        await first.begun()
        position = reads.summary(STARTED).position
        if not database.is_sqlite:
            # There, a few events before the position are told again: nobody knows which of them came late.
            position += LATE_FOR_ONE
            with other.database.write() as connection:
                moved = "SELECT setval(pg_get_serial_sequence('audit_events', 'seq'), :to)"
                connection.execute(text(moved), {"to": position})
        missed = other.open()
        late = await Reader(feed, after=position).begun()
        assert [(each.id, each.arrived) for each in late.changed] == [(missed.approval_id, True)]
        assert (late.summary.waiting, late.missed) == (2, False)
        position = late.summary.position if database.is_sqlite else late.summary.position + LATE_FOR_ONE
        assert (await Reader(feed, after=position).begun()).changed == ()


async def test_who_was_away_for_too_long_is_told_so(
    database: Database, other: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is more than can be told at once: they must look for themselves."""
    monkeypatch.setattr(live_reads, "AT_ONCE", 3)
    for _ in range(3):
        other.open()
    async with feeding(database) as feed:
        first = await Reader(feed, after=0).begun()
        assert (first.missed, len(first.changed)) == (True, 3)


async def test_who_does_not_keep_up_is_told_so(
    database: Database, other: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old news give way to newer ones, and nobody else waits; signs of life that are lost are no loss."""
    monkeypatch.setattr(live, "KEPT_NEWS", 2)
    monkeypatch.setattr(live, "AT_MOST_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(live, "TICK_SECONDS", 0.05)
    async with feeding(database) as feed:
        quick = Reader(feed)
        await quick.begun()
        slow = feed.follow()
        await anext(slow)
        await asyncio.sleep(QUIET)
        assert not (await anext(slow)).missed
        request = other.open()
        await quick.told_of(request)
        await asyncio.sleep(QUIET)
        news = [await anext(slow) for _ in range(3)]
        assert [each.missed for each in news] == [True, False, False]
        assert all(each.changed == () for each in news)
        assert not any(each.missed for each in quick.news)
        await slow.aclose()


async def test_there_is_a_sign_of_life(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as is promised, when nothing happens at all."""
    monkeypatch.setattr(live, "TICK_SECONDS", 0.5)
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        begun = time.monotonic()
        heard = len(reader.news)
        await eventually("three more come", lambda: len(reader.news) >= heard + 3)
        assert 1 <= time.monotonic() - begun < 3
        assert reader.changed() == []


async def test_a_pause_is_told_soon(database: Database, other: Record) -> None:
    """It stands on every page, so every page must hear of it."""
    pause = Pause(id="p-1", reason="Wait.", started_by="admin:automation", started_at=STARTED)
    async with feeding(database) as feed:
        reader = Reader(feed)
        await reader.begun()
        begun = time.monotonic()
        PauseStore(other.database).start(pause)
        await eventually("it is told", lambda: reader.news[-1].standing.pauses == (pause,))
        assert time.monotonic() - begun < SOON


async def test_an_outage_is_silence(postgres_server: PostgresServer, postgres_url: str) -> None:
    """Nobody is told what may no longer be so; then it goes on, with what happened since."""
    database = Database(postgres_url)
    with open_record(postgres_url) as other:
        other.add_team()
        async with feeding(database) as feed:
            reader = Reader(feed)
            await reader.begun()
            await asyncio.to_thread(postgres_server.stop)
            await asyncio.sleep(QUIET)
            heard = len(reader.news)
            newcomer = Reader(feed)
            await asyncio.sleep(QUIET)
            assert len(reader.news) == heard
            await asyncio.to_thread(postgres_server.start)
            request = other.open()
            await reader.told_of(request)
            assert (await newcomer.begun()).summary.waiting == 1
    database.close()


async def test_closing_ends_it_for_everybody(database: Database) -> None:
    """So that a process that stops does not wait for those who follow; nor for who comes then."""
    async with feeding(database) as feed:
        readers = [Reader(feed) for _ in range(3)]
        for reader in readers:
            await reader.begun()
        await feed.close()
        for reader in [*readers, Reader(feed)]:
            await reader.ended()
        await feed.close()
