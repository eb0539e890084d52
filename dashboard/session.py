"""Who looks at the page: the session behind the cookie, or a way to the sign-in page."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from starlette.responses import Response

from domain.people import Session
from services.wiring import Services

_NAME = "assent_session"
_LONGEST_CLIENT = 255
_LIVE = "/live"
_UNATTENDED = "assent-unattended"


class SignedOutError(Exception):
    """Nobody is signed in; the page asked for comes after that."""


def services_of(request: Request) -> Services:
    """Return the use cases that this process has opened."""
    services: Services = request.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def session_of(request: Request, *, used: bool = True) -> Session | None:
    """Return the session of the cookie, or None when it is not one in force.

    `used`: False for what a page asks by itself, so that one left open does not keep the session from ending.
    """
    token = request.cookies.get(cookie_name(request))
    return None if token is None else await services_of(request).sign_in.session(token, used=used)


async def _signed_in(request: Request) -> Session:
    unattended = request.url.path == _LIVE or _UNATTENDED in request.headers
    session = await session_of(request, used=not unattended)
    if session is None:
        raise SignedOutError
    return session


SignedIn = Annotated[Session, Depends(_signed_in)]


def cookie_name(request: Request) -> str:
    """Return the cookie's name: over HTTPS with the prefix that browsers tie to this host and to Secure."""
    return f"__Host-{_NAME}" if _is_secure(request) else _NAME


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser its session. The server's own time limits end it; the browser forgets it when it closes."""
    response.set_cookie(
        cookie_name(request), token, path="/", httponly=True, samesite="lax", secure=_is_secure(request)
    )


def forget_cookie(request: Request, response: Response) -> None:
    """Take the session away from the browser."""
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="lax", secure=_is_secure(request))


def client_of(request: Request) -> str:
    """Return what the browser calls itself, for the list of one's sessions."""
    return request.headers.get("user-agent", "")[:_LONGEST_CLIENT]


def address_of(request: Request) -> str:
    """Return the address that the request comes from."""
    return "" if request.client is None else request.client.host


def sign_in_address(request: Request) -> str:
    """Return the sign-in page, which leads back to the page that was wanted, or that this was sent from."""
    sent_from_a_page = request.method != "GET" or request.headers.get("hx-request") == "true"
    page = urlsplit(request.headers.get("referer", "") if sent_from_a_page else str(request.url))
    wanted = f"{page.path}?{page.query}" if page.query else page.path
    return f"/sign-in?{urlencode({'next': wanted})}" if wanted not in {"", "/"} else "/sign-in"


def safe_next(wanted: str) -> str:
    """Return `wanted` when it is a path of ours, and the queue otherwise: never another site."""
    inside = (
        wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable() and "\\" not in wanted
    )
    return wanted if inside else "/"


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
