"""The workers' signs of life."""

from datetime import timedelta

from storage.workers import WorkerStore
from tests.storage.record import Record

A_WHILE = timedelta(seconds=15)
TICK = timedelta(seconds=1)


def test_a_worker_lives_while_it_says_so(empty_record: Record) -> None:
    """It is known by its task queue and, after it stopped in good order, no more."""
    workers = WorkerStore(empty_record.database)
    now = empty_record.database.clock()
    workers.beat("1@one", "assent", now=now)
    workers.beat("2@two", "assent", now=now)
    workers.beat("3@one", "another", now=now)
    assert {beat.identity for beat in workers.alive("assent", A_WHILE)} == {"1@one", "2@two"}
    assert [beat.identity for beat in workers.alive("another", A_WHILE)] == ["3@one"]
    assert workers.alive("nobody", A_WHILE) == []
    workers.leave("1@one")
    workers.leave("1@one")
    assert [beat.identity for beat in workers.alive("assent", A_WHILE)] == ["2@two"]


def test_a_worker_that_fell_silent_is_not_alive(empty_record: Record) -> None:
    """By the database's clock; its next beat brings it back, since when it was started unchanged."""
    workers = WorkerStore(empty_record.database)
    workers.beat("1@one", "assent", now=empty_record.database.clock())
    (born,) = empty_record.rows()["workers"]
    empty_record.execute_sql("UPDATE workers SET seen_at = :then", then=written(empty_record, A_WHILE + TICK))
    assert workers.alive("assent", A_WHILE) == []
    workers.beat("1@one", "assent", now=empty_record.database.clock())
    (beat,) = workers.alive("assent", A_WHILE)
    assert beat.seen_at >= born["seen_at"]
    assert empty_record.rows()["workers"][0]["started_at"] == born["started_at"]


def test_the_eldest_is_the_one_that_began_first_of_those_that_live(empty_record: Record) -> None:
    """Whatever has beaten since; when it stops or falls silent, the next one is."""
    workers = WorkerStore(empty_record.database)
    for identity, queue in (("0@zero", "another"), ("3@three", "assent"), ("1@one", "assent"), ("2@two", "assent")):
        workers.beat(identity, queue, now=empty_record.database.clock())
    workers.beat("3@three", "assent", now=empty_record.database.clock())
    begun = sorted(empty_record.rows()["workers"], key=lambda row: (row["started_at"], row["identity"]))
    eldest = [row["identity"] for row in begun if row["task_queue"] == "assent"]
    assert workers.eldest("assent", A_WHILE) == eldest[0]
    workers.leave(eldest[0])
    assert workers.eldest("assent", A_WHILE) == eldest[1]
    then = written(empty_record, A_WHILE + TICK)
    empty_record.execute_sql("UPDATE workers SET seen_at = :then WHERE identity = :name", then=then, name=eldest[1])
    assert workers.eldest("assent", A_WHILE) == eldest[2]
    assert workers.eldest("nobody", A_WHILE) is None


def test_a_worker_s_clock_is_compared_with_the_database_s(empty_record: Record) -> None:
    """To about the time that asking takes; at each beat anew."""
    workers = WorkerStore(empty_record.database)
    for ahead in (timedelta(hours=1), timedelta(0), timedelta(seconds=-90)):
        workers.beat("1@one", "assent", now=empty_record.database.clock() + ahead)
        (beat,) = workers.alive("assent", A_WHILE)
        assert abs(beat.clock_ahead - ahead) < TICK


def test_workers_long_gone_are_forgotten(empty_record: Record) -> None:
    """A killed worker leaves its row behind; the living clear it away after a day."""
    workers = WorkerStore(empty_record.database)
    for identity, gone in (("dead", timedelta(days=2)), ("silent", timedelta(hours=2))):
        workers.beat(identity, "assent", now=empty_record.database.clock())
        then = written(empty_record, gone)
        empty_record.execute_sql("UPDATE workers SET seen_at = :then WHERE identity = :name", then=then, name=identity)
    workers.beat("1@one", "another", now=empty_record.database.clock())
    assert {row["identity"] for row in empty_record.rows()["workers"]} == {"silent", "1@one"}


def written(record: Record, ago: timedelta) -> str:
    """Return the database's time so long ago, as both databases read it."""
    return (record.database.clock() - ago).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
