"""The page of people, keys and pauses, which all of its forms come back to."""

from collections.abc import Iterable

from fastapi.responses import HTMLResponse

from assent.models import Key, Role
from dashboard.refusals import RefusedForm
from dashboard.screen import Screen
from domain.errors import KeyNotFoundError, PersonNotFoundError, RoleNotAllowedError
from domain.people import Person

PERSON_ROLES = (Role.REVIEWER, Role.ADMIN, Role.AUDITOR)


async def team_page(screen: Screen, refused: RefusedForm | None = None) -> HTMLResponse:
    """Show everything, with what was refused above the form that sent it. Raises RoleNotAllowedError."""
    services, principal = screen.services, screen.principal
    people = await services.people.all(principal)
    keys = await services.keys.all(principal)
    return await screen.page(
        "people.html",
        status=200 if refused is None else refused.status,
        people=sorted(people, key=lambda each: (each.disabled_at is not None, each.name)),
        keys=sorted(keys, key=lambda each: (each.revoked_at is not None, each.name)),
        pauses=await services.pauses.active(principal),
        agents=agents_of(keys),
        types=services.catalog.operation_types,
        roles=PERSON_ROLES,
        refused=refused,
    )


def agents_of(keys: Iterable[Key]) -> list[str]:
    """Return the names of the agents that have a key in force, in order."""
    return sorted({key.name for key in keys if key.role is Role.AGENT and key.revoked_at is None})


async def person_named(screen: Screen, name: str) -> Person:
    """Return a person, to an admin who is about to change them. Raises RoleNotAllowedError or PersonNotFoundError."""
    _check_admin(screen)
    found = next((each for each in await screen.services.people.all(screen.principal) if each.name == name), None)
    if found is None:
        message = "There is no such person. People and keys lists them."
        raise PersonNotFoundError(message)
    return found


async def key_with(screen: Screen, key_id: str) -> Key:
    """Return a key, to an admin who is about to revoke it. Raises RoleNotAllowedError or KeyNotFoundError."""
    _check_admin(screen)
    found = next((each for each in await screen.services.keys.all(screen.principal) if each.id == key_id), None)
    if found is None:
        message = "There is no such key. People and keys lists them."
        raise KeyNotFoundError(message)
    return found


def _check_admin(screen: Screen) -> None:
    if screen.principal.role is not Role.ADMIN:
        message = f"The role {screen.principal.role.value} changes nothing here. Ask an admin."
        raise RoleNotAllowedError(message)
