"""What every page is sent with, and where a change of state may come from."""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_STRICT_TRANSPORT = "max-age=31536000"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = "This form was sent from another site, so nothing was changed. Open Assent's own page and try again.\n"


class Guarded:
    """ASGI middleware: refuses changes that come from another site, and sends every answer with the headers above."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to a change from elsewhere, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", _STRICT_TRANSPORT)
            await send(message)

        if scope["method"] in _SAFE_METHODS or comes_from_here(scope):
            await self._app(scope, receive, send_guarded)
        else:
            await PlainTextResponse(_ELSEWHERE, status_code=403)(scope, receive, send_guarded)


def comes_from_here(scope: Scope) -> bool:
    """Whether a browser says that one of our own pages sends this. No word at all is not enough.

    Browsers leave out Sec-Fetch-Site where the connection is plain HTTP to another machine; Origin is then compared.
    Source: OWASP, Cross-Site Request Forgery Prevention, «Fetch Metadata headers».
    """
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and origin == f"{scope['scheme']}://{headers.get('host', '')}"
