"""Where the shop lives, and transactions on its database.

It lives in `$ASSENT_DATA_DIR/shop` (`.assent/shop` when the variable is not set) and is made on first use.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from examples.shop.contents import fill

# How long a transaction waits for another one's lock. Every operation's own time is longer.
BUSY_SECONDS = 10.0


class ShopError(Exception):
    """An operation that the shop cannot do; the message tells a person why."""


def shop_folder() -> Path:
    """Return the shop's folder, which may not exist yet."""
    return Path(os.environ.get("ASSENT_DATA_DIR") or ".assent") / "shop"


def open_shop() -> Path:
    """Return the path of the shop's database, made first when there is none.

    It appears complete or not at all: it is built aside and renamed, by one process at a time.
    """
    folder = shop_folder()
    database = folder / "shop.db"
    if database.exists():
        return database
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "shop.lock").open("w") as lock:
        # Without the lock, the slower of two processes would rename its fresh shop over one already in use.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not database.exists():
            unfinished = folder / "shop.db.unfinished"
            unfinished.unlink(missing_ok=True)
            with closing(sqlite3.connect(unfinished)) as connection:
                fill(connection)
            unfinished.replace(database)
    return database


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Give a connection inside one write transaction: committed at the end, undone by any exception."""
    with closing(sqlite3.connect(open_shop(), timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
