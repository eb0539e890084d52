"""Keys: made, with their secret shown once, and revoked."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError
from starlette.responses import Response

from assent.models import ApprovalStatus, Key, NewKey, Role
from dashboard.pages import count
from dashboard.refusals import RefusedForm
from dashboard.screen import Screen, ScreenDep
from dashboard.team import key_with, team_page
from domain.errors import InvalidInputError, NameTakenError, TemporalUnavailableError
from domain.listing import ApprovalFilter, Sort
from domain.people import NAME_RULE

router = APIRouter(prefix="/keys")

_LONGEST = 200
_COUNTED = 100


@router.post("")
async def make(
    screen: ScreenDep,
    name: Annotated[str, Form(max_length=_LONGEST)] = "",
    role: Annotated[Role, Form()] = Role.AGENT,
    owner: Annotated[str, Form(max_length=_LONGEST)] = "",
) -> HTMLResponse:
    """Make a key, and show its secret, this once."""
    name, owner = name.strip(), owner.strip()
    try:
        made = await screen.services.keys.create(screen.principal, _wanted(name, role, owner))
    except (InvalidInputError, NameTakenError) as error:
        typed = {"name": name, "role": role.value, "owner": owner}
        return await team_page(screen, RefusedForm("keys", error, typed))
    advice = "Keep it where secrets are kept. The Python client reads it from ASSENT_KEY; in HTTP it is a Bearer token."
    return await screen.page(
        "made.html",
        title=f"{made.name} has a key",
        label=f"Key of {made.name}",
        secret=made.key,
        advice=advice,
        back="/people#keys",
    )


@router.get("/{key_id}/revoke")
async def ask_to_revoke(screen: ScreenDep, key_id: str) -> Response:
    """Show what revoking a key does. It revokes nothing."""
    key = await key_with(screen, key_id)
    return RedirectResponse("/people#keys", 303) if key.revoked_at is not None else await _revoke_page(screen, key)


@router.post("/{key_id}/revoke")
async def revoke(screen: ScreenDep, key_id: str) -> Response:
    """Revoke a key at once, and cancel what its agent has pending."""
    try:
        await screen.services.keys.revoke(screen.principal, key_id)
    except TemporalUnavailableError:
        rest = "so not all that its agent has pending is cancelled yet. Press the button again in a few seconds."
        message = f"The key is revoked. Temporal does not answer, {rest}"
        refused = RefusedForm("revoke", TemporalUnavailableError(message))
        return await _revoke_page(screen, await key_with(screen, key_id), refused)
    return RedirectResponse("/people#keys", 303)


async def _revoke_page(screen: Screen, key: Key, refused: RefusedForm | None = None) -> HTMLResponse:
    effects = ["Whoever uses it is refused from that moment.", "It is for good: nothing gets this name again."]
    if key.role is Role.AGENT:
        effects[1:1] = [await _pending(screen, key.name), "What was approved and has not started is refused."]
    return await screen.page(
        "confirm.html",
        status=200 if refused is None else refused.status,
        title=f"Revoke the key of {key.name}?",
        effects=effects,
        refused=refused,
        verb="Revoke the key",
        action=f"/keys/{key.id}/revoke",
        back="/people#keys",
    )


async def _pending(screen: Screen, agent_id: str) -> str:
    """Return what becomes of the agent's requests that wait, with how many there are now."""
    wanted = ApprovalFilter(status=ApprovalStatus.PENDING, agent_id=agent_id)
    page = await screen.services.approvals.page(screen.principal, wanted, sort=Sort.NEWEST, limit=_COUNTED, cursor=None)
    number = count(len(page.items)) if page.items else "none"
    more = " or more" if page.next_cursor is not None else ""
    return f"The agent's pending approvals are cancelled: {number}{more} at this moment."


def _wanted(name: str, role: Role, owner: str) -> NewKey:
    try:
        return NewKey(name=name, role=role, owner=owner or None)
    except ValidationError as error:
        raise InvalidInputError(NAME_RULE) from error
