"""Refusals over HTTP: one table from the tree of errors, one kind of body, and nothing that is not foreseen leaks."""

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from api.errors import STATUS, describe, install_error_responses
from assent.models import Operation, Problem
from domain import errors
from domain.errors import AssentError


def leaves(kind: type[AssentError]) -> Iterator[type[AssentError]]:
    """Yield the errors below `kind` that are raised: those without further kinds of their own."""
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


LEAVES = list(leaves(AssentError))


async def answer(app: FastAPI, path: str = "/", method: str = "GET", body: bytes = b"") -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, content=body)


def app_raising(error: Exception) -> FastAPI:
    app = FastAPI()
    install_error_responses(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    @app.get("/limited")
    async def limited(limit: int, sort: bool) -> None:  # noqa: FBT001  query parameters
        raise AssertionError((limit, sort))

    @app.post("/operations")
    async def take(operation: Operation) -> None:
        raise AssertionError(operation)

    return app


def test_the_table_is_full() -> None:
    """Every refusal has its status, and no status is kept for what is no longer raised."""
    assert set(LEAVES) == set(STATUS)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidInputError, 422),
        (errors.NotAuthenticatedError, 401),
        (errors.NotAllowedError, 403),
        (errors.NotFoundError, 404),
        (errors.ConflictError, 409),
        (errors.TooManyError, 429),
        (errors.UnavailableError, 503),
        (errors.InternalError, 500),
    ],
)
def test_all_of_one_kind_have_one_status(kind: type[AssentError], status: int) -> None:
    """A client that knows the status knows the kind of refusal."""
    assert {STATUS[leaf] for leaf in leaves(kind)} == {status}


async def test_slugs_and_titles_are_unique() -> None:
    """A client may tell refusals apart by `type`, and a person by the title; the other problems have their own too."""
    answers = [await answer(app_raising(leaf("No."))) for leaf in LEAVES]
    app = app_raising(ValueError())
    with capture_logs():
        answers.append(await answer(app))
    answers += [await answer(app, "/limited"), await answer(app, "/nothing"), await answer(app, method="POST")]
    for field in ("type", "title"):
        told = [one.json()[field] for one in answers]
        assert len(set(told)) == len(told) == len(LEAVES) + 4


@pytest.mark.parametrize("kind", LEAVES)
async def test_a_refusal_is_a_problem(kind: type[AssentError]) -> None:
    """RFC 9457: its type, its title, its status and the sentence that says what to do; nothing that is not set."""
    response = await answer(app_raising(kind("Send it again under another key.")))
    assert response.status_code == STATUS[kind]
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.pop("type").startswith("/problems/")
    assert body.pop("title") == (kind.__doc__ or "").splitlines()[0].removesuffix(".")
    assert body == {"status": STATUS[kind], "detail": "Send it again under another key."}


@pytest.mark.parametrize(
    ("kind", "slug", "title"),
    [
        (errors.OwnRequestError, "own-request", "Somebody tried to decide their own request"),
        (errors.IdempotencyConflictError, "idempotency-conflict", "The same idempotency key came with other content"),
        (errors.NotAssessedYetError, "not-assessed-yet", None),
        (errors.TemporalUnavailableError, "temporal-unavailable", "Temporal does not answer"),
    ],
)
async def test_a_type_is_the_errors_name(kind: type[AssentError], slug: str, title: str | None) -> None:
    """In words that clients may rely on: a type never changes while its error exists."""
    problem = Problem.model_validate((await answer(app_raising(kind("No.")))).json())
    assert problem.type == f"/problems/{slug}"
    assert title in {None, problem.title}


async def test_a_refused_decision_names_who_decided() -> None:
    """The reviewer who was second is told who was first, and which decision of theirs did not count."""
    error = errors.DecisionRefusedError("Too late.", decided_by=("reviewer:ana", "reviewer:ben"), decision_id="d1")
    problem = Problem.model_validate((await answer(app_raising(error))).json())
    assert problem.decided_by == ["reviewer:ana", "reviewer:ben"]
    assert problem.decision_id == "d1"


async def test_nobody_decided_is_said_as_well() -> None:
    """An empty list is an answer; a missing one is none."""
    body = (await answer(app_raising(errors.DecisionRefusedError("No.", decided_by=())))).json()
    assert body["decided_by"] == []
    assert "decision_id" not in body


@pytest.mark.parametrize("kind", LEAVES)
async def test_headers_say_when_and_how_to_come_again(kind: type[AssentError]) -> None:
    """Without a key: how to show one. Too often or not now: when to try again. Otherwise neither."""
    response = await answer(app_raising(kind("No.")))
    expected = {401: (None, "Bearer"), 429: ("60", None), 503: ("2", None)}.get(response.status_code, (None, None))
    assert (response.headers.get("retry-after"), response.headers.get("www-authenticate")) == expected


async def test_a_refusal_may_know_better_when_to_come_again() -> None:
    """The time that the error tells goes before the usual one."""
    response = await answer(app_raising(errors.TooManySubmissionsError("Slower.", retry_after=7)))
    assert response.headers["retry-after"] == "7"


async def test_a_wrong_request_names_every_place() -> None:
    """Each field that is wrong, as a sentence and as a list; what was sent is not repeated."""
    response = await answer(app_raising(ValueError()), "/limited?limit=secret")
    problem = Problem.model_validate(response.json())
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert (problem.type, problem.status) == ("/problems/invalid-request", 422)
    assert problem.errors is not None
    assert [(one["at"], one["type"]) for one in problem.errors] == [
        ("query.limit", "int_parsing"),
        ("query.sort", "missing"),
    ]
    assert problem.detail.startswith("query.limit: Input should be a valid integer")
    assert "query.sort: Field required" in problem.detail
    assert problem.detail.endswith("Correct it and send it again; nothing was stored.")
    assert "secret" not in response.text


@pytest.mark.parametrize("body", [b"", b"secret", b"\xff\xfe", b"\x00", b'{"secret": 1', b'"\\ud800"'])
async def test_a_body_that_cannot_be_read_is_a_problem(body: bytes) -> None:
    """Whatever bytes came, they are the caller's mistake and not a fault, and they are not repeated."""
    response = await answer(app_raising(ValueError()), "/operations", "POST", body)
    assert response.status_code == 422
    assert Problem.model_validate(response.json()).type == "/problems/invalid-request"
    assert "secret" not in response.text


async def test_a_long_list_of_mistakes_stays_readable() -> None:
    """The sentence tells the first five; the list has all of them."""
    app = FastAPI()
    install_error_responses(app)

    @app.get("/")
    async def read(a: int, b: int, c: int, d: int, e: int, f: int) -> None:  # noqa: PLR0913, PLR0917  query parameters
        raise AssertionError((a, b, c, d, e, f))

    problem = Problem.model_validate((await answer(app)).json())
    assert problem.errors is not None
    assert [one["at"] for one in problem.errors] == [f"query.{name}" for name in "abcdef"]
    assert "query.e: " in problem.detail
    assert "query.f: " not in problem.detail


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [("GET", "/nothing", 404, "not-found"), ("POST", "/", 405, "method-not-allowed")],
)
async def test_what_is_not_there_is_a_problem_too(method: str, path: str, status: int, kind: str) -> None:
    """A wrong path or method gets the same kind of body, and is told where to look."""
    response = await answer(app_raising(ValueError()), path, method)
    problem = Problem.model_validate(response.json())
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (problem.type, problem.status) == (f"/problems/{kind}", status)
    assert problem.detail.endswith("See /docs for what there is.")
    assert response.headers.get("allow") == ("GET" if status == 405 else None)


async def test_an_http_error_keeps_its_headers() -> None:
    """What the framework wants the client to know is not lost."""
    error = HTTPException(418, "Short and stout", headers={"X-Spout": "1"})
    response = await answer(app_raising(error))
    assert (response.status_code, response.headers["x-spout"]) == (418, "1")
    assert response.json()["detail"] == "Short and stout. See /docs for what there is."


async def test_what_is_not_foreseen_tells_nothing() -> None:
    """A fault is a 500 problem that says so; what went wrong is in the service's log, not in the answer."""
    fault = RuntimeError("password=secret")
    with capture_logs() as logged:
        response = await answer(app_raising(fault))
    assert logged == [{"event": "api.unforeseen", "log_level": "error", "path": "/", "exc_info": fault}]
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text
    problem = Problem.model_validate(response.json())
    assert problem.type == "/problems/internal"
    assert "Read the approval before you send anything again" in problem.detail


def test_openapi_describes_each_error() -> None:
    """Every status that a route may answer with has its phrase and the problem's schema."""
    described = describe(404, 409)
    assert {status: one["description"] for status, one in described.items()} == {404: "Not Found", 409: "Conflict"}
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert all(one["content"] == {"application/problem+json": schema} for one in described.values())
