"""What never reaches a workflow is told in the log all the same."""

from typing import Any

import httpx2

from tests.support.stack import Stack


async def told(stack: Stack, action: str) -> list[dict[str, Any]]:
    """Return the audit events of one kind."""
    answer = await stack.get("/v1/audit", by="admin", action=action, limit=1000)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_role_that_may_not_is_told(stack: Stack) -> None:
    """Who asked for what their role does not include: a reviewer submits, an agent reads the log and lists keys."""
    assert (await stack.submit(by="ada")).status_code == httpx2.codes.FORBIDDEN
    assert (await stack.get("/v1/audit", by="agent")).status_code == httpx2.codes.FORBIDDEN
    assert (await stack.get("/v1/keys", by="agent")).status_code == httpx2.codes.FORBIDDEN
    events = await told(stack, "access.refused")
    assert [(event["actor"], event["details"]) for event in events] == [
        ("reviewer:ada", {"method": "POST", "path": "/v1/approvals"}),
        ("agent:agent", {"method": "GET", "path": "/v1/audit"}),
        ("agent:agent", {"method": "GET", "path": "/v1/keys"}),
    ]


async def test_a_refused_decision_is_told_once_as_a_decision(running: Stack) -> None:
    """An agent's decision is `decision.refused`, and not told a second time as refused access."""
    approval = await running.pending()
    assert (await running.decide(approval, by="other-agent")).status_code == httpx2.codes.FORBIDDEN
    assert [event["details"]["refusal"] for event in await told(running, "decision.refused")] == ["not_allowed"]
    assert await told(running, "access.refused") == []


async def test_a_cancel_of_what_has_ended_is_told(running: Stack) -> None:
    """With the status that it met."""
    approval = await running.pending()
    await running.decide(approval, "reject")
    late = await running.http.post(f"/v1/approvals/{approval['id']}/cancel", headers=running.bearer("agent"))
    assert late.status_code == httpx2.codes.CONFLICT
    assert [event["details"]["status"] for event in await told(running, "cancel.refused")] == ["rejected"]


async def test_a_reused_decision_key_is_told(running: Stack) -> None:
    """Another decision under a used Idempotency-Key is refused, and told as such."""
    approval = await running.pending("note.quorum")
    assert (await running.decide(approval, idempotency_key="one")).status_code == httpx2.codes.OK
    other = await running.decide(approval, "reject", idempotency_key="one")
    assert other.status_code == httpx2.codes.CONFLICT
    assert [event["details"]["refusal"] for event in await told(running, "decision.refused")] == ["reused_id"]
