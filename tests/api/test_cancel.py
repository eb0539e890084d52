"""POST /v1/approvals/{id}/cancel: by its agent or an admin, and only while it is pending."""

import asyncio
import json
import uuid

import httpx2
import pytest

from tests.api.answers import events, problem, shown
from tests.support.runs import starts
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def cancel(stack: Stack, approval_id: str, *, by: str = "agent") -> httpx2.Response:
    """Cancel an approval."""
    return await stack.http.post(f"/v1/approvals/{approval_id}/cancel", headers=stack.bearer(by))


@pytest.mark.parametrize(("by", "actor"), [("agent", "agent:agent"), ("admin", "admin:automation")])
async def test_its_agent_or_an_admin_cancels_it(served: Stack, by: str, actor: str) -> None:
    """200 with the approval as it ended; the log names who it was, and nothing ever ran."""
    approval = await served.pending("note.high")
    answer = await cancel(served, approval["id"], by=by)
    assert answer.status_code == httpx2.codes.OK, answer.text
    ended = await shown(served, approval, by=by)
    assert answer.json() == ended
    assert (ended["status"], ended["decided_by"], ended["execution"]) == ("cancelled", [actor], None)
    (told,) = await events(served, approval, "approval.cancelled")
    assert (told["actor"], told["digest"]) == (actor, approval["digest"])
    assert starts(approval["id"]) == 0


async def test_nobody_else_cancels(served: Stack) -> None:
    """403 for reviewers and auditors; for another agent there is no such approval; it stays pending."""
    approval = await served.pending()
    for name in ("ada", "auditor"):
        problem(await cancel(served, approval["id"], by=name), 403, "role-not-allowed")
    problem(await cancel(served, approval["id"], by="other-agent"), 404, "approval-not-found")
    assert await shown(served, approval, by="agent") == approval


async def test_what_is_not_there_cannot_be_cancelled(served: Stack) -> None:
    """404 for an id that is nobody's."""
    problem(await cancel(served, str(uuid.uuid4())), 404, "approval-not-found")


async def test_what_has_ended_stays_as_it_ended(served: Stack) -> None:
    """409 that says how it ended and by whom."""
    for outcome, status in (("approve", "executed"), ("reject", "rejected")):
        approval = await served.pending()
        await served.decide(approval, outcome)
        ended = await served.ended(approval)
        for name in ("agent", "admin"):
            told = problem(await cancel(served, approval["id"], by=name), 409, "not-pending")
            assert told["decided_by"] == ["reviewer:ada"]
            assert f"This one is {status}, by reviewer:ada." in told["detail"]
        assert await shown(served, approval) == ended


async def test_what_is_running_is_not_cancelled(served: Stack) -> None:
    """Once it is approved it is too late, also while it runs."""
    approval = await served.pending("note.slow", parameters={"seconds": 1.5})
    decided = await served.decide(approval)
    assert decided.json()["status"] == "approved"
    problem(await cancel(served, approval["id"]), 409, "not-pending")
    assert (await served.ended(approval))["status"] == "executed"


async def test_a_cancel_and_a_decision_that_race_have_one_winner(served: Stack) -> None:
    """One of them gets a 200, the other a 409 that names the winner, and the record agrees."""
    for number in range(4):
        approval = await served.pending()
        both = [cancel(served, approval["id"]), served.decide(approval, "reject")]
        first, second = await asyncio.gather(*(both if number % 2 else both[::-1]))
        cancelled, decided = (first, second) if number % 2 else (second, first)
        winner, loser = (cancelled, decided) if cancelled.is_success else (decided, cancelled)
        assert (winner.status_code, loser.status_code) == (httpx2.codes.OK, httpx2.codes.CONFLICT)
        ended = await shown(served, approval)
        assert ended["status"] == winner.json()["status"] == ("cancelled" if cancelled.is_success else "rejected")
        assert loser.json()["decided_by"] == ended["decided_by"]


async def test_cancelled_twice_at_once_it_is_cancelled_once(served: Stack) -> None:
    """Both callers hear that it is cancelled, and the log has it once."""
    approval = await served.pending()
    answers = await asyncio.gather(cancel(served, approval["id"]), cancel(served, approval["id"], by="admin"))
    assert {answer.status_code for answer in answers} <= {httpx2.codes.OK, httpx2.codes.CONFLICT}
    assert any(answer.status_code == httpx2.codes.OK for answer in answers)
    assert (await shown(served, approval))["status"] == "cancelled"
    assert len(await events(served, approval, "approval.cancelled")) == 1


async def test_a_body_is_held_to_the_same_rules(served: Stack) -> None:
    """None is needed; one that comes all the same must be strict JSON."""
    approval = await served.pending()
    path = f"/v1/approvals/{approval['id']}/cancel"
    headers = served.bearer("agent")
    problem(await served.http.post(path, headers=headers, content=b"{}"), 415, "unsupported-media-type")
    typed = headers | {"Content-Type": "application/json"}
    problem(await served.http.post(path, headers=typed, content=b'{"a": NaN}'), 422, "invalid-json")
    assert await shown(served, approval, by="agent") == approval
    answer = await served.http.post(path, headers=typed, content=json.dumps({}))
    assert answer.json()["status"] == "cancelled"
