"""`assent keys`: make and list keys."""
# ruff: noqa: PLC0415  the imports inside commands, as the package says

import sys
from typing import Literal

from cyclopts import App

from commands.database import open_database
from config.errors import StartError

app = App(name="keys", help="Make and list keys, with direct access to the database.")


@app.command
def add(
    name: str, /, *, role: Literal["agent", "reviewer", "admin", "auditor"] = "agent", owner: str | None = None
) -> None:
    """Make a key and print it, this once.

    Args:
        name: Who the holder is, for good: a-z, 0-9, `.`, `_` and `-`.
        role: What the holder may do.
        owner: The person who answers for it, whose votes count once over all their keys.
    """
    from assent.models import NewKey, Role
    from domain.principal import Operator
    from services.keys import make_key
    from services.wiring import system_clock
    from storage.keys import KeyStore

    try:
        wanted = NewKey(name=name, role=Role(role), owner=owner)
    except ValueError:
        message = "Name and owner begin with a-z or 0-9, and go on with those, '.', '_' or '-', up to 63 characters."
        raise StartError(message) from None
    with open_database() as database:
        created = make_key(KeyStore(database), wanted, created_by=str(Operator()), clock=system_clock)
    sys.stdout.write(f"{created.key}\n")


@app.command(name="list")
def list_keys() -> None:
    """Show every key, without its secret."""
    from rich.console import Console
    from rich.table import Column, Table

    from storage.keys import KeyStore

    table = Table(
        *(Column(title, no_wrap=True) for title in ("id", "name", "role", "owner", "made", "revoked")), box=None
    )
    with open_database() as database:
        for key in KeyStore(database).all():
            revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d}"
            table.add_row(key.id, key.name, key.role.value, key.owner, f"{key.created_at:%Y-%m-%d}", revoked)
    Console().print(table)
