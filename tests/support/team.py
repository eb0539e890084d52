"""People who sign in to the dashboard of a test's stack."""

from assent.models import Role
from services.people import make_person
from services.wiring import system_clock
from storage.people import PeopleStore
from tests.support.stack import Stack

PASSWORD = "correct horse battery"  # noqa: S105  the tests' own

REVIEWER, SECOND_REVIEWER, ADMIN, AUDITOR = "grace", "hugo", "iris", "otto"
"""Names of their own: a key and a person never share one."""

_ROLES = {REVIEWER: Role.REVIEWER, SECOND_REVIEWER: Role.REVIEWER, ADMIN: Role.ADMIN, AUDITOR: Role.AUDITOR}


def add_team(stack: Stack) -> None:
    """Make two reviewers, an admin and an auditor, all with the same password."""
    for name, role in _ROLES.items():
        add_person(stack, name, role)


def add_person(stack: Stack, name: str, role: Role) -> None:
    """Make somebody who can sign in."""
    make_person(
        PeopleStore(stack.database), name, role, created_by="system:test", clock=system_clock, password=PASSWORD
    )
