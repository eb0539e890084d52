"""What every answer of the API must look like, and what the record says behind it."""

from collections.abc import Mapping
from typing import Any

import httpx2

from tests.support.stack import Stack

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "errors", "decided_by", "decision_id"}


def problem(answer: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    """Check that an answer is the RFC 9457 problem `/problems/<kind>` with this status; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["type"] == f"/problems/{kind}", told
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told.keys() <= PROBLEM_MEMBERS
    return told


async def events(stack: Stack, approval: Mapping[str, Any], action: str) -> list[dict[str, Any]]:
    """Return an approval's audit events of one kind."""
    answer = await stack.get("/v1/audit", by="auditor", approval_id=approval["id"], action=action)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def shown(stack: Stack, approval: Mapping[str, Any], *, by: str = "ada") -> dict[str, Any]:
    """Return an approval as it is now."""
    answer = await stack.get(f"/v1/approvals/{approval['id']}", by=by)
    assert answer.status_code == httpx2.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refusals(stack: Stack, approval: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return who was refused and why, as the log tells it."""
    return [
        (event["actor"], event["details"]["refusal"]) for event in await events(stack, approval, "decision.refused")
    ]
