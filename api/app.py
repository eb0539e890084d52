"""The application: routes, strict bodies and errors, over services that are opened when it starts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import install_error_responses
from api.openapi import install_openapi
from api.routes import approvals, audit, health, keys, patterns, pauses, policy
from api.strict_json import StrictJson
from services.wiring import Services

_DESCRIPTION = """\
Durable human approval for what agents and automated systems want to do.

| risk level | what it is for | time to decide |
| --- | --- | --- |
| `low` | minor operations | 24 h |
| `medium` | standard sensitive operations | 12 h |
| `high` | critical operations | 4 h |
| `critical` | emergency-level risk | 1 h |

An approval goes from `pending` to `approved` and then `executed` or `failed`; or from `pending` to `rejected`,
`expired` or `cancelled`. No decision in time means that the operation does not run. Errors are RFC 9457 problems.
"""

OpenServices = Callable[[], AbstractAsyncContextManager[Services]]


class _State(TypedDict):
    services: Services


def create_app(open_services: OpenServices, pages: ASGIApp | None = None) -> FastAPI:
    """Return the application over whatever services `open_services` opens.

    `pages` answers what is not the API's: the dashboard, which shares the services and nothing else.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[_State]:
        async with open_services() as services:
            yield {"services": services}

    app = FastAPI(
        title="Assent",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        # Its own would send paths and query strings as they are: `ObservedRequests` makes the spans.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(StrictJson)
    install_error_responses(app)
    for routes in (approvals, policy, patterns, pauses, keys, audit, health):
        app.include_router(routes.router)
    install_openapi(app)
    if pages is not None:
        app.router.default = _outside_the_api(pages, app.router.default)
    return app


def _outside_the_api(pages: ASGIApp, not_found: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] != "http" or f"{scope['path']}/".startswith("/v1/")
        if ours:
            await not_found(scope, receive, send)
            return
        # The pages have routes of their own: nothing of what our router left in the scope is theirs.
        own = ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path")
        shared = ("headers", "client", "server", "state", "extensions")
        theirs = {name: scope[name] for name in (*own, *shared) if name in scope}
        try:
            await pages(theirs, receive, send)
        finally:
            # Whoever counts requests looks here.
            scope.update({name: theirs[name] for name in ("route", "path_params") if name in theirs})

    return answer
