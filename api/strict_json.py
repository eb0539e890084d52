"""Refuse a request body that is too large, not declared as JSON, or not strict JSON, before anything else reads it."""

import asyncio
import json
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.strict_parsing import MAX_DEPTH, StrictJsonError, parse_strict

__all__ = ["StrictJson", "StrictJsonError", "parse_strict"]

MAX_BYTES = 256 * 1024

# After a refusal the rest of the body is read and thrown away: closing at once could reset the connection and take the
# answer with it. A client that stops sending, or does not come to an end, is not waited for.
LINGER_IDLE_SECONDS = 1.0
LINGER_SECONDS = 3.0

_QUICK_BYTES = 16 * 1024
"""Up to this size a check takes milliseconds. Larger bodies are checked in a thread, so that nobody else waits."""

_MAX_LENGTH_DIGITS = 18


@dataclass(frozen=True, slots=True)
class _Problem:
    """One kind of answer, in the form of RFC 9457."""

    slug: str
    title: str
    status: int


_TOO_LARGE = _Problem("body-too-large", "The request body is too large", 413)
_NOT_JSON_TYPE = _Problem("unsupported-media-type", "The request body is not declared as plain JSON", 415)
_NOT_STRICT = _Problem("invalid-json", "The request body is not strict JSON", 422)


class _RequestRefusedError(Exception):
    """The request ends here. `unread` says whether some of its body is still on its way."""

    def __init__(self, problem: _Problem, detail: str, *, unread: bool) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.unread = unread


class StrictJson:
    """ASGI middleware: requests under `prefix` whose body is not empty carry strict JSON, or go no further.

    An empty body passes whatever its headers say; whether one is needed is the route's to judge. The application
    receives the very bytes that were checked.
    """

    def __init__(
        self, app: ASGIApp, *, prefix: str = "/v1", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
    ) -> None:
        """Guard `app` below `prefix` (no slash at its end); `max_bytes` bounds the body, `max_depth` its nesting."""
        self._app = app
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._max_depth = max_depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, 415 or 422 as problem+json, or pass the request on."""
        if not self._guards(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(Headers(scope=scope), receive)
        except ClientDisconnect:
            return
        except _RequestRefusedError as refused:
            await _answer(refused, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _guards(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if path.startswith(f"{root}/"):
            path = path.removeprefix(root)
        return path == self._prefix or path.startswith(f"{self._prefix}/")

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MAX_LENGTH_DIGITS or int(declared) > self._max_bytes):
            raise self._too_large()
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            if chunk and not body:
                _refuse_other_types(headers, unread=more)
            if len(body) + len(chunk) > self._max_bytes:
                raise self._too_large(unread=more)
            body += chunk
        if body:
            await self._check(bytes(body))
        return bytes(body)

    async def _check(self, body: bytes) -> None:
        try:
            if len(body) <= _QUICK_BYTES:
                parse_strict(body, max_depth=self._max_depth)
            else:
                await run_in_threadpool(parse_strict, body, max_depth=self._max_depth)
        except StrictJsonError as error:
            raise _RequestRefusedError(_NOT_STRICT, error.detail, unread=False) from error

    def _too_large(self, *, unread: bool = True) -> _RequestRefusedError:
        detail = f"Send at most {self._max_bytes} bytes. Keep larger content elsewhere and refer to it."
        return _RequestRefusedError(_TOO_LARGE, detail, unread=unread)


def _refuse_other_types(headers: Headers, *, unread: bool) -> None:
    """Raise unless the headers say `application/json`, in UTF-8 if they name a charset, and not compressed."""
    types = headers.getlist("content-type")
    media_type, *parameters = (part.strip().lower() for part in (types[0] if len(types) == 1 else "").split(";"))
    if media_type != "application/json":
        detail = "Send the body with the header `Content-Type: application/json`."
        raise _RequestRefusedError(_NOT_JSON_TYPE, detail, unread=unread)
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip().strip('"') not in {"utf-8", "utf8"}:
            detail = "Send the body in UTF-8; `Content-Type: application/json` needs no charset."
            raise _RequestRefusedError(_NOT_JSON_TYPE, detail, unread=unread)
    codings = ",".join(headers.getlist("content-encoding")).lower().split(",")
    if any(coding.strip() not in {"", "identity"} for coding in codings):
        detail = "Send the body as it is, without a Content-Encoding."
        raise _RequestRefusedError(_NOT_JSON_TYPE, detail, unread=unread)


async def _answer(refused: _RequestRefusedError, receive: Receive, send: Send) -> None:
    problem = refused.problem
    content = json.dumps(
        {
            "type": f"/problems/{problem.slug}",
            "title": problem.title,
            "status": problem.status,
            "detail": refused.detail,
        }
    ).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(content)).encode())]
    if refused.unread:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    # The content is whole with this message; the server closes the connection at the empty one that ends the answer.
    await send({"type": "http.response.body", "body": content, "more_body": refused.unread})
    if refused.unread:
        await _discard_rest(receive)
        await send({"type": "http.response.body", "body": b""})


async def _discard_rest(receive: Receive) -> None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while True:
                async with asyncio.timeout(LINGER_IDLE_SECONDS):
                    message = await receive()
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` as one message, then whatever the server says next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
