"""Direct access to the database, for the person who operates Assent; errors become sentences."""
# ruff: noqa: PLC0415  the imports inside functions: a command that is not called costs nothing

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.errors import StartError
from domain.errors import StorageUnavailableError

if TYPE_CHECKING:
    from storage.database import Database


@contextlib.contextmanager
def open_database() -> "Iterator[Database]":
    """Open the configured database. Raises StartError when it cannot be used."""
    from sqlalchemy.exc import SQLAlchemyError

    from config.settings import load_settings
    from storage.database import Database

    database = Database(load_settings(need_signing_keys=False).database_url)
    try:
        yield database
    except (SQLAlchemyError, StorageUnavailableError) as error:
        message = f"The database cannot be used ({first_line(error)}): run `assent db upgrade` if it is new."
        raise StartError(message) from error
    finally:
        database.close()


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).partition("\n")[0]
