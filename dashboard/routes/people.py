"""People: who signs in, with which role. Passwords that are made here are shown once."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from assent.models import Role
from dashboard.refusals import RefusedForm
from dashboard.screen import Screen, ScreenDep
from dashboard.team import PERSON_ROLES, person_named, team_page
from domain.errors import AssentError, InvalidPersonError, NameTakenError, TemporalUnavailableError, TooManySignInsError
from domain.people import Person

router = APIRouter(prefix="/people")

_LONGEST = 200


@router.get("")
async def show(screen: ScreenDep) -> HTMLResponse:
    """Show people, keys and pauses, to admins and auditors."""
    return await team_page(screen)


@router.post("")
async def add(
    screen: ScreenDep,
    name: Annotated[str, Form(max_length=_LONGEST)] = "",
    role: Annotated[Role, Form()] = Role.REVIEWER,
) -> HTMLResponse:
    """Add a person, and show their password, this once."""
    name = name.strip()
    try:
        added = await screen.services.people.add(screen.principal, name, role)
    except (InvalidPersonError, NameTakenError, TooManySignInsError) as error:
        return await team_page(screen, RefusedForm("people", error, {"name": name, "role": role.value}))
    return await _show_password(screen, f"{added.person.name} can sign in", added.person.name, added.password)


@router.get("/{name}")
async def show_person(screen: ScreenDep, name: str) -> HTMLResponse:
    """Show what an admin can change of one person."""
    return await _person_page(screen, await person_named(screen, name))


@router.post("/{name}/role")
async def change_role(screen: ScreenDep, name: str, role: Annotated[Role, Form()]) -> Response:
    """Give a person another role."""
    try:
        await screen.services.people.change_role(screen.principal, name, role)
    except InvalidPersonError as error:
        return await _person_page(screen, await person_named(screen, name), RefusedForm("role", error))
    return RedirectResponse("/people", 303)


@router.post("/{name}/password")
async def reset_password(screen: ScreenDep, name: str) -> HTMLResponse:
    """Give a person a new password, and show it, this once."""
    try:
        password = await screen.services.people.reset_password(screen.principal, name)
    except (InvalidPersonError, TooManySignInsError) as error:
        return await _person_page(screen, await person_named(screen, name), RefusedForm("password", error))
    return await _show_password(screen, f"{name} has a new password", name, password)


@router.get("/{name}/disable")
async def ask_to_disable(screen: ScreenDep, name: str) -> Response:
    """Show what disabling a person does. It disables nobody."""
    person = await person_named(screen, name)
    return _back(name) if person.disabled_at is not None else await _disable_page(screen, person)


@router.post("/{name}/disable")
async def disable(screen: ScreenDep, name: str) -> Response:
    """Let a person in no more."""
    try:
        await screen.services.people.disable(screen.principal, name)
    except InvalidPersonError as error:
        return await _disable_page(screen, await person_named(screen, name), error)
    except TemporalUnavailableError:
        rest = "so not all that their keys have pending is cancelled yet. Press the button again in a few seconds."
        told = TemporalUnavailableError(f"{name} is disabled. Temporal does not answer, {rest}")
        return await _disable_page(screen, await person_named(screen, name), told)
    return RedirectResponse("/people", 303)


async def _person_page(screen: Screen, person: Person, refused: RefusedForm | None = None) -> HTMLResponse:
    status = 200 if refused is None else refused.status
    return await screen.page("person.html", status=status, person=person, roles=PERSON_ROLES, refused=refused)


async def _show_password(screen: Screen, title: str, name: str, password: str) -> HTMLResponse:
    advice = "Give it to them where nobody else reads it. They can change it once they are signed in."
    return await screen.page(
        "made.html", title=title, label=f"Password of {name}", secret=password, advice=advice, back="/people"
    )


async def _disable_page(screen: Screen, person: Person, error: AssentError | None = None) -> HTMLResponse:
    effects = [
        "Every session of theirs ends at once.",
        "The keys that they own are revoked, save those of agents, and what those have pending is cancelled.",
        "What they have approved and has not started will not run.",
        "It is for good: nobody gets this name again.",
    ]
    if person.name == screen.principal.name:
        effects.insert(0, "This is you: you are signed out, and can't sign in again.")
    refused = None if error is None else RefusedForm("disable", error)
    return await screen.page(
        "confirm.html",
        status=200 if refused is None else refused.status,
        title=f"Disable {person.name}?",
        effects=effects,
        refused=refused,
        verb=f"Disable {person.name}",
        action=f"/people/{person.name}/disable",
        back=f"/people/{person.name}",
    )


def _back(name: str) -> RedirectResponse:
    return RedirectResponse(f"/people/{name}", 303)
