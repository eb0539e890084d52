"""The database connection: one code path for SQLite and PostgreSQL, synchronous, meant for threads."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Insert, String, Table, bindparam, create_engine, event, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from domain.errors import StorageUnavailableError
from storage.appended import Observer, appended_in

# A record's local activity is given 2 s a try. A write waits for this process's other writers, and then for those of
# other processes: a database that is locked or away must be told of before those 2 s are over.
LOCK_TIMEOUT_SECONDS = 0.8

CHANGED_CHANNEL = "assent_approvals"

_NOTIFY = select(func.pg_notify(CHANGED_CHANNEL, bindparam("changed_id", type_=String)))

_WRITES = "assent_writes"


class Database:
    """Opens short transactions. On SQLite one writer at a time; on PostgreSQL a small pool."""

    def __init__(self, url: str, *, pool_size: int = 8, observer: Observer | None = None) -> None:
        """Take a SQLAlchemy URL: `sqlite:///path` or `postgresql+psycopg://…`. Connects on first use.

        `observer` is handed the audit events of each transaction once it has committed, in the thread that wrote them.
        """
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url, pool_size) if self.is_sqlite else _postgresql_engine(url, pool_size)
        # PostgreSQL gives each statement its own moment unless it is told; on SQLite a transaction has one anyway.
        isolation = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**isolation)
        self._writer = self.engine.execution_options(**{_WRITES: True})
        self._one_writer = threading.Lock()
        self._observer = observer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the record. Raises StorageUnavailableError."""
        with _unavailable_told(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; it commits at the end of the block. Raises StorageUnavailableError."""
        with self._writing() as connection:
            appended = appended_in(connection)
            yield connection
        # Not before the next writer may go on.
        if appended and self._observer is not None:
            self._observer(appended)

    def clock(self) -> datetime:
        """Return the database's own time, in UTC; on SQLite that is this machine's."""
        with self.read() as connection:
            if self.is_sqlite:
                written = connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')").scalar_one()
                return datetime.fromisoformat(str(written))
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if not self.is_sqlite:
            with _unavailable_told(), self._writer.begin() as connection:
                yield connection
            return
        if not self._one_writer.acquire(timeout=LOCK_TIMEOUT_SECONDS):
            message = "The database is busy. Try again in a few seconds."
            raise StorageUnavailableError(message)
        try:
            with _unavailable_told(), self._writer.begin() as connection:
                yield connection
        finally:
            self._one_writer.release()


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless its key is there already; return whether it was inserted."""
    return connection.execute(_insert_once(connection.dialect.name, table), values).one_or_none() is not None


@cache
def _insert_once(dialect: str, table: Table) -> Insert:
    insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    # RETURNING tells on both databases; the count of inserted rows is not known on PostgreSQL.
    return insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)


def announce(connection: Connection, approval_id: str) -> None:
    """Tell the processes that wait for this approval that it has changed, once the transaction commits."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"changed_id": approval_id})


@contextmanager
def _unavailable_told() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if isinstance(error, DBAPIError) and not _is_outage(error):
            raise
        message = "The database does not answer. Nothing was recorded; try again in a few seconds."
        raise StorageUnavailableError(message) from error


def _is_outage(error: DBAPIError) -> bool:
    """Whether the database is away, locked, full or restarting, rather than refusing what was asked."""
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        # SQLite calls a wrong statement operational too; its own code tells them apart.
        wrong_statement = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR
        return isinstance(error.orig, sqlite3.OperationalError) and not wrong_statement
    return type(error).__name__ in {"OperationalError", "InterfaceError"}


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        connect_args={"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not open transactions by itself: reads would hold locks and writes could not be immediate.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A write takes its lock at once: a read that turns into a write could not wait for another writer.
        immediate = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgresql_engine(url: str, pool_size: int) -> Engine:
    milliseconds = int(LOCK_TIMEOUT_SECONDS * 1000)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 2,
            # To compile a statement takes longer than any of ours runs.
            "options": f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds * 4} -c jit=off",
        },
    )
