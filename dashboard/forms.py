"""Refuse a form that is too large, or that holds what no database keeps, before anything else reads it."""

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 1024 * 1024

_TOO_LARGE = "This form is larger than 1 MB, so nothing was changed. Send less.\n"
_NUL = "There is a NUL character in this, which no text needs. Nothing was changed. Take it out and try again.\n"


class BoundedForms:
    """ASGI middleware: answers 413 or 400, or gives the application the whole body at once."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request whose path, query and body are small enough and hold no NUL."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await PlainTextResponse(_NUL, 400)(scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        try:
            body = await _read(scope, receive)
        except ClientDisconnect:
            return
        if isinstance(body, Response):
            await body(scope, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)


async def _read(scope: Scope, receive: Receive) -> bytes | Response:
    """Return the body, or why it is not taken."""
    declared = Headers(scope=scope).get("content-length", "")
    body = bytearray()
    more = True
    while more:
        if len(body) > MAX_BYTES or (declared.isdecimal() and len(declared) > len(str(MAX_BYTES))):
            return _too_large()
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if len(body) > MAX_BYTES:
        return _too_large()
    if b"\0" in body or b"%00" in body:
        return PlainTextResponse(_NUL, 400)
    return bytes(body)


def _too_large() -> Response:
    # What is left of it is not read: the connection ends with the answer.
    return PlainTextResponse(_TOO_LARGE, 413, {"Connection": "close"})


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
