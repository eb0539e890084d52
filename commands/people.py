"""`assent people`: add people who sign in to the dashboard, list them, disable them, give them new passwords."""
# ruff: noqa: PLC0415  the imports inside commands, as the package says

import sys
from typing import Literal

from cyclopts import App

from commands.database import open_database

app = App(name="people", help="Look after the people who sign in, with direct access to the database.")


@app.command
def add(name: str, /, *, role: Literal["reviewer", "admin", "auditor"] = "reviewer") -> None:
    """Add a person and print their password, this once.

    Args:
        name: Who the person is, for good: a-z, 0-9, `.`, `_` and `-`.
        role: What the person may do.
    """
    from assent.models import Role
    from domain.principal import Operator
    from services.people import make_person
    from services.wiring import system_clock
    from storage.people import PeopleStore

    with open_database() as database:
        made = make_person(PeopleStore(database), name, Role(role), created_by=str(Operator()), clock=system_clock)
    sys.stdout.write(f"{made.password}\n")


@app.command(name="list")
def list_people() -> None:
    """Show every person."""
    from rich.console import Console
    from rich.table import Column, Table

    from storage.people import PeopleStore

    table = Table(*(Column(title, no_wrap=True) for title in ("name", "role", "added", "by", "disabled")), box=None)
    with open_database() as database:
        for person in PeopleStore(database).all():
            disabled = "" if person.disabled_at is None else f"{person.disabled_at:%Y-%m-%d}"
            table.add_row(person.name, person.role.value, f"{person.created_at:%Y-%m-%d}", person.created_by, disabled)
    Console().print(table)


@app.command
def disable(name: str, /) -> None:
    """Let a person in no more, for good: their sessions end, and their own keys are revoked.

    Args:
        name: Who it is.
    """
    from domain.principal import Operator
    from services.wiring import system_clock
    from storage.people import PeopleStore

    with open_database() as database:
        PeopleStore(database).disable(name, by=str(Operator()), at=system_clock())
    sys.stdout.write(
        f"{name} is disabled and signed out. The keys that {name} owns are revoked, save those of agents.\n"
    )


@app.command
def password(name: str, /) -> None:
    """Give a person a new password and print it, this once. Their sessions end.

    Args:
        name: Who it is.
    """
    from domain.principal import Operator
    from services.people import reset_password
    from services.wiring import system_clock
    from storage.people import PeopleStore

    with open_database() as database:
        new = reset_password(PeopleStore(database), name, by=str(Operator()), clock=system_clock)
    sys.stdout.write(f"{new}\n")
