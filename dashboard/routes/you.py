"""Oneself: one's sessions, and one's password."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from dashboard.refusals import RefusedForm
from dashboard.screen import Screen, ScreenDep
from dashboard.views.browsers import browser_name
from domain.errors import InvalidPersonError, SessionNotFoundError, SignInFailedError, TooManySignInsError
from domain.frozen import Frozen
from domain.people import MIN_PASSWORD, Session

router = APIRouter(prefix="/you")

_LONGEST = 512


class ShownSession(Frozen):
    """A session in the list. `browser` is None where what the browser calls itself is not understood."""

    session: Session
    browser: str | None
    is_this: bool


@router.get("")
async def show(screen: ScreenDep, changed: str | None = None) -> HTMLResponse:
    """Show who one is, one's sessions, and the form for another password."""
    said = "Your password is changed, and your other sessions have ended." if changed is not None else ""
    return await _page(screen, said=said)


@router.post("/sessions/{session_id}/end")
async def end(screen: ScreenDep, session_id: str) -> Response:
    """End one of one's own sessions."""
    # One that has ended by itself meanwhile is what was wanted.
    with suppress(SessionNotFoundError):
        await screen.services.sign_in.end(screen.principal, session_id)
    return RedirectResponse("/you", 303)


@router.post("/sessions/end-others")
async def end_others(screen: ScreenDep) -> Response:
    """End all of one's sessions but this one."""
    for session in await screen.services.sign_in.sessions_of(screen.principal):
        if session.session_id != screen.session.session_id:
            with suppress(SessionNotFoundError):
                await screen.services.sign_in.end(screen.principal, session.session_id)
    return RedirectResponse("/you", 303)


@router.post("/password")
async def change_password(
    screen: ScreenDep,
    old: Annotated[str, Form(max_length=_LONGEST)] = "",
    new: Annotated[str, Form(max_length=_LONGEST)] = "",
) -> Response:
    """Give oneself another password, which ends one's other sessions."""
    try:
        await screen.services.sign_in.change_password(screen.session, old, new)
    except (SignInFailedError, InvalidPersonError, TooManySignInsError) as error:
        return await _page(screen, RefusedForm("password", error))
    return RedirectResponse("/you?changed", 303)


async def _page(screen: Screen, refused: RefusedForm | None = None, *, said: str = "") -> HTMLResponse:
    sessions = [
        ShownSession(
            session=each,
            browser=browser_name(each.client),
            is_this=each.session_id == screen.session.session_id,
        )
        for each in await screen.services.sign_in.sessions_of(screen.principal)
    ]
    return await screen.page(
        "you.html",
        status=200 if refused is None else refused.status,
        sessions=sorted(sessions, key=lambda each: not each.is_this),
        shortest=MIN_PASSWORD,
        refused=refused,
        said=said,
    )
