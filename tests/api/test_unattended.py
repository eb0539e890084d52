"""While no worker runs: everything is accepted durably and told honestly, and a worker that comes later does it all."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from assent.models import NewKey, Role
from tests.api.answers import events, problem, shown
from tests.api.workers import production_worker
from tests.support.eventually import eventually
from tests.support.runs import starts
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = f"early-{uuid.uuid4()}"


@dataclass
class Night:
    """What was answered while no worker ran. Waiting for one takes seconds each time, so the tests share the answers.

    `early` was submitted, repeated, read and decided, and `stolen` submitted by a key that was revoked; no worker has
    seen them. `to_decide` was assessed before; of the two `cancelled`, the first was.
    """

    submitted: httpx2.Response
    repeated: httpx2.Response
    conflicting: httpx2.Response
    read: dict[str, httpx2.Response]
    read_by_others: list[httpx2.Response]
    undecided: httpx2.Response
    to_decide: dict[str, Any]
    decisions: list[httpx2.Response]
    cancelled: list[dict[str, Any]]
    cancels: list[httpx2.Response]
    stolen: dict[str, Any]

    @property
    def early(self) -> dict[str, Any]:
        """The approval that no worker has assessed."""
        approval: dict[str, Any] = self.submitted.json()
        return approval


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(unattended: Stack) -> Night:
    """Submit, read, decide, cancel and revoke, all of it while no worker runs."""
    unattended.add_key(NewKey(name="thief", role=Role.AGENT))
    async with production_worker(unattended):
        to_decide, to_cancel = await unattended.pending("note.high"), await unattended.pending()
    submitted, unseen, stolen = await asyncio.gather(
        unattended.submit("note.high", idempotency_key=KEY),
        unattended.submit(),
        unattended.submit(by="thief"),
    )
    path = submitted.headers["location"]
    cancelled = [to_cancel, unseen.json()]
    answers = await asyncio.gather(
        *(unattended.decide(to_decide, idempotency_key=KEY) for _ in range(3)),
        *(
            unattended.http.post(f"/v1/approvals/{approval['id']}/cancel", headers=unattended.bearer("agent"))
            for approval in cancelled
        ),
    )
    key = unattended.key_ids["thief"]
    assert (await unattended.http.delete(f"/v1/keys/{key}", headers=unattended.bearer("admin"))).is_success
    return Night(
        submitted=submitted,
        repeated=await unattended.submit("note.high", idempotency_key=KEY),
        read={
            "its agent": await unattended.get(path, by="agent"),
            "a reviewer": await unattended.get(path),
            "its events": await unattended.get(f"{path}/events", by="agent"),
            "the list": await unattended.get("/v1/approvals", by="agent"),
        },
        read_by_others=[
            await unattended.get(address, by="other-agent") for address in (path, f"{path}?wait=1", f"{path}/events")
        ],
        conflicting=await unattended.submit("note.low", idempotency_key=KEY),
        undecided=await unattended.decide(submitted.json()),
        to_decide=to_decide,
        decisions=answers[:3],
        cancelled=cancelled,
        cancels=answers[3:],
        stolen=stolen.json(),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day(night: Night, unattended: Stack) -> AsyncIterator[Night]:
    """The same, once a worker has come."""
    async with production_worker(unattended):
        yield night


async def test_a_submission_is_accepted(night: Night) -> None:
    """202 at once with its Location; the risk and the deadline are not known, and not guessed."""
    assert night.submitted.status_code == httpx2.codes.ACCEPTED, night.submitted.text
    assert night.submitted.headers["location"] == f"/v1/approvals/{night.early['id']}"
    early = night.early
    assert (early["status"], early["risk"], early["expires_at"]) == ("pending", None, None)
    assert (early["overdue"], early["decisions"], early["decided_by"]) == (False, [], [])


async def test_it_can_be_read(night: Night) -> None:
    """From the workflow's start, by its agent and by people; lists and events hold what is recorded: nothing yet."""
    assert night.read["its agent"].json() == night.early
    for_people = night.read["a reviewer"].json()
    assert for_people["temporal"].pop("url")
    assert for_people == night.early | {"temporal": {k: v for k, v in night.early["temporal"].items() if k != "url"}}
    assert night.read["its events"].json() == {"items": [], "next_cursor": None}
    assert night.early["id"] not in [approval["id"] for approval in night.read["the list"].json()["items"]]


async def test_it_is_as_private(night: Night) -> None:
    """Another agent gets a 404 for it, its wait and its events."""
    for answer in night.read_by_others:
        problem(answer, 404, "approval-not-found")


async def test_it_is_the_same_when_it_is_sent_again(night: Night, unattended: Stack) -> None:
    """200 and the same approval; other content under the key is a 409, in the log with both digests."""
    assert (night.repeated.status_code, night.repeated.json()) == (httpx2.codes.OK, night.early)
    problem(night.conflicting, 409, "idempotency-conflict")
    (conflict,) = await events(unattended, night.early, "submission.conflict")
    assert len(set(conflict["details"].values())) == 2


async def test_it_cannot_be_decided_yet(night: Night, day: Night, unattended: Stack) -> None:
    """409, and no decision comes of it."""
    problem(night.undecided, 409, "not-assessed-yet")
    assessed = await eventually("it is assessed", lambda: shown(unattended, day.early), until=lambda now: now["risk"])
    assert (assessed["status"], assessed["decisions"]) == ("pending", [])


async def test_a_worker_assesses_it(day: Night, unattended: Stack) -> None:
    """The same approval then has its level and its deadline, and repeating the submission still finds it."""
    assessed = await eventually(
        "it is assessed", lambda: shown(unattended, day.early, by="agent"), until=lambda now: now["risk"]
    )
    assert assessed["risk"]["level"] == "high"
    assert assessed["expires_at"] is not None
    same = ("id", "digest", "operation", "reason", "context", "agent_id", "status")
    assert {name: assessed[name] for name in same} == {name: day.early[name] for name in same}
    again = await unattended.submit("note.high", idempotency_key=KEY)
    assert (again.status_code, again.json()) == (httpx2.codes.OK, assessed)


async def test_a_decision_is_accepted(night: Night) -> None:
    """202 with the decision's id, the same for each repeat; it is not claimed to be recorded."""
    assert [answer.status_code for answer in night.decisions] == [httpx2.codes.ACCEPTED] * 3
    assert {answer.headers["location"] for answer in night.decisions} == {f"/v1/approvals/{night.to_decide['id']}"}
    assert len({answer.json()["decision_id"] for answer in night.decisions}) == 1
    assert {answer.json()["status"] for answer in night.decisions} == {"pending"}
    assert night.decisions[0].json()["decisions"] == []


async def test_a_worker_records_the_decision_once(day: Night, unattended: Stack) -> None:
    """Under the id that was told; the same post is then a 200."""
    ended = await unattended.ended(day.to_decide)
    assert ended["status"] == "executed"
    assert [made["id"] for made in ended["decisions"]] == [day.decisions[0].json()["decision_id"]]
    again = await unattended.decide(day.to_decide, idempotency_key=KEY)
    assert (again.status_code, again.json()) == (httpx2.codes.OK, ended)
    assert len(await events(unattended, day.to_decide, "decision.recorded")) == 1


async def test_a_cancel_is_accepted(night: Night) -> None:
    """202 and still pending, whether it was assessed or not."""
    assert [(answer.status_code, answer.json()["status"]) for answer in night.cancels] == [(202, "pending")] * 2


async def test_a_worker_cancels(day: Night, unattended: Stack) -> None:
    """What was to be cancelled is, also when it is assessed only then; nothing of it runs."""
    for approval in day.cancelled:
        ended = await unattended.ended(approval)
        assert (ended["status"], ended["decided_by"]) == ("cancelled", ["agent:agent"])
        assert starts(approval["id"]) == 0


async def test_what_a_revoked_agent_asked_for_is_cancelled(day: Night, unattended: Stack) -> None:
    """Its key was revoked before any worker saw the request."""
    ended = await unattended.ended(day.stolen)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:revoked-key"])
