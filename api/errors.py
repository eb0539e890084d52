"""Every refusal as RFC 9457 problem details: one table from the tree of errors to HTTP."""

import http
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from assent.models import Problem
from domain import errors

STATUS: dict[type[errors.AssentError], int] = {
    errors.UndeclaredOperationError: 422,
    errors.InvalidOperationError: 422,
    errors.InvalidDecisionError: 422,
    errors.InvalidQueryError: 422,
    errors.InvalidPatternError: 422,
    errors.InvalidPersonError: 422,
    errors.BroadPatternError: 422,
    errors.NotAuthenticatedError: 401,
    errors.SignInFailedError: 401,
    errors.OwnRequestError: 403,
    errors.OwnPatternError: 403,
    errors.RoleNotAllowedError: 403,
    errors.ApprovalNotFoundError: 404,
    errors.KeyNotFoundError: 404,
    errors.PatternNotFoundError: 404,
    errors.PauseNotFoundError: 404,
    errors.PersonNotFoundError: 404,
    errors.SessionNotFoundError: 404,
    errors.IdempotencyConflictError: 409,
    errors.NotAssessedYetError: 409,
    errors.DecisionRefusedError: 409,
    errors.NotPendingError: 409,
    errors.NotConfirmedError: 409,
    errors.NotUnknownError: 409,
    errors.AlreadyPausedError: 409,
    errors.NameTakenError: 409,
    errors.TooManyDecisionsError: 429,
    errors.TooManySubmissionsError: 429,
    errors.TooManySignInsError: 429,
    errors.PausedError: 503,
    errors.StorageUnavailableError: 503,
    errors.TemporalUnavailableError: 503,
    errors.IllegalTransitionError: 500,
    errors.MissingRowError: 500,
}
"""One status a leaf; a test holds this table to the tree."""

_RETRY_AFTER_SECONDS = {429: 60, 503: 2}
"""Where the error itself does not know better."""

_log = structlog.get_logger(__name__)


class ProblemResponse(JSONResponse):
    """An error's answer."""

    media_type = "application/problem+json"


def problem_response(problem: Problem, *, retry_after: int | None = None) -> ProblemResponse:
    """Return `problem` as an answer, with the headers that belong to its status."""
    headers = {}
    if problem.status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status in _RETRY_AFTER_SECONDS:
        headers["Retry-After"] = str(retry_after or _RETRY_AFTER_SECONDS[problem.status])
    return ProblemResponse(
        problem.model_dump(mode="json", exclude_none=True), status_code=problem.status, headers=headers
    )


def describe(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the errors that a route may answer with."""
    return {
        status: {
            "description": http.HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def install_error_responses(app: FastAPI) -> None:
    """Make every error that `app` raises a problem."""
    app.add_exception_handler(errors.AssentError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _refused(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, errors.AssentError):
        raise error
    status = STATUS[type(error)]
    return problem_response(
        Problem(
            type=f"/problems/{_slug(type(error))}",
            title=_title(type(error)),
            status=status,
            detail=error.detail,
            decided_by=None if error.decided_by is None else list(error.decided_by),
            decision_id=error.decision_id,
        ),
        retry_after=error.retry_after,
    )


async def _invalid(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [
        {"at": ".".join(str(part) for part in one["loc"]), "message": one["msg"], "type": one["type"]}
        for one in jsonable_encoder(error.errors(), exclude={"input", "ctx"})
    ]
    told = "; ".join(f"{one['at']}: {one['message']}" for one in found[:5])
    return problem_response(
        Problem(
            type="/problems/invalid-request",
            title="The request does not have the right shape",
            status=422,
            detail=f"{told}. Correct it and send it again; nothing was stored.",
            errors=found,
        )
    )


async def _http(_request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, HTTPException):
        raise error
    phrase = http.HTTPStatus(error.status_code).phrase
    response = problem_response(
        Problem(
            type=f"/problems/{phrase.lower().replace(' ', '-')}",
            title=phrase,
            status=error.status_code,
            detail=f"{error.detail}. See /docs for what there is.",
        )
    )
    response.headers.update(error.headers or {})
    return response


async def _unforeseen(request: Request, error: Exception) -> ProblemResponse:
    _log.error("api.unforeseen", path=request.url.path, exc_info=error)
    return problem_response(
        Problem(
            type="/problems/internal",
            title="Something unforeseen happened",
            status=500,
            detail="This is a fault of Assent's. Read the approval before you send anything again.",
        )
    )


def _slug(kind: type[errors.AssentError]) -> str:
    words = _words(kind)
    return "-".join(words)


def _title(kind: type[errors.AssentError]) -> str:
    return (kind.__doc__ or "").splitlines()[0].rstrip(".")


def _words(kind: type[errors.AssentError]) -> list[str]:
    name = kind.__name__.removesuffix("Error")
    starts = [index for index, letter in enumerate(name) if letter.isupper()]
    return [name[start:end].lower() for start, end in zip(starts, [*starts[1:], len(name)], strict=True)]
