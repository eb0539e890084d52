"""GET /v1/approvals/{id}: what each caller sees of one approval, and waiting for its end."""

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.api.answers import problem, shown
from tests.api.rows import move_deadline
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("ada", "auditor", "admin")


async def test_people_read_all_and_get_the_way_to_temporal(served: Stack) -> None:
    """Reviewers, auditors and admins see what its agent sees, and `temporal.url`, which agents never get."""
    approval = await served.pending()
    workflow = approval["temporal"]
    assert workflow["url"] is None
    assert workflow["workflow_id"] == f"approval-{approval['id']}"
    assert (await shown(served, approval, by="agent"))["temporal"] == workflow
    for name in PEOPLE:
        read = await shown(served, approval, by=name)
        url = read["temporal"].pop("url")
        assert (
            url == f"http://127.0.0.1:8233/namespaces/default/workflows/{workflow['workflow_id']}/{workflow['run_id']}"
        )
        assert read == approval | {"temporal": {name: workflow[name] for name in ("workflow_id", "run_id")}}


async def test_no_answer_gives_an_agent_the_way_to_temporal(served: Stack) -> None:
    """Not when it submits, waits, lists or cancels either."""
    key = str(uuid.uuid4())
    approval = await served.pending(idempotency_key=key)
    path = f"/v1/approvals/{approval['id']}"
    answers = [
        (await served.submit(idempotency_key=key)).json(),
        (await served.get(path, by="agent", wait=0.01)).json(),
        *(await served.get("/v1/approvals", by="agent")).json()["items"],
        (await served.http.post(f"{path}/cancel", headers=served.bearer("agent"))).json(),
    ]
    assert {answer["temporal"]["url"] for answer in answers} == {None}


async def test_another_agents_approval_is_not_there(served: Stack) -> None:
    """Reading, waiting, its events and cancelling: word for word what an id that nobody has gets."""
    approval = await served.pending()
    nobodys = str(uuid.uuid4())
    seen = []
    for approval_id in (approval["id"], nobodys):
        path = f"/v1/approvals/{approval_id}"
        headers = served.bearer("other-agent")
        answers = [
            await served.http.get(path, headers=headers),
            await served.http.get(path, headers=headers, params={"wait": 30}),
            await served.http.get(f"{path}/events", headers=headers),
            await served.http.post(f"{path}/cancel", headers=headers),
        ]
        for answer in answers:
            problem(answer, 404, "approval-not-found")
        seen.append([answer.text.replace(approval_id, "") for answer in answers])
    assert seen[0] == seen[1]
    for filters in ({}, {"agent_id": "agent"}, {"status": "pending"}):
        listed = (await served.get("/v1/approvals", by="other-agent", **filters)).json()["items"]
        assert [one["agent_id"] for one in listed if one["agent_id"] != "other-agent"] == []
    assert await shown(served, approval, by="agent") == approval


async def test_a_wait_ends_with_the_approval(served: Stack) -> None:
    """Everybody who waits gets the ended approval as soon as it has ended, long before their time is over."""
    approval = await served.pending()
    path = f"/v1/approvals/{approval['id']}"
    waiting = [asyncio.create_task(served.get(path, by=name, wait=25)) for name in ("agent", *PEOPLE)]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    decided = await served.decide(approval, "reject")
    decided_at = time.monotonic()
    answers = await asyncio.gather(*waiting)
    assert time.monotonic() - decided_at < 3
    assert [answer.json()["status"] for answer in answers] == ["rejected"] * 4
    assert answers[1].json() == decided.json()


async def test_a_wait_lasts_until_the_operation_has_run(served: Stack) -> None:
    """Approved is not the end: the wait goes on until it is executed."""
    approval = await served.pending("note.slow", parameters={"seconds": 0.5})
    waiting = asyncio.create_task(served.get(f"/v1/approvals/{approval['id']}", by="agent", wait=25))
    assert (await served.decide(approval)).json()["status"] == "approved"
    ended = (await waiting).json()
    assert (ended["status"], ended["execution"]["result"]) == ("executed", "done")


async def test_a_wait_that_is_over_tells_how_it_stands(served: Stack) -> None:
    """Still pending after the time; what has ended is told at once."""
    approval = await served.pending()
    path = f"/v1/approvals/{approval['id']}"
    begun = time.monotonic()
    waited = await served.get(path, by="agent", wait=0.7)
    assert time.monotonic() - begun >= 0.7
    assert (waited.status_code, waited.json()) == (httpx2.codes.OK, approval)
    await served.decide(approval, "reject")
    begun = time.monotonic()
    assert (await served.get(path, by="agent", wait=25)).json()["status"] == "rejected"
    assert time.monotonic() - begun < 3


async def test_a_wait_is_at_most_a_minute(served: Stack) -> None:
    """0 to 60 seconds; anything else is a 422."""
    approval = await served.pending()
    for wait in ("-0.1", "60.1", "inf", "nan", "x", ""):
        told = problem(await served.get(f"/v1/approvals/{approval['id']}", wait=wait), 422, "invalid-request")
        assert told["errors"][0]["at"] == "query.wait"


async def test_what_is_past_its_deadline_is_overdue_until_it_is_closed(served: Stack) -> None:
    """`pending` with `overdue`, never `expired` before the record says so; here and in lists."""
    approval = await served.pending()
    assert approval["overdue"] is False
    deadline = datetime.now(UTC) - timedelta(seconds=1)
    move_deadline(served, approval["id"], deadline)
    read = await shown(served, approval, by="agent")
    assert (read["status"], read["overdue"]) == ("pending", True)
    assert datetime.fromisoformat(read["expires_at"]) == deadline
    listed = (await served.get("/v1/approvals", sort="expires_at", limit=1)).json()["items"]
    assert [(one["id"], one["overdue"]) for one in listed] == [(approval["id"], True)]
    answer = await served.http.post(f"/v1/approvals/{approval['id']}/cancel", headers=served.bearer("agent"))
    assert (answer.json()["status"], answer.json()["overdue"]) == ("cancelled", False)


@pytest.mark.parametrize("path", ["", "/events"])
@pytest.mark.parametrize(
    ("approval_id", "status", "kind"),
    [
        ("00000000-0000-4000-8000-000000000000", 404, "approval-not-found"),
        ("x", 404, "approval-not-found"),
        ("%E2%80%AE", 404, "approval-not-found"),
        ("%FF", 404, "approval-not-found"),
        ("' OR 1=1 --", 404, "approval-not-found"),
        ("%00", 422, "invalid-request"),
        ("x" * 65, 422, "invalid-request"),
    ],
)
async def test_an_id_that_is_none(served: Stack, path: str, approval_id: str, status: int, kind: str) -> None:
    """404, or 422 for what cannot even be looked for."""
    for name in ("ada", "agent"):
        problem(await served.get(f"/v1/approvals/{approval_id}{path}", by=name), status, kind)


async def test_its_events_in_order_for_its_agent(served: Stack) -> None:
    """Its agent and people read its trail, oldest first, page by page; nobody's parameters are in it."""
    approval = await served.pending("note.high", parameters={"text": "a secret"})
    await served.decide(approval, "reject")
    path = f"/v1/approvals/{approval['id']}/events"
    whole = (await served.get(path, by="agent")).json()
    assert [event["action"] for event in whole["items"]] == [
        "approval.requested",
        "decision.recorded",
        "approval.rejected",
    ]
    assert [event["actor"] for event in whole["items"]] == ["agent:agent", "reviewer:ada", "reviewer:ada"]
    assert {event["digest"] for event in whole["items"]} == {approval["digest"]}
    assert "secret" not in str(whole)
    for name in PEOPLE:
        assert (await served.get(path, by=name)).json() == whole
    paged, cursor = [], None
    while True:
        page = (await served.get(path, by="agent", limit=1, **({"cursor": cursor} if cursor else {}))).json()
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole["items"]
