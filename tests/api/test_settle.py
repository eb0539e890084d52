"""POST /v1/approvals/{id}/settle: an admin says what became of an execution whose outcome is unknown."""

import uuid
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from assent.models import NewKey, Role
from tests.api.answers import events, problem, shown
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTE = "The target's log shows that it was done."


async def settle(stack: Stack, approval: Mapping[str, Any], *, by: str = "admin", **other: Any) -> httpx2.Response:  # noqa: ANN401
    """Settle an approval as executed, unless told otherwise."""
    path = f"/v1/approvals/{approval['id']}/settle"
    return await stack.http.post(path, headers=stack.bearer(by), json={"outcome": "executed", "note": NOTE} | other)


@pytest_asyncio.fixture(loop_scope="module")
async def unknown(served: Stack) -> dict[str, Any]:
    """An approval whose operation outlived its time, so that nobody knows how far it came."""
    approval = await served.pending("note.hang", parameters={"seconds": 1.2})
    await served.decide(approval)
    ended = await served.ended(approval)
    assert (ended["status"], ended["execution"]["outcome_unknown"]) == ("failed", True)
    return ended


async def test_an_admin_settles_it(served: Stack, unknown: dict[str, Any]) -> None:
    """200: it stays failed and unknown as it ended, and tells what was found, by whom and when; so does the log."""
    answer = await settle(served, unknown)
    assert answer.status_code == httpx2.codes.OK, answer.text
    settlement = answer.json()["execution"].pop("settlement")
    assert settlement | {"settled_at": ""} == {
        "outcome": "executed",
        "note": NOTE,
        "settled_by": "admin:automation",
        "settled_at": "",
    }
    unsettled = unknown | {"execution": unknown["execution"] | {"settlement": settlement}}
    assert await shown(served, unknown) == unsettled
    (told,) = await events(served, unknown, "execution.settled")
    assert (told["actor"], told["at"], told["digest"]) == (
        "admin:automation",
        settlement["settled_at"],
        unknown["digest"],
    )
    assert told["details"] == {"outcome": "executed", "note": NOTE}
    assert (await shown(served, unknown, by="agent"))["execution"]["settlement"] == settlement


async def test_the_same_again_is_answered_the_same(served: Stack, unknown: dict[str, Any]) -> None:
    """A repeated request has no second effect."""
    first = await settle(served, unknown, outcome="failed")
    second = await settle(served, unknown, outcome="failed")
    assert (second.status_code, second.json()) == (httpx2.codes.OK, first.json())
    assert len(await events(served, unknown, "execution.settled")) == 1


async def test_it_is_settled_once(served: Stack, unknown: dict[str, Any]) -> None:
    """409 for another outcome, another note or another admin, which says who settled it as what."""
    served.add_key(NewKey(name="root", role=Role.ADMIN))
    await settle(served, unknown, by="root")
    before = await shown(served, unknown)
    for other in ({"by": "root", "outcome": "failed"}, {"by": "root", "note": "Look again."}, {"by": "admin"}):
        told = problem(await settle(served, unknown, **other), 409, "not-unknown")
        assert told["detail"].startswith("admin:root settled this on ")
        assert "as executed" in told["detail"]
        assert told["detail"].endswith(NOTE)
    assert await shown(served, unknown) == before


async def test_only_an_unknown_outcome_is_settled(served: Stack) -> None:
    """409 for what is pending, has ended, or has failed for a known reason."""
    pending, executed, failed = await served.pending(), await served.pending(), await served.pending("note.fail")
    for approval in (executed, failed):
        await served.decide(approval)
        await served.ended(approval)
    for approval in (pending, executed, failed):
        before = await shown(served, approval)
        problem(await settle(served, approval), 409, "not-unknown")
        assert await shown(served, approval) == before


async def test_what_no_worker_has_seen_is_not_settled(unattended: Stack) -> None:
    """It is there, and has not even been assessed: 409."""
    problem(await settle(unattended, (await unattended.submit()).json()), 409, "not-unknown")


async def test_what_is_not_there_is_not_settled(served: Stack) -> None:
    """404 for an id that is nobody's."""
    problem(await settle(served, {"id": str(uuid.uuid4())}), 404, "approval-not-found")


async def test_nobody_else_settles(served: Stack, unknown: dict[str, Any]) -> None:
    """403 for agents, reviewers and auditors; 401 without a key; nothing is settled."""
    for name in ("agent", "ada", "auditor"):
        problem(await settle(served, unknown, by=name), 403, "role-not-allowed")
    without = await served.http.post(f"/v1/approvals/{unknown['id']}/settle", json={"outcome": "failed", "note": "x"})
    problem(without, 401, "not-authenticated")
    assert await shown(served, unknown) == unknown


@pytest.mark.parametrize(
    "other",
    [{"outcome": "approved"}, {"outcome": "unknown"}, {"note": ""}, {"note": "x" * 2001}, {"settled_by": "admin:me"}],
    ids=lambda other: str(other)[:24],
)
async def test_what_makes_no_sense_is_refused(served: Stack, other: dict[str, Any]) -> None:
    """422 before anything is looked at: executed or failed, with a note, and nothing else."""
    problem(await settle(served, {"id": str(uuid.uuid4())}, **other), 422, "invalid-request")
