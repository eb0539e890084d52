"""Waiting for another process to change the record: SQLite's change counter, or PostgreSQL's notifications."""

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy.engine import make_url
from typing_extensions import override

from storage.database import CHANGED_CHANNEL, Database

_LOOK_EVERY_SECONDS = 0.02


class Changes(ABC):
    """A watch on the record, for one thread. Use it as a context manager."""

    @abstractmethod
    def wait(self, timeout: float) -> bool:
        """Return True as soon as something may have changed, False after `timeout` seconds without a change."""

    @abstractmethod
    def close(self) -> None:
        """Stop watching."""

    def __enter__(self) -> Self:
        """Start watching."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self.close()


def watch_changes(database: Database) -> Changes:
    """Return a watch on `database`, on a connection of its own."""
    return _SqliteChanges(database) if database.is_sqlite else _PostgresqlChanges(database)


class _SqliteChanges(Changes):
    """`PRAGMA data_version` counts the commits of every other connection, at the cost of reading one page."""

    def __init__(self, database: Database) -> None:
        self._connection = database.engine.raw_connection()
        self._connection.detach()
        self._seen = self._version()

    @override
    def wait(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while (version := self._version()) == self._seen:
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK_EVERY_SECONDS)
        self._seen = version
        return True

    @override
    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        cursor = self._connection.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            row = cursor.fetchone()
            return 0 if row is None else int(row[0])
        finally:
            cursor.close()


class _PostgresqlChanges(Changes):
    """LISTEN on the channel that every change of an approval announces."""

    def __init__(self, database: Database) -> None:
        url = make_url(database.url).set(drivername="postgresql")
        # SQLAlchemy leaves spaces in a password as they are, and libpq refuses them.
        address = url.render_as_string(hide_password=False).replace(" ", "%20")
        self._connection = psycopg.connect(address, autocommit=True, connect_timeout=2)
        try:
            self._connection.execute(f"LISTEN {CHANGED_CHANNEL}")
        except psycopg.Error:
            self._connection.close()
            raise

    def _notified(self, timeout: float) -> bool:
        return len(list(self._connection.notifies(timeout=timeout, stop_after=1))) > 0

    @override
    def wait(self, timeout: float) -> bool:
        if not self._notified(timeout):
            return False
        # What has piled up since tells nothing new.
        while self._notified(0):
            pass
        return True

    @override
    def close(self) -> None:
        self._connection.close()
