"""A site of a few small pages, some of them with a fault, under the same policy as the dashboard's pages."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.security import CONTENT_SECURITY_POLICY
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"><title>A small page</title></head>
<body><main><h1>A small page</h1>{}</main></body></html>"""
_STYLE = """
:root { color-scheme: light dark; background: #fff; color: #111 }
.pale { color: #ccc }
@media (prefers-color-scheme: dark) { :root { background: #000; color: #eee } }
"""
_SIGN_IN = """<form method="post"><label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form>"""
_PAGES = {
    "/": "<p>All is well.</p>",
    "/complains": '<script src="/complains.js"></script>',
    "/throws": '<script src="/throws.js"></script>',
    "/rejects": '<script src="/rejects.js"></script>',
    "/breaks-the-policy": "<script>document.title = 'Ran'</script>",
    "/asks-elsewhere": '<img alt="A picture" src="http://elsewhere.test/picture.png">',
    "/connects-elsewhere": '<script src="/connects.js"></script>',
    "/pale": '<p class="pale">Hardly to be read.</p>',
    "/sign-in": _SIGN_IN,
    "/with-script": '<p id="word">Before</p><script src="/word.js"></script>',
}
_SCRIPTS = {
    "/complains.js": "console.error('I complain'); console.warn('I only warn')",
    "/throws.js": "throw new Error('I throw')",
    "/rejects.js": "Promise.reject(new Error('I reject'))",
    "/connects.js": "new WebSocket('ws://elsewhere.test/socket').onerror = () => {}",
    "/word.js": "document.querySelector('#word').textContent = 'After'",
}
# Pages that must be let reach what the policy forbids, to see that a visitor notices.
_UNGUARDED = {"/asks-elsewhere", "/connects-elsewhere"}


async def _page(request: Request) -> Response:
    path = request.url.path
    headers = (
        {}
        if path in _UNGUARDED
        else {"Content-Security-Policy": CONTENT_SECURITY_POLICY.replace("img-src", "img-src data:")}
    )
    return HTMLResponse(_PAGE.format(_PAGES[path]), headers=headers)


async def _signed_in(request: Request) -> Response:
    form = dict(part.split("=") for part in (await request.body()).decode().split("&"))
    return RedirectResponse("/" if form == {"name": "ada", "password": "secret"} else "/sign-in", 303)


def _text(text: str, media_type: str) -> Response:
    return Response(text, media_type=media_type)


def small_site() -> Starlette:
    """Return the site."""

    async def style(_request: Request) -> Response:
        return _text(_STYLE, "text/css")

    async def script(request: Request) -> Response:
        return _text(_SCRIPTS[request.url.path], "text/javascript")

    return Starlette(
        routes=[
            Route("/sign-in", _signed_in, methods=["POST"]),
            Route("/style.css", style),
            *(Route(path, _page) for path in _PAGES),
            *(Route(path, script) for path in _SCRIPTS),
        ]
    )


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Serve a site, and give its address."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually("the small site serves", lambda: server.started)
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        server.should_exit = True
        await task
