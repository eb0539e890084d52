"""Waiting for approvals: woken by whoever changes them, at nearly no cost, whatever happens to the connection."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from assent.models import ApprovalStatus
from storage.database import CHANGED_CHANNEL, Database
from storage.migrate import upgrade
from tests.services.waiters import LONG, Queries, Waiter, cancel, settled, watching
from tests.storage.builders import RECORDED, make_decision, make_outcome, make_request
from tests.storage.record import Record, open_record
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.processes import Programs

# Less than the second after which a waiter looks whether or not it was told.
AT_ONCE = 0.5

# What another program does that changes an approval, with nothing of ours in it.
CHANGE_SQLITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE approvals SET revision = revision + 1 WHERE id = ?", [sys.argv[2]])
connection.close()
"""
CHANGE_POSTGRESQL = """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE approvals SET revision = revision + 1 WHERE id = %s", [sys.argv[2]])
    connection.execute("SELECT pg_notify(%s, %s)", sys.argv[3:1:-1])
"""


@pytest.fixture
def other(database_url: str) -> Iterator[Record]:
    """The record as another process has it, which makes the changes."""
    with open_record(database_url) as other:
        yield other


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database as the watching process has it."""
    database = Database(database_url)
    try:
        yield database
    finally:
        database.close()


async def test_a_change_by_another_connection_wakes_who_waits(database: Database, other: Record) -> None:
    """At once, not at the next look that happens anyway; three times, since one quick answer may be chance."""
    taken = []
    async with watching(database) as watch:
        for _ in range(3):
            request = other.open()

            async def ended(approval_id: str = request.approval_id) -> ApprovalStatus | None:
                state = await asyncio.to_thread(other.store.state, approval_id)
                return state.status if state.status.is_terminal else None

            with watch.following(request.approval_id) as following:
                waiting = asyncio.create_task(following.until(ended, seconds=LONG))
                await asyncio.sleep(0.1)
                await cancel(other, request)
                changed = time.monotonic()
                assert await waiting is ApprovalStatus.CANCELLED
            taken.append(time.monotonic() - changed)
    assert sorted(taken)[1] < AT_ONCE


async def test_a_change_by_another_process_wakes_who_waits(
    database: Database, other: Record, programs: Programs
) -> None:
    """Nothing is shared with it but the database."""
    url = make_url(database.url)
    place = url.database if database.is_sqlite else url.set(drivername="postgresql").render_as_string()
    script = CHANGE_SQLITE if database.is_sqlite else CHANGE_POSTGRESQL
    request = other.open()
    async with watching(database) as watch:
        waiter = Waiter(watch, request.approval_id)
        waiting = asyncio.create_task(waiter.wait())
        await settled([waiter], other)
        waiter.found = "it"
        arguments = [str(place), request.approval_id, CHANGED_CHANNEL]
        program = programs.start("change", [sys.executable, "-c", script, *arguments])
        assert await waiting == "it"
        assert await asyncio.to_thread(program.wait) == 0


async def test_a_hundred_waiters_cost_one_query_a_change(database: Database, other: Record) -> None:
    """Whoever's approval did not change is not even asked to look."""
    requests = [other.open() for _ in range(10)]
    strangers = [f"not-there-{number}" for number in range(90)]
    async with watching(database) as watch:
        waiters = [Waiter(watch, approval_id) for approval_id in [*(r.approval_id for r in requests), *strangers]]
        waiting = [asyncio.create_task(waiter.wait()) for waiter in waiters]
        await settled(waiters, other)
        looks = [len(waiter.looks) for waiter in waiters]
        queries = Queries(database)
        begun = time.monotonic()
        for waiter, task, request in list(zip(waiters, waiting, requests, strict=False))[:5]:
            waiter.found = "it"
            await cancel(other, request)
            assert await task == "it"
        # One query a change, and one a second for what may have been lost.
        assert 5 <= len(queries.statements) <= 5 + 1 + (time.monotonic() - begun)
        assert [len(waiter.looks) for waiter in waiters] == [*(count + 1 for count in looks[:5]), *looks[5:]]
        for task in waiting[5:]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_many_who_wait_for_one_approval_are_all_woken(database: Database, other: Record) -> None:
    """By one query."""
    request = other.open()
    async with watching(database) as watch:
        waiters = [Waiter(watch, request.approval_id) for _ in range(50)]
        waiting = [asyncio.create_task(waiter.wait()) for waiter in waiters]
        await settled(waiters, other)
        for waiter in waiters:
            waiter.found = "it"
        await cancel(other, request)
        assert await asyncio.gather(*waiting) == ["it"] * 50


async def test_who_follows_everything_is_woken_by_every_change(database: Database, other: Record) -> None:
    """At once, also for what nobody waits for; not when nothing happens; and nobody else is disturbed."""
    stranger = other.open()
    async with watching(database) as watch:
        waiter = Waiter(watch, stranger.approval_id)
        waiting = asyncio.create_task(waiter.wait())
        await settled([waiter], other)
        looks = len(waiter.looks)
        with watch.following_everything() as changed, watch.following_everything() as changed_too:
            for _ in range(2):
                changed.clear()
                changed_too.clear()
                # Longer than the look that happens anyway.
                await asyncio.sleep(1.2)
                assert not changed.is_set()
                await asyncio.to_thread(other.open)
                async with asyncio.timeout(AT_ONCE):
                    await changed.wait()
                    await changed_too.wait()
        assert len(waiter.looks) == looks
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_who_follows_everything_is_woken_when_a_connection_was_lost(postgres_url: str) -> None:
    """Something may have changed while nobody heard it."""
    database = Database(postgres_url)
    async with watching(database) as watch:
        with watch.following_everything() as changed:
            await eventually("the watch has begun", changed.is_set)
            changed.clear()
            assert await asyncio.to_thread(terminate_listeners, postgres_url) == 1
            async with asyncio.timeout(10):
                await changed.wait()
    database.close()


async def test_nobody_waiting_costs_nothing(database: Database, other: Record) -> None:
    """Changes that nobody waits for ask nothing of the database."""
    async with watching(database):
        queries = Queries(database)
        for _ in range(5):
            await cancel(other, other.open())
        await asyncio.sleep(0.1)
        assert queries.statements == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seconds", [0, 0.2])
async def test_time_that_is_over_finds_nothing(database: Database, other: Record, seconds: float) -> None:
    """It looks once more at the end, and returns None."""
    request = other.open()
    async with watching(database) as watch:
        waiter = Waiter(watch, request.approval_id, seconds=seconds)
        begun = time.monotonic()
        assert await waiter.wait() is None
        assert seconds <= time.monotonic() - begun < seconds + AT_ONCE
        assert waiter.looks


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_last_look_counts(database: Database) -> None:
    """What came in the last moment is found."""
    async with watching(database) as watch:
        waiter = Waiter(watch, "an-approval", seconds=0, found="it")
        assert await waiter.wait() == "it"
        assert len(waiter.looks) == 1


async def test_what_was_seen_wakes_nobody(database: Database, other: Record) -> None:
    """Who knows a revision is woken by the next one alone; a row where there was none is one too."""
    request, fresh = other.open(), make_request()
    async with watching(database) as watch:
        with watch.following_everything() as begun:
            await eventually("the watch has begun", begun.is_set)
        waiter = Waiter(watch, request.approval_id, seen=1, found="it")
        stranger = Waiter(watch, fresh.approval_id, found="it")
        waiting, strangers = asyncio.create_task(waiter.wait()), asyncio.create_task(stranger.wait())
        # Longer than the look that happens anyway, and another approval's change.
        await asyncio.sleep(1.2)
        assert stranger.looks == []
        await asyncio.to_thread(other.open, fresh)
        assert await strangers == "it"
        assert waiter.looks == []
        await cancel(other, request)
        assert await waiting == "it"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_waits_for_the_end_is_not_woken_before(database: Database, other: Record) -> None:
    """An approval that is approved and then executed wakes them once."""
    other.add_team()
    request = other.open()
    looks: list[ApprovalStatus] = []

    async def look() -> ApprovalStatus | None:
        state = await asyncio.to_thread(other.store.state, request.approval_id)
        looks.append(state.status)
        return state.status if state.status.is_terminal else None

    async with watching(database) as watch:
        with watch.following_everything() as begun:
            await eventually("the watch has begun", begun.is_set)
        with watch.following(request.approval_id, to_the_end=True) as following:
            waiting = asyncio.create_task(following.until(look, seconds=LONG))
            for change in (
                lambda: other.store.decide(make_decision(request), at=RECORDED),
                lambda: other.claim(request),
                lambda: other.store.finish(request.approval_id, make_outcome(), at=RECORDED),
            ):
                # Longer than changes share a query.
                await asyncio.sleep(0.1)
                await asyncio.to_thread(change)
            assert await waiting is ApprovalStatus.EXECUTED
    assert looks == [ApprovalStatus.EXECUTED]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_look_that_fails_fails_its_own_wait(database: Database, other: Record) -> None:
    """Whoever waits for the same approval goes on waiting."""
    request = other.open()

    async def fail() -> None:
        raise LookupError

    async with watching(database) as watch:
        waiter = Waiter(watch, request.approval_id)
        waiting = asyncio.create_task(waiter.wait())
        with watch.following(request.approval_id) as following, pytest.raises(LookupError):
            await following.until(fail, seconds=LONG)
        await settled([waiter], other)
        waiter.found = "it"
        await cancel(other, request)
        assert await waiting == "it"


async def test_a_lost_postgresql_connection_is_made_anew(postgres_url: str) -> None:
    """Whoever waits is woken for a change that came while nobody heard, and by the next one."""
    database = Database(postgres_url)
    with open_record(postgres_url) as other:
        async with watching(database) as watch:
            requests = [other.open(), other.open()]
            waiters = [Waiter(watch, request.approval_id) for request in requests]
            waiting = [asyncio.create_task(waiter.wait()) for waiter in waiters]
            await settled(waiters, other)
            assert await asyncio.to_thread(terminate_listeners, postgres_url) == 1
            # One change while nobody hears it, and one when the watch has begun anew.
            for waiter, task, request in zip(waiters, waiting, requests, strict=True):
                waiter.found = "it"
                await cancel(other, request)
                assert await asyncio.wait_for(task, 10) == "it"
    database.close()


def terminate_listeners(url: str) -> int:
    """End every connection that listens, as a failing network does; return how many there were."""
    listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^LISTEN' AND datname = %s"
    place = make_url(url).set(drivername="postgresql")
    with psycopg.connect(place.render_as_string(), autocommit=True) as connection:
        return len(connection.execute(listeners, [place.database]).fetchall())


async def test_a_wait_outlasts_an_outage(postgres_server: PostgresServer, postgres_url: str) -> None:
    """PostgreSQL stops and starts again: who waited through it is woken by a change after it."""
    database = Database(postgres_url)
    with open_record(postgres_url) as other:
        request = other.open()
        async with watching(database) as watch:
            waiter = Waiter(watch, request.approval_id)
            waiting = asyncio.create_task(waiter.wait())
            await settled([waiter], other)
            await asyncio.to_thread(postgres_server.stop)
            await asyncio.sleep(AT_ONCE)
            await asyncio.to_thread(postgres_server.start)
            waiter.found = "it"
            await cancel(other, request)
            assert await asyncio.wait_for(waiting, 10) == "it"
    database.close()


async def test_a_watch_begins_once_its_database_is_there(tmp_path: Path) -> None:
    """A volume that is mounted late only delays it."""
    database = Database(f"sqlite:///{tmp_path}/volume/assent.db")
    async with watching(database) as watch:
        # The first try finds no folder.
        await asyncio.sleep(0.1)
        await asyncio.to_thread(upgrade, database.url)
        with open_record(database.url) as other:
            request = other.open()
            waiter = Waiter(watch, request.approval_id)
            waiting = asyncio.create_task(waiter.wait())
            await settled([waiter], other)
            waiter.found = "it"
            await cancel(other, request)
            assert await asyncio.wait_for(waiting, 10) == "it"
    database.close()


@pytest.mark.parametrize("somebody_waits", [False, True])
async def test_stopping_is_quick_and_final(database: Database, other: Record, *, somebody_waits: bool) -> None:
    """The thread is gone, later changes cost nothing and wake nobody, and whoever waits runs into the end."""
    request = other.open()
    async with watching(database) as watch:
        waiter = Waiter(watch, request.approval_id)
        waiting = [asyncio.create_task(waiter.wait())] if somebody_waits else []
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        await asyncio.to_thread(watch.stop)
        assert time.monotonic() - begun < AT_ONCE
        assert not [thread for thread in threading.enumerate() if thread.name == "approval-watch"]
        await asyncio.sleep(0)
        queries, looks = Queries(database), len(waiter.looks)
        await cancel(other, request)
        await asyncio.sleep(0.1)
        assert queries.statements == []
        assert len(waiter.looks) == looks
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await Waiter(watch, request.approval_id, seconds=0.05).wait() is None
