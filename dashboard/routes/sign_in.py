"""Signing in, by password or by a one-time link, and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from dashboard.refusals import status_of
from dashboard.screen import pages_of
from dashboard.session import (
    ServicesDep,
    SignedIn,
    address_of,
    client_of,
    forget_cookie,
    safe_next,
    session_of,
    set_cookie,
)
from domain.errors import AssentError, SignInFailedError, TooManySignInsError

router = APIRouter()

Next = Annotated[str, Query(alias="next", max_length=2_000)]
_LONGEST = 512


@router.get("/sign-in")
async def show(request: Request, wanted: Next = "/") -> Response:
    """Show the form; whoever is signed in already goes on."""
    if await session_of(request) is not None:
        return RedirectResponse(safe_next(wanted), 303)
    return _form(request, wanted=safe_next(wanted))


@router.post("/sign-in")
async def by_password(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Form(max_length=_LONGEST)],
    password: Annotated[str, Form(max_length=_LONGEST)],
    wanted: Annotated[str, Form(alias="next", max_length=2_000)] = "/",
) -> Response:
    """Sign in by name and password."""
    try:
        signed = await services.sign_in.by_password(
            name.strip(), password, client=client_of(request), address=address_of(request)
        )
    except (SignInFailedError, TooManySignInsError) as error:
        return _form(request, wanted=safe_next(wanted), name=name, refused=error)
    response = RedirectResponse(safe_next(wanted), 303)
    set_cookie(request, response, signed.token)
    return response


@router.get("/sign-in/{token}")
async def show_link(request: Request, token: str) -> HTMLResponse:
    """Show a button: programs that open links by themselves must not use this one up."""
    return HTMLResponse(pages_of(request).render("sign_in_link.html", token=token[:_LONGEST], refused=""))


@router.post("/sign-in/{token}")
async def by_link(request: Request, services: ServicesDep, token: str) -> Response:
    """Sign in by a one-time link."""
    try:
        signed = await services.sign_in.by_link(
            token[:_LONGEST], client=client_of(request), address=address_of(request)
        )
    except (SignInFailedError, TooManySignInsError) as error:
        # A link that is tried too often is not used up.
        again = token[:_LONGEST] if isinstance(error, TooManySignInsError) else ""
        return _refused(pages_of(request).render("sign_in_link.html", token=again, refused=error.detail), error)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, signed.token)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, services: ServicesDep, session: SignedIn) -> Response:
    """End this session."""
    await services.sign_in.sign_out(session)
    response = RedirectResponse("/sign-in", 303)
    # What this browser keeps for itself, such as the reasons last used, goes too.
    response.headers["Clear-Site-Data"] = '"storage"'
    forget_cookie(request, response)
    return response


def _form(request: Request, *, wanted: str, name: str = "", refused: AssentError | None = None) -> HTMLResponse:
    shown = pages_of(request).render(
        "sign_in.html", wanted=wanted, name=name, refused=None if refused is None else refused.detail
    )
    return HTMLResponse(shown) if refused is None else _refused(shown, refused)


def _refused(shown: str, refused: AssentError) -> HTMLResponse:
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    return HTMLResponse(shown, status_of(refused), headers)
