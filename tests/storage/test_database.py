"""Transactions, and what is an outage: away, locked or full, and never a mistake of ours."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from assent.models import ApprovalStatus
from domain.errors import StorageUnavailableError
from storage.database import LOCK_TIMEOUT_SECONDS, Database
from tests.storage.builders import RECORDED, make_cancel, make_decision, make_operation, make_request
from tests.storage.record import Record, open_record
from tests.support.postgres import PostgresServer

# Of the 2 s that a record's local activity is given.
ANSWERS_WITHIN = 2.0


@contextmanager
def told_in_time() -> Iterator[None]:
    """The block must raise StorageUnavailableError, and soon enough for another try."""
    begun = time.monotonic()
    with pytest.raises(StorageUnavailableError):
        yield
    assert time.monotonic() - begun < ANSWERS_WITHIN


def test_a_transaction_commits_at_its_end_or_not_at_all(record: Record) -> None:
    """Others see nothing of it before, and nothing ever when it fails."""
    request = record.open()

    def fail() -> None:
        with record.database.write() as connection:
            connection.exec_driver_sql("UPDATE approvals SET status = 'approved'")
            assert record.status(request) is ApprovalStatus.PENDING
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert record.status(request) is ApprovalStatus.PENDING
    with record.database.write() as connection:
        connection.exec_driver_sql("UPDATE approvals SET status = 'rejected'")
    assert record.status(request) is ApprovalStatus.REJECTED


MISTAKES = (
    "SELECT * FROM nothing",
    "SELECT nothing FROM approvals",
    "SELEC",
    "INSERT INTO keys (id) VALUES ('1')",
    "INSERT INTO keys SELECT * FROM keys",
    "INSERT INTO executions VALUES ('1', '', '2026-03-02T09:30:00.000000Z', 1, NULL, NULL, NULL, NULL, NULL, false)",
)


def test_a_mistake_of_ours_is_not_an_outage(record: Record, subtests: pytest.Subtests) -> None:
    """Trying again would not help: it must be seen, not retried for ever; and it harms no later transaction."""

    def make(mistake: str) -> None:
        with record.database.write() as connection:
            connection.exec_driver_sql(mistake)

    for mistake in MISTAKES:
        with subtests.test(mistake), pytest.raises(DBAPIError):
            make(mistake)
    record.open()


def test_the_database_has_a_clock(record: Record) -> None:
    """In UTC, and on this machine it is ours."""
    before = datetime.now(UTC)
    moment = record.database.clock()
    # SQLite's has milliseconds.
    assert before - timedelta(milliseconds=1) <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(0)


def test_a_sqlite_database_survives_a_crash_of_the_machine(sqlite_url: str) -> None:
    """Each commit is on the disk before it is acknowledged, and references are held."""
    with open_record(sqlite_url) as record, record.database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_sqlite_database_locked_by_another_process_is_an_outage(sqlite_url: str) -> None:
    """Writes are told in time, reads go on, and once it is free everything works."""
    with open_record(sqlite_url) as record:
        request = record.open()
        with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with told_in_time():
                record.store.decide(make_decision(request), at=RECORDED)
            assert record.status(request) is ApprovalStatus.PENDING
            other.execute("ROLLBACK")
        assert record.store.decide(make_decision(request), at=RECORDED).status is ApprovalStatus.APPROVED


def test_a_sqlite_write_waits_for_that_of_another_process(sqlite_url: str) -> None:
    """A short one is no outage: the write takes its turn, and sees what the other one wrote."""
    with open_record(sqlite_url) as record:
        request = record.open()
        with closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE approvals SET status = 'cancelled'")
            commit = threading.Timer(LOCK_TIMEOUT_SECONDS / 4, other.execute, ["COMMIT"])
            commit.start()
            assert record.store.decide(make_decision(request), at=RECORDED).status is ApprovalStatus.CANCELLED
            commit.join()


def test_a_sqlite_database_busy_in_this_process_is_an_outage(sqlite_url: str) -> None:
    """One writer at a time, and nobody waits for ever."""
    with open_record(sqlite_url) as record:
        writing, done = threading.Event(), threading.Event()

        def hold() -> None:
            with record.database.write():
                writing.set()
                done.wait(10 * LOCK_TIMEOUT_SECONDS)

        holder = threading.Thread(target=hold)
        holder.start()
        assert writing.wait(10)
        with told_in_time():
            record.open()
        done.set()
        holder.join()
        record.open()


def test_a_full_disk_is_an_outage(sqlite_url: str) -> None:
    """Nothing of the transaction is there; with room again, the same record is written."""
    with open_record(sqlite_url) as record:
        limits: list[int] = []

        @event.listens_for(record.database.engine, "begin")
        def _limit(connection: Connection) -> None:
            pages = limits[-1] if limits else 0
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages or 1_000_000}")

        big = make_request(make_operation({"text": "x" * 200_000}))
        with record.database.read() as connection:
            limits.append(connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 4)
        before = record.rows()
        with told_in_time():
            record.open(big)
        assert record.rows() == before
        limits.append(0)
        record.open(big)
        assert record.get(big).operation == big.operation


def test_a_place_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    """Such as a volume that is not mounted; and it is found when it comes back."""
    database = Database(f"sqlite:///{tmp_path}/volume/assent.db")
    with told_in_time():
        database.clock()
    (tmp_path / "volume").mkdir()
    assert database.clock().tzinfo is UTC
    database.close()


def test_a_postgresql_row_locked_by_somebody_else_is_an_outage(postgres_url: str) -> None:
    """A write is told in time, reads go on, and once it is free everything works."""
    with open_record(postgres_url) as record:
        request = record.open()
        with connect(postgres_url) as other, other.transaction():
            other.execute("SELECT * FROM approvals FOR UPDATE")
            with told_in_time():
                record.store.cancel(make_cancel(request), at=RECORDED)
            assert record.status(request) is ApprovalStatus.PENDING
        assert record.store.cancel(make_cancel(request), at=RECORDED).status is ApprovalStatus.CANCELLED


def test_a_postgresql_that_is_stopped_is_an_outage(postgres_server: PostgresServer, postgres_url: str) -> None:
    """Reads and writes are told at once; started again, the same object works, with everything there."""
    with open_record(postgres_url) as record:
        request = record.open()
        before = record.rows()
        postgres_server.stop()
        for _ in range(2):
            with told_in_time():
                record.store.decide(make_decision(request), at=RECORDED)
            with told_in_time():
                record.get(request)
        postgres_server.start()
        assert record.rows() == before
        assert record.store.decide(make_decision(request), at=RECORDED).status is ApprovalStatus.APPROVED


def test_a_connection_lost_in_the_middle_is_an_outage(postgres_url: str) -> None:
    """Nothing of the transaction is there, and the next one gets another connection."""
    with open_record(postgres_url) as record:
        request = record.open()
        with told_in_time(), record.database.write() as connection:
            connection.exec_driver_sql("UPDATE approvals SET status = 'approved'")
            mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with connect(postgres_url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [mine])
            connection.exec_driver_sql("UPDATE approvals SET status = 'rejected'")
        assert record.status(request) is ApprovalStatus.PENDING


def test_more_readers_than_connections_are_told(postgres_url: str) -> None:
    """When every connection is taken, nobody waits for ever."""
    database = Database(postgres_url, pool_size=1)
    with database.read(), told_in_time():
        database.clock()
    assert database.clock().tzinfo is UTC
    database.close()


def connect(url: str) -> psycopg.Connection:
    """Return a connection that knows nothing of ours."""
    return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(), autocommit=True)


def file_of(url: str) -> str:
    """Return the file of an SQLite database."""
    file = make_url(url).database
    assert file is not None
    return file
