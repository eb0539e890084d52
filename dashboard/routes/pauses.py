"""Pause and resume: everything, one agent, or one operation type."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.responses import Response

from assent.models import MAX_REASON, NewPause, PauseScope
from dashboard.refusals import RefusedForm
from dashboard.screen import ScreenDep
from dashboard.team import team_page
from domain.errors import AlreadyPausedError, InvalidInputError, PauseNotFoundError

router = APIRouter(prefix="/pauses")

EVERYTHING, AGENT, OPERATION_TYPE = "everything", "agent", "type"

# A line break is one character in the field and two on its way.
_LONGEST = 2 * MAX_REASON
_Scope = Annotated[str, Form(max_length=200)]


@router.post("")
async def pause(
    screen: ScreenDep, scope: _Scope = "", reason: Annotated[str, Form(max_length=_LONGEST)] = ""
) -> Response:
    """Pause what `scope` names: `everything`, `agent:<name>` or `type:<operation type>`."""
    reason = reason.replace("\r\n", "\n").strip()
    try:
        await screen.services.pauses.pause(screen.principal, _new_pause(scope, reason))
    except (InvalidInputError, AlreadyPausedError) as error:
        return await team_page(screen, RefusedForm("pause", error, {"scope": scope, "reason": reason}))
    return RedirectResponse("/people#pause", 303)


@router.post("/resume")
async def resume(screen: ScreenDep, scope: _Scope) -> Response:
    """End the pause of exactly this scope."""
    try:
        await screen.services.pauses.resume(screen.principal, PauseScope.model_validate(_named(scope)))
    except (ValidationError, PauseNotFoundError):
        message = "That is not paused any more. Here is what is paused now."
        return await team_page(screen, RefusedForm("paused", PauseNotFoundError(message)))
    return RedirectResponse("/people#pause", 303)


def _new_pause(scope: str, reason: str) -> NewPause:
    try:
        return NewPause.model_validate({**_named(scope), "reason": reason})
    except ValidationError as error:
        message = f"Choose what to pause, and say why in 1 to {MAX_REASON:,} characters: it is read wherever it holds."
        raise InvalidInputError(message) from error


def _named(scope: str) -> dict[str, str]:
    """Return the scope's fields; of no known kind, they make no scope."""
    kind, _, name = scope.partition(":")
    if scope == EVERYTHING:
        return {}
    return {{AGENT: "agent_id", OPERATION_TYPE: "operation_type"}.get(kind, "unknown"): name}
