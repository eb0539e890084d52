"""The dashboard's application: its pages, its static files, and its errors as pages."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from dashboard.forms import BoundedForms
from dashboard.pages import Pages
from dashboard.refusals import status_of
from dashboard.routes import (
    approval,
    audit,
    bulk,
    insights,
    keys,
    live,
    patterns,
    pauses,
    people,
    policy,
    queue,
    sign_in,
    you,
)
from dashboard.screen import pages_of
from dashboard.security import Guarded
from dashboard.session import SignedOutError, sign_in_address
from dashboard.static_files import StaticFiles
from domain import errors

ROUTES = (sign_in, queue, approval, bulk, live, people, keys, pauses, patterns, policy, audit, insights, you)
"""Every page, and all that can be sent: tests go through them, so that a new one is held to the rules too."""

_UNFORESEEN = "This is a fault of Assent's. Read the approval before you decide anything again."

_log = structlog.get_logger(__name__)


def create_dashboard() -> ASGIApp:
    """Return the pages, over the services that the outer application has opened. Raises ConfigurationError."""
    files = StaticFiles()
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # as in the API's application
    )
    app.state.pages = Pages(files)
    # What is secret in a page (a proof, a new key) is another one each time: its compressed size tells nothing of it.
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    app.mount("/static", files)

    # Browsers ask for it by themselves beside whatever is not a page.
    @app.get("/favicon.ico")
    async def favicon() -> RedirectResponse:
        return RedirectResponse(files.address("mark.svg"), 308)

    for routes in ROUTES:
        app.include_router(routes.router)
    app.add_exception_handler(SignedOutError, _signed_out)
    app.add_exception_handler(errors.AssentError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    return Guarded(BoundedForms(app))


async def _signed_out(request: Request, _error: Exception) -> Response:
    address = sign_in_address(request)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.AssentError):
        raise error
    response = _page(request, status_of(error), error.detail)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    told = "; ".join(f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()[:5])
    return _page(request, 422, f"{told}. Nothing was changed.")


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    told = "There is no such page." if error.status_code == 404 else f"{error.detail}."  # noqa: PLR2004
    response = _page(request, error.status_code, told)
    response.headers.update(error.headers or {})
    return response


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("dashboard.unforeseen", path=request.url.path, exc_info=error)
    return _page(request, 500, _UNFORESEEN)


def _page(request: Request, status: int, told: str) -> HTMLResponse:
    template = "parts/error.html" if request.headers.get("hx-request") == "true" else "error.html"
    return HTMLResponse(pages_of(request).render(template, told=told, status=status), status)
