"""Names: people and keys share them, since votes are counted by the person behind a name."""

from sqlalchemy import Connection, func, select

from domain.errors import NameTakenError
from storage.tables import keys, people

_ONE_AT_A_TIME = 7_263_548_102
"""The PostgreSQL advisory lock of whoever takes a name or changes a person."""


def take_turn(connection: Connection) -> None:
    """Wait until nobody else takes a name or changes a person; until this transaction ends, nobody else does.

    No constraint spans two tables, and none says that an admin must be left.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))


def take_name(connection: Connection, name: str) -> None:
    """Keep `name` for this transaction's new key or person. Raises NameTakenError when one has or had it."""
    take_turn(connection)
    for holder, column in (("key", keys.c.name), ("person", people.c.name)):
        if connection.execute(select(column).where(column == name)).one_or_none() is not None:
            message = (
                f"The name {name!r} is or was in use by a {holder}. Names are never reused, and people and keys share "
                "them; choose another."
            )
            raise NameTakenError(message)
