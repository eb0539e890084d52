"""An Idempotency-Key makes a repeated decision the same decision, and never another one."""

import asyncio

import httpx2
import pytest

from tests.api.answers import events, problem, refusals, shown
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_repeated_post_is_the_same_decision(served: Stack) -> None:
    """The same Idempotency-Key again, also after the end: 200, one row with one id, and one event."""
    approval = await served.pending("note.quorum")
    first = await served.decide(approval, idempotency_key="k")
    again = await served.decide(approval, idempotency_key="k")
    assert (first.status_code, again.status_code) == (httpx2.codes.OK, httpx2.codes.OK)
    assert again.json() == first.json()
    assert len(again.json()["decisions"]) == 1
    by_bob = await served.decide(approval, by="bob", idempotency_key="k")
    ended = await served.ended(approval)
    assert (by_bob.status_code, ended["status"]) == (httpx2.codes.OK, "executed")
    late = await served.decide(approval, idempotency_key="k")
    assert (late.status_code, late.json()) == (httpx2.codes.OK, ended)
    assert [made["reviewer"] for made in ended["decisions"]] == ["ada", "bob"]
    assert len({made["id"] for made in ended["decisions"]}) == 2
    assert len(await events(served, approval, "decision.recorded")) == 2


async def test_posts_that_race_under_one_key_are_one_decision(served: Stack) -> None:
    """Sent five times at once it is recorded once, and everybody gets the same answer."""
    approval = await served.pending("note.quorum")
    answers = await asyncio.gather(*(served.decide(approval, idempotency_key="race") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [httpx2.codes.OK] * 5
    assert {answer.json()["decisions"][0]["id"] for answer in answers} == {
        made["id"] for made in (await shown(served, approval))["decisions"]
    }
    assert await refusals(served, approval) == []


async def test_another_decision_under_the_same_key_is_refused(served: Stack) -> None:
    """409 that names the first decision, which stays as it is."""
    approval = await served.pending("note.quorum")
    first = (await served.decide(approval, idempotency_key="k")).json()
    for other in ({"outcome": "reject"}, {"comment": "something else"}):
        answer = await served.decide(approval, **({"outcome": "approve"} | other), idempotency_key="k")
        told = problem(answer, 409, "idempotency-conflict")
        assert told["decision_id"] == first["decisions"][0]["id"]
    assert await shown(served, approval) == first


async def test_two_decisions_that_race_under_one_key_are_not_both_recorded(served: Stack) -> None:
    """One is recorded; whoever sent the other is told that it is not, and never gets the first one's 200."""
    for _ in range(3):
        approval = await served.pending("note.quorum")
        approve, reject = await asyncio.gather(
            served.decide(approval, "approve", idempotency_key="race"),
            served.decide(approval, "reject", idempotency_key="race"),
        )
        assert sorted((approve.status_code, reject.status_code)) == [200, 409]
        (made,) = (await shown(served, approval))["decisions"]
        assert made["outcome"] == ("approve" if approve.is_success else "reject")
