"""Requests about policy and trusted patterns, and the submissions that they decide."""

import uuid
from typing import Any

import httpx2

from assent.models import NewKey, Role
from tests.support.stack import Stack

EXPORTS = {
    "operation_type": "data.export",
    "resource_type": "customer",
    "condition": "operation.parameters.limit > 0 && operation.parameters.limit < 100",
}


def add_agent(stack: Stack, owner: str | None = None) -> str:
    """Make an agent of its own for one test, and return its name: patterns of other tests say nothing of it."""
    name = f"agent-{uuid.uuid4().hex[:12]}"
    stack.add_key(NewKey(name=name, role=Role.AGENT, owner=owner))
    return name


async def post(stack: Stack, path: str, body: dict[str, Any], *, by: str = "admin") -> httpx2.Response:
    """Post JSON."""
    return await stack.http.post(path, headers=stack.bearer(by), json=body)


async def make_pattern(stack: Stack, agent: str, *, by: str = "admin", **fields: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """Make a pattern for exports of under 100 records, with some fields changed."""
    answer = await post(stack, "/v1/trusted-patterns", {"agent_id": agent, **EXPORTS, **fields}, by=by)
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def change(stack: Stack, pattern: dict[str, Any], *, by: str = "admin", **fields: Any) -> httpx2.Response:  # noqa: ANN401  as above
    """Change a pattern."""
    return await stack.http.patch(f"/v1/trusted-patterns/{pattern['id']}", headers=stack.bearer(by), json=fields)


async def export(stack: Stack, agent: str, limit: Any = 99, **body: Any) -> dict[str, Any]:  # noqa: ANN401  as above
    """Ask for an export, and return the approval as the answer has it."""
    operation = {"type": "data.export", "resource_type": "customer", "parameters": {"limit": limit}}
    answer = await stack.submit(by=agent, operation=operation, **body)
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    approval: dict[str, Any] = answer.json()
    return approval


def assessed_as(approval: dict[str, Any]) -> str:
    """Return the status that its assessment led to: what was let through may have run by the time of the answer."""
    return "approved" if approval["status"] == "executed" else str(approval["status"])


def decider(pattern: dict[str, Any]) -> str:
    """Return what an approval says that this revision of a pattern let through."""
    return f"pattern:{pattern['id']}@{pattern['revision']}"
