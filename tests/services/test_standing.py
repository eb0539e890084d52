"""Whether anything would run: a worker of this service's task queue that lives, and the pauses in force."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from assent.models import Pause, PauseScope
from services.readiness import WORKER_SEEN_WITHIN
from services.standing import KEPT_FOR_SECONDS, Standing, Standings
from storage.database import Database
from storage.pauses import PauseStore
from storage.tables import workers
from storage.workers import WorkerStore
from tests.services.waiters import Queries
from tests.storage.builders import STARTED

TASK_QUEUE = "assent"
PAUSE = Pause(id="p-1", reason="The provider is down.", started_by="admin:automation", started_at=STARTED)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database as this process has it."""
    database = Database(database_url)
    try:
        yield database
    finally:
        database.close()


def standings_of(database: Database, clock: Clock) -> Standings:
    return Standings(WorkerStore(database), PauseStore(database), task_queue=TASK_QUEUE, monotonic=clock)


async def test_a_worker_stands_while_it_was_seen(database: Database) -> None:
    """One of this task queue, seen a short time ago by the database's clock; no other one counts."""
    clock = Clock()
    standings = standings_of(database, clock)
    assert await standings.current() == Standing(worker=False)
    store = WorkerStore(database)
    for identity, task_queue, age, lives in (
        ("elsewhere", "other", timedelta(0), False),
        ("gone", TASK_QUEUE, WORKER_SEEN_WITHIN + timedelta(seconds=1), False),
        ("here", TASK_QUEUE, WORKER_SEEN_WITHIN - timedelta(seconds=10), True),
    ):
        store.beat(identity, task_queue, now=database.clock())
        with database.write() as connection:
            moved = update(workers).where(workers.c.identity == identity)
            connection.execute(moved.values(seen_at=database.clock() - age))
        clock.seconds += KEPT_FOR_SECONDS
        assert (await standings.current()).worker == lives, identity


async def test_pauses_stand_while_they_are_in_force(database: Database) -> None:
    """Those of today, the oldest first, and none that has ended."""
    clock = Clock()
    standings, store = standings_of(database, clock), PauseStore(database)
    one = PAUSE.model_copy(update={"id": "p-2", "agent_id": "billing", "started_at": STARTED + timedelta(seconds=1)})
    store.start(one)
    store.start(PAUSE)
    assert (await standings.current()).pauses == (PAUSE, one)
    store.end(PauseScope(), by="admin:automation", at=STARTED)
    clock.seconds += KEPT_FOR_SECONDS
    assert (await standings.current()).pauses == (one,)


async def test_many_who_ask_cost_as_much_as_one(database: Database) -> None:
    """At once and within a second; then it is looked up again."""
    clock = Clock()
    standings = standings_of(database, clock)
    queries = Queries(database)
    await standings.current()
    once = len(queries.statements)
    assert once > 0
    clock.seconds += KEPT_FOR_SECONDS * 0.9
    await asyncio.gather(*(standings.current() for _ in range(50)))
    assert len(queries.statements) == once
    clock.seconds += KEPT_FOR_SECONDS * 0.1
    await asyncio.gather(*(standings.current() for _ in range(50)))
    assert len(queries.statements) == 2 * once


async def test_what_this_process_changed_is_seen_at_once(database: Database) -> None:
    """Whoever pauses reads on the next page that it is paused."""
    standings = standings_of(database, Clock())
    assert (await standings.current()).pauses == ()
    PauseStore(database).start(PAUSE)
    assert (await standings.current()).pauses == ()
    standings.forget()
    assert (await standings.current()).pauses == (PAUSE,)
