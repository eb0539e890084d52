"""The application: routes, strict bodies and errors, over services that are opened when it starts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI

from api.errors import install_error_responses
from api.openapi import install_openapi
from api.routes import approvals, audit, health, keys, patterns, policy
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


def create_app(open_services: OpenServices) -> FastAPI:
    """Return the application over whatever services `open_services` opens."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[_State]:
        async with open_services() as services:
            yield {"services": services}

    app = FastAPI(title="Assent", version="1", description=_DESCRIPTION, lifespan=lifespan)
    app.add_middleware(StrictJson)
    install_error_responses(app)
    for router in (approvals.router, policy.router, patterns.router, keys.router, audit.router, health.router):
        app.include_router(router)
    install_openapi(app)
    return app
