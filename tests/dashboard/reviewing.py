"""What reviewers send from their pages, to be sent right or wrong."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.api.answers import events, refusals, shown
from tests.dashboard.visitors import hidden
from tests.support.stack import Stack

ITEM = re.compile(r'name="item" value="([^"]+)"')
"""Of a row in bulk: its approval, digest and proof."""

PART = {"HX-Request": "true"}
"""What a script of a page asks with."""


async def step_of(
    client: httpx2.AsyncClient, approval: Mapping[str, Any], outcome: str = "approve", *, strip: bool = False
) -> dict[str, str]:
    """Return the fields of the last step, as the page or a strip of the queue shows it."""
    path = f"/approvals/{approval['id']}/{outcome}"
    page = await client.get(f"{path}?shown=strip", headers=PART) if strip else await client.get(path)
    fields = hidden(page)
    assert fields.keys() == {"outcome", "shown", "digest", "proof"}, page.text
    return fields


async def send(
    client: httpx2.AsyncClient, approval: Mapping[str, Any], fields: Mapping[str, str], **more: str
) -> httpx2.Response:
    """Send a decision's form."""
    return await client.post(f"/approvals/{approval['id']}/decisions", data={**fields, **more})


async def check_pending(stack: Stack, approval: Mapping[str, Any]) -> None:
    """Check that nothing was decided, and nothing was tried that reached the approval."""
    found = await shown(stack, approval)
    assert (found["status"], found["decisions"]) == ("pending", [])
    assert await events(stack, approval, "decision.recorded") == []
    assert await refusals(stack, approval) == []
