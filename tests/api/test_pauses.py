"""POST /v1/pause and /v1/resume, GET /v1/pauses: an admin holds things back, and everybody is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from temporalio.client import WorkflowHandle

from domain.approval import workflow_id_of
from tests.api.answers import events, problem, shown
from tests.api.submissions import fresh
from tests.api.workers import production_worker
from tests.support.eventually import eventually
from tests.support.runs import starts
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = "The provider is down."
HELD_FOR_A_LOOK = 15.0


async def pause(stack: Stack, *, by: str = "admin", **wanted: Any) -> httpx2.Response:  # noqa: ANN401  any JSON
    """Pause."""
    return await stack.http.post("/v1/pause", headers=stack.bearer(by), json={"reason": REASON} | wanted)


async def resume(stack: Stack, *, by: str = "admin", **scope: Any) -> httpx2.Response:  # noqa: ANN401  any JSON
    """Resume."""
    return await stack.http.post("/v1/resume", headers=stack.bearer(by), json=scope)


@asynccontextmanager
async def paused(stack: Stack, **scope: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401  any JSON
    """Pause for the time of a block: the tests of this module share one Assent."""
    answer = await pause(stack, **scope)
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    try:
        yield answer.json()
    finally:
        await resume(stack, **scope)


async def in_force(stack: Stack) -> list[dict[str, Any]]:
    """Return the pauses as an auditor lists them."""
    answer = await stack.get("/v1/pauses", by="auditor")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_admin_pauses_and_resumes(unattended: Stack) -> None:
    """201 with the pause, 200 with the one that ended; people list it meanwhile, and the log tells both."""
    answer = await pause(unattended, agent_id="agent")
    told = answer.json()
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    assert told | {"id": "", "started_at": ""} == {
        "id": "",
        "agent_id": "agent",
        "operation_type": None,
        "reason": REASON,
        "started_by": "admin:automation",
        "started_at": "",
    }
    assert await in_force(unattended) == [told]
    ended = await resume(unattended, agent_id="agent")
    assert (ended.status_code, ended.json()) == (httpx2.codes.OK, told)
    assert await in_force(unattended) == []
    for action in ("pause.started", "pause.ended"):
        log = (await unattended.get("/v1/audit", by="auditor", action=action)).json()["items"]
        assert [event["actor"] for event in log if event["details"]["pause_id"] == told["id"]] == ["admin:automation"]


@pytest.mark.parametrize("by", ["agent", "ada", "auditor"])
async def test_nobody_else_pauses_or_resumes(unattended: Stack, by: str) -> None:
    """403, told in the log; nothing is paused, and what is stays so."""
    problem(await pause(unattended, by=by), 403, "role-not-allowed")
    async with paused(unattended) as told:
        problem(await resume(unattended, by=by), 403, "role-not-allowed")
        assert await in_force(unattended) == [told]
    answer = await unattended.get("/v1/pauses", by=by)
    if by == "agent":
        problem(answer, 403, "role-not-allowed")
    else:
        assert (answer.status_code, answer.json()) == (httpx2.codes.OK, {"items": []})


async def test_a_key_is_needed(unattended: Stack) -> None:
    """401 without one."""
    for path in ("/v1/pause", "/v1/resume"):
        problem(await unattended.http.post(path, json={"reason": REASON}), 401, "not-authenticated")
    problem(await unattended.http.get("/v1/pauses"), 401, "not-authenticated")


@pytest.mark.parametrize(
    "wanted",
    [
        {"reason": ""},
        {"reason": "x" * 1001},
        {"reason": None},
        {"agent_id": ""},
        {"agent_id": "a" * 64},
        {"operation_type": "x" * 129},
        {"everything": True},
    ],
    ids=lambda wanted: str(wanted)[:20],
)
async def test_a_pause_that_makes_no_sense_is_refused(unattended: Stack, wanted: dict[str, Any]) -> None:
    """422, and nothing is paused."""
    problem(await pause(unattended, **wanted), 422, "invalid-request")
    assert await in_force(unattended) == []


async def test_a_scope_is_an_agent_or_a_type(unattended: Stack) -> None:
    """Both at once are a 422 whose sentence says what to leave out, for pausing and resuming alike."""
    both = {"agent_id": "agent", "operation_type": "note.low"}
    for answer in (await pause(unattended, **both), await resume(unattended, **both)):
        assert "Name an agent or an operation type, not both" in problem(answer, 422, "invalid-request")["detail"]
    assert await in_force(unattended) == []


async def test_a_scope_is_paused_once_and_resumed_once(unattended: Stack) -> None:
    """409 that says who has paused it; 404 where nothing is paused."""
    async with paused(unattended, operation_type="note.low"):
        told = problem(await pause(unattended, operation_type="note.low", reason="Again."), 409, "already-paused")
        assert "by admin:automation since" in told["detail"]
        assert told["detail"].endswith(REASON)
        problem(await resume(unattended, agent_id="note.low"), 404, "pause-not-found")
    problem(await resume(unattended, operation_type="note.low"), 404, "pause-not-found")


async def test_new_submissions_are_refused(unattended: Stack) -> None:
    """503 with Retry-After and a sentence: who, since when, why, and that nothing was stored, which is so."""
    key = fresh()
    async with paused(unattended):
        answer = await unattended.submit(idempotency_key=key)
        told = problem(answer, 503, "paused")
        assert answer.headers["Retry-After"] == "60"
        assert told["detail"].startswith(
            "Nothing was stored. Try again later: everything is paused by admin:automation"
        )
        assert told["detail"].endswith(REASON)
    # The key is still free, also for other content.
    taken = await unattended.submit("note.medium", idempotency_key=key)
    assert taken.status_code == httpx2.codes.ACCEPTED, taken.text


@pytest.mark.parametrize(
    ("scope", "refused", "taken"),
    [
        ({"agent_id": "agent"}, ("agent", "note.low"), ("other-agent", "note.low")),
        ({"operation_type": "note.low"}, ("other-agent", "note.low"), ("agent", "note.medium")),
    ],
    ids=["an agent", "a type"],
)
async def test_a_scope_holds_back_nothing_else(
    unattended: Stack, scope: dict[str, str], refused: tuple[str, str], taken: tuple[str, str]
) -> None:
    """One agent's or one type's submissions are refused; others go through."""
    async with paused(unattended, **scope):
        problem(await unattended.submit(refused[1], by=refused[0]), 503, "paused")
        assert (await unattended.submit(taken[1], by=taken[0])).status_code == httpx2.codes.ACCEPTED


async def test_who_may_not_submit_is_not_told_of_a_pause(unattended: Stack) -> None:
    """A wrong key is 401 and a wrong role 403, paused or not."""
    async with paused(unattended):
        problem(await unattended.submit(by="ada"), 403, "role-not-allowed")
        answer = await unattended.http.post("/v1/approvals", json={})
        problem(answer, 401, "not-authenticated")


async def test_a_known_key_is_answered_with_its_approval(unattended: Stack) -> None:
    """Whoever has lost the answer gets it, paused or not: while Temporal alone knows it, and from the record."""
    key = fresh()
    first = await unattended.submit(idempotency_key=key)
    async with paused(unattended):
        again = await unattended.submit(idempotency_key=key)
        assert (again.status_code, again.json()["id"]) == (httpx2.codes.OK, first.json()["id"])
        problem(await unattended.submit("note.medium", idempotency_key=key), 409, "idempotency-conflict")
        async with production_worker(unattended):
            await eventually("it is assessed", lambda: unattended.reads.content_digest(first.json()["id"]))
        recorded = await unattended.submit(idempotency_key=key)
        assert (recorded.status_code, recorded.json()["id"]) == (httpx2.codes.OK, first.json()["id"])
        assert recorded.json()["pause"]["reason"] == REASON
        problem(await unattended.submit("note.medium", idempotency_key=key), 409, "idempotency-conflict")


async def test_what_is_approved_while_paused_runs_after_the_resume(served: Stack) -> None:
    """Decided, held and shown as held, to people and its agent; Temporal says why; resumed, it runs once."""
    approval = await served.pending()
    async with paused(served, agent_id="agent") as told:
        assert (await shown(served, approval))["pause"] == told
        decided = await served.decide(approval)
        assert (decided.status_code, decided.json()["status"]) == (httpx2.codes.OK, "approved")
        handle = served.temporal.get_workflow_handle(workflow_id_of(approval["id"]))
        said = await eventually("Temporal says why it waits", lambda: _failure(handle))
        assert said.startswith("Paused by admin:automation since ")
        assert said.endswith(": it has not started.")
        assert REASON not in said
        held = await shown(served, approval, by="agent")
        assert (held["status"], held["pause"], held["execution"]) == ("approved", told, None)
        assert starts(approval["id"]) == 0
    ended = await served.ended(approval, within=HELD_FOR_A_LOOK)
    assert (ended["status"], ended["pause"], starts(approval["id"])) == ("executed", None, 1)
    assert [event["action"] for event in await events(served, approval, "execution.started")] == ["execution.started"]


async def test_what_runs_goes_on(served: Stack) -> None:
    """A pause stops nothing that has started, and holds none of it back in what is shown."""
    approval = await served.pending("note.slow", parameters={"seconds": 1.5})
    await served.decide(approval)
    await eventually("it runs", lambda: starts(approval["id"]))
    async with paused(served):
        running = await shown(served, approval)
        assert (running["status"], running["pause"]) == ("approved", None)
        assert (await served.ended(approval))["status"] == "executed"


async def test_what_policy_lets_through_is_held_as_well(unattended: Stack) -> None:
    """Accepted before the pause and assessed after it: it is approved, nobody is asked, and it waits for the resume."""
    accepted = (await unattended.submit("note.allowed")).json()
    async with production_worker(unattended):
        async with paused(unattended):

            async def look() -> dict[str, Any]:
                return await shown(unattended, accepted)

            held = await eventually("it is approved", look, until=lambda found: found["status"] == "approved")
            assert (held["decided_by"], held["pause"]["reason"]) == (["policy:allowed-notes"], REASON)
            handle = unattended.temporal.get_workflow_handle(workflow_id_of(accepted["id"]))
            await eventually("it has been held", lambda: _failure(handle))
            assert starts(accepted["id"]) == 0
        assert (await unattended.ended(accepted, within=HELD_FOR_A_LOOK))["status"] == "executed"


async def test_a_rejection_and_a_cancel_end_what_is_paused(served: Stack) -> None:
    """A pause keeps nobody from saying no."""
    rejected, cancelled = await served.pending(), await served.pending()
    async with paused(served):
        assert (await served.decide(rejected, "reject")).json()["status"] == "rejected"
        answer = await served.http.post(f"/v1/approvals/{cancelled['id']}/cancel", headers=served.bearer("agent"))
        assert answer.json()["status"] == "cancelled"
        assert [(await shown(served, one))["pause"] for one in (rejected, cancelled)] == [None, None]


async def _failure(handle: WorkflowHandle[Any, Any]) -> str:
    """Return what Temporal shows as the last failure of the pending activity."""
    pending = (await handle.describe()).raw_description.pending_activities
    return pending[0].last_failure.message if pending else ""
