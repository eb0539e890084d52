"""/openapi.json: everything that the API answers, errors included, in one valid document."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
import schemathesis

from api.app import create_app
from assent.models import Problem
from services.wiring import Services
from tests.support.stack import Stack

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
LEVELS = {
    "low": ("minor operations", "24 h"),
    "medium": ("standard sensitive operations", "12 h"),
    "high": ("critical operations", "4 h"),
    "critical": ("emergency-level risk", "1 h"),
}
ERRORS = {
    ("post", "/v1/approvals"): {401, 403, 409, 413, 415, 422, 429, 503},
    ("get", "/v1/approvals"): {401, 422, 503},
    ("get", "/v1/approvals/{approval_id}"): {401, 404, 422, 503},
    ("get", "/v1/approvals/{approval_id}/events"): {401, 404, 422, 503},
    ("post", "/v1/approvals/{approval_id}/decisions"): {401, 403, 404, 409, 413, 415, 422, 429, 503},
    ("post", "/v1/approvals/{approval_id}/cancel"): {401, 403, 404, 409, 413, 415, 422, 503},
    ("get", "/v1/policy"): {401, 403, 503},
    ("post", "/v1/policy/assess"): {401, 403, 413, 415, 422, 429, 503},
    ("post", "/v1/trusted-patterns"): {401, 403, 413, 415, 422, 503},
    ("get", "/v1/trusted-patterns"): {401, 403, 503},
    ("post", "/v1/trusted-patterns/backtest"): {401, 403, 413, 415, 422, 503},
    ("get", "/v1/trusted-patterns/{pattern_id}"): {401, 403, 404, 422, 503},
    ("get", "/v1/trusted-patterns/{pattern_id}/revisions"): {401, 403, 404, 422, 503},
    ("patch", "/v1/trusted-patterns/{pattern_id}"): {401, 403, 404, 413, 415, 422, 503},
    ("delete", "/v1/trusted-patterns/{pattern_id}"): {401, 403, 404, 422, 503},
    ("post", "/v1/approvals/{approval_id}/settle"): {401, 403, 404, 409, 413, 415, 422, 503},
    ("post", "/v1/pause"): {401, 403, 409, 413, 415, 422, 503},
    ("post", "/v1/resume"): {401, 403, 404, 413, 415, 422, 503},
    ("get", "/v1/pauses"): {401, 403, 503},
    ("post", "/v1/keys"): {401, 403, 409, 413, 415, 422, 503},
    ("get", "/v1/keys"): {401, 403, 503},
    ("delete", "/v1/keys/{key_id}"): {401, 403, 404, 422, 503},
    ("get", "/v1/audit"): {401, 403, 422, 503},
    ("get", "/healthz"): set(),
    ("get", "/readyz"): {503},
}


def _opened_by_nobody() -> AbstractAsyncContextManager[Services]:
    message = "The document is made without any service."
    raise AssertionError(message)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, which needs nothing but the application."""
    return create_app(_opened_by_nobody).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield each (method, path) with what the document says of it."""
    for path, methods in document["paths"].items():
        for method in methods.keys() & METHODS:
            yield (method, path), methods[method]


def references(part: object) -> Iterator[str]:
    """Yield everything that is referred to."""
    if isinstance(part, dict):
        for name, member in part.items():
            if name == "$ref":
                yield str(member)
            yield from references(member)
    elif isinstance(part, list):
        for member in part:
            yield from references(member)


def test_it_is_valid(document: dict[str, Any]) -> None:
    """It keeps to OpenAPI 3.1's own schema, and everything that it refers to is there."""
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def test_every_route_tells_its_errors(document: dict[str, Any]) -> None:
    """Each as problem+json of the one shape; a fault of Assent's own is nobody's normal answer."""
    found: dict[tuple[str, str], set[int]] = {}
    for key, operation in operations(document):
        errors = {int(status): answer for status, answer in operation["responses"].items() if int(status) >= 400}
        found[key] = set(errors)
        for status, answer in errors.items():
            assert answer["description"]
            if key[1] != "/readyz":
                assert answer["content"] == PROBLEM, (key, status)
    assert found == ERRORS


def test_every_route_tells_its_answers(document: dict[str, Any]) -> None:
    """201, 202 and 200 of a submission, 200 and 202 of a decision and a cancel: each with its shape and its reason."""
    expected = {
        ("post", "/v1/approvals"): {"200", "201", "202"},
        ("post", "/v1/approvals/{approval_id}/decisions"): {"200", "202"},
        ("post", "/v1/approvals/{approval_id}/cancel"): {"200", "202"},
        ("post", "/v1/keys"): {"201"},
        ("post", "/v1/pause"): {"201"},
        ("post", "/v1/trusted-patterns"): {"201"},
        ("delete", "/v1/trusted-patterns/{pattern_id}"): {"204"},
    }
    for key, operation in operations(document):
        answers = {status: answer for status, answer in operation["responses"].items() if status < "300"}
        assert answers.keys() == expected.get(key, {"200"}), key
        for status, answer in answers.items():
            assert answer["description"]
            if status != "204":
                assert answer["content"]["application/json"]["schema"]
        assert operation["summary"]
        assert operation["description"]


def test_the_shape_of_an_error_is_the_one_that_is_sent(document: dict[str, Any]) -> None:
    """RFC 9457's four members are always there; FastAPI's own error appears nowhere."""
    schema = document["components"]["schemas"]["Problem"]
    assert set(schema["required"]) == {"type", "title", "status", "detail"}
    assert schema["properties"].keys() == Problem.model_fields.keys()
    assert "ValidationError" not in str(document)


def test_every_route_below_v1_needs_a_key(document: dict[str, Any]) -> None:
    """The document says so of each, and of no other."""
    assert document["components"]["securitySchemes"]["Key"]["scheme"] == "bearer"
    for (_, path), operation in operations(document):
        assert operation.get("security", []) == ([{"Key": []}] if path.startswith("/v1/") else [])


def test_the_four_levels_are_explained(document: dict[str, Any]) -> None:
    """What each is for and how long it gives, where one begins to read and where one submits."""
    told = document["info"]["description"]
    submitting = document["paths"]["/v1/approvals"]["post"]["description"].replace("\n", " ")
    for level, (meaning, time) in LEVELS.items():
        assert f"| `{level}` | {meaning} | {time} |" in told
        assert f"`{level}` ({meaning}) {time}" in submitting
    assert "No decision in time means that the operation does not run." in told.replace("\n", " ")


def test_what_is_sent_is_bounded(document: dict[str, Any]) -> None:
    """Bodies refuse what they do not know, and the document says so; each text has its length."""
    schemas = document["components"]["schemas"]
    for name in ("Submission", "Operation", "DecisionRequest", "NewKey", "NewPause", "PauseScope", "NewSettlement"):
        assert schemas[name]["additionalProperties"] is False, name
    reason = schemas["Submission"]["properties"]["reason"]
    assert (reason["minLength"], reason["maxLength"]) == (1, 1000)
    assert set(schemas["ApprovalStatus"]["enum"]) == {
        *("pending", "approved", "rejected", "expired", "executed", "failed", "cancelled"),
    }
    assert schemas["RiskLevel"]["enum"] == list(LEVELS)


@pytest.mark.asyncio(loop_scope="module")
async def test_it_is_served(unattended: Stack, document: dict[str, Any]) -> None:
    """Without a key: the document, and a page for people over it."""
    served = await unattended.http.get("/openapi.json")
    assert (served.status_code, served.json()) == (httpx2.codes.OK, document)
    page = await unattended.http.get("/docs")
    assert page.status_code == httpx2.codes.OK
    assert page.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page.text
