"""SQLite databases: one file is migrated once, and each test gets a copy."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from storage import migrate


class SqliteTemplate:
    """A migrated, empty database file."""

    def __init__(self, folder: Path) -> None:
        """Make the file in `folder`."""
        self._file = folder / "template.db"
        migrate.upgrade(_url(self._file))
        # Without its write-ahead log the file is the whole database.
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def copy(self, file: Path) -> str:
        """Copy the database to `file`; return its SQLAlchemy URL."""
        shutil.copyfile(self._file, file)
        return _url(file)


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


@contextmanager
def locked(database_url: str) -> Iterator[None]:
    """Hold SQLite's only write lock, as a stuck backup would."""
    with closing(sqlite3.connect(str(make_url(database_url).database), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
