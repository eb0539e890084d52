"""People at the dashboard without a browser: what they send, and what they read."""

import html
import re
import secrets
from datetime import timedelta
from typing import Protocol

import httpx2

from assent.models import Role
from dashboard.app import ROUTES
from domain.people import Proof, Way, new_person
from services.tokens import hash_token, new_token
from services.wiring import system_clock
from storage.people import PeopleStore
from storage.sessions import SessionStore
from tests.support.stack import Stack

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a form that one of our own pages sends."""

COOKIE = "assent_session"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_SECRET = re.compile(r'<code class="secret" data-copy-text>([^<]+)</code>')
_ROW = re.compile(r'<tr[^>]*><th scope="row">.*?</tr>')
_TAG = re.compile(r"<[^>]*>")


class Enter(Protocol):
    """Signs somebody in."""

    async def __call__(self, name: str, *, browser: str = FIREFOX) -> httpx2.AsyncClient: ...


def add_quickly(stack: Stack, name: str, role: Role = Role.REVIEWER) -> None:
    """Make a person without a password, whose hash would take time."""
    PeopleStore(stack.database).add(new_person(name, role, by="system:test", at=system_clock()), None)


def visitor_of(stack: Stack, name: str, browser: str = FIREFOX) -> httpx2.AsyncClient:
    """Return a client in a new session of this person's, which sends what a browser sends from our own pages.

    The session is written directly: signing in by the form is slow on purpose, and only so often.
    """
    token = new_token()
    hours = stack.settings
    store = SessionStore(
        stack.database, idle=timedelta(hours=hours.session_idle_hours), longest=timedelta(hours=hours.session_hours)
    )
    proof = Proof(name=name, way=Way.LINK)
    session = store.start(proof, hash_token(token), session_id=secrets.token_hex(8), client=browser, at=system_clock())
    assert session is not None, f"{name} can't sign in"
    return httpx2.AsyncClient(
        base_url=stack.http.base_url, cookies={COOKIE: token}, headers=FROM_HERE, timeout=40, trust_env=False
    )


def hidden(page: httpx2.Response) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}


def text_of(page: httpx2.Response) -> str:
    """Return a page's text without its tags, its spaces made single."""
    return " ".join(html.unescape(_TAG.sub(" ", page.text)).split())


def secrets_on(page: httpx2.Response) -> list[str]:
    """Return the secrets that a page shows to be copied."""
    return _SECRET.findall(page.text)


def secret_on(page: httpx2.Response) -> str:
    """Return the one secret that a page shows to be copied."""
    (shown,) = secrets_on(page)
    return shown


def row(page: httpx2.Response, name: str) -> str:
    """Return the text of the one row of a table whose first cell begins with `name`."""
    texts = [" ".join(html.unescape(_TAG.sub(" ", found)).split()) for found in _ROW.findall(page.text)]
    (text,) = [text for text in texts if text.startswith(f"{name} ")]
    return text


def routes(method: str) -> list[str]:
    """Return the path of every route of the dashboard with this method, as its router has it."""
    return [route.path for module in ROUTES for route in module.router.routes if method in route.methods]
