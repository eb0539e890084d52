"""POST /v1/approvals/{id}/decisions: who decides, on what, how often, and what each of them is told."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from assent.models import NewKey, Outcome, Role
from domain.ballot import Decision
from tests.api.answers import problem, refusals, shown
from tests.api.rows import move_deadline
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_DIGEST: dict[str, Any] = {"digest": None}
OTHER_DIGEST = "0" * 64

_numbers = itertools.count()


def new_key(stack: Stack, role: Role, *, name: str | None = None, owner: str | None = None) -> str:
    """Make a key and return its name."""
    name = name or f"{role.value}-{next(_numbers)}"
    stack.add_key(NewKey(name=name, role=role, owner=owner))
    return name


@pytest.mark.parametrize("level", ["high", "critical"])
async def test_a_grave_decision_names_what_was_seen(served: Stack, level: str) -> None:
    """At high and critical risk a decision without the digest is a 422, an approval or a rejection alike."""
    approval = await served.pending(f"note.{level}")
    for outcome in ("approve", "reject"):
        told = problem(await served.decide(approval, outcome, **NO_DIGEST), 422, "invalid-decision")
        assert "digest" in told["detail"]
    assert await shown(served, approval, by="agent") == approval
    assert (await served.decide(approval, "reject")).json()["status"] == "rejected"


@pytest.mark.parametrize("level", ["low", "medium"])
async def test_below_high_the_digest_may_be_left_out(served: Stack, level: str) -> None:
    """At low and medium risk it is not needed."""
    approval = await served.pending(f"note.{level}")
    decided = await served.decide(approval, "reject", **NO_DIGEST)
    assert (decided.status_code, decided.json()["status"]) == (httpx2.codes.OK, "rejected")


@pytest.mark.parametrize("level", ["low", "critical"])
async def test_a_digest_that_is_given_must_be_right(served: Stack, level: str) -> None:
    """A wrong one is a 409 at every level; it stays pending, and the log tells it."""
    approval = await served.pending(f"note.{level}")
    for digest in (OTHER_DIGEST, (await served.pending(f"note.{level}"))["digest"]):
        told = problem(await served.decide(approval, digest=digest), 409, "decision-refused")
        assert "digest" in told["detail"]
    assert await shown(served, approval, by="agent") == approval
    assert await refusals(served, approval) == [("reviewer:ada", "wrong_digest")] * 2


@pytest.mark.parametrize("comment", [None, "", " \n\t"])
async def test_a_rejection_needs_a_comment(served: Stack, comment: str | None) -> None:
    """The agent reads why; an approval may go without."""
    approval = await served.pending("note.quorum")
    told = problem(await served.decide(approval, "reject", comment=comment), 422, "invalid-decision")
    assert "comment" in told["detail"]
    approved = await served.decide(approval, comment=comment)
    assert approved.json()["decisions"][0]["comment"] == (comment or "")


async def test_a_decision_says_nothing_else(served: Stack) -> None:
    """Unknown fields and wrong values are a 422; who decides, and when, never comes from the body."""
    approval = await served.pending()
    for body in (
        {"reviewer": "bob"},
        {"decided_at": "2020-01-01T00:00:00Z"},
        {"accepted": True},
        {"role": "admin"},
        {"outcome": "maybe"},
        {"outcome": "APPROVE"},
        {"outcome": True},
        {"digest": "0" * 63},
        {"digest": "A" * 64},
        {"digest": f"{OTHER_DIGEST}\n"},
        {"comment": "x" * 2001},
        {"comment": 1},
    ):
        problem(await served.decide(approval, **body), 422, "invalid-request")
    assert await shown(served, approval, by="agent") == approval


async def test_agents_and_auditors_do_not_decide(served: Stack) -> None:
    """403 for the agent that asked and for an auditor; it stays pending, and the log names each of them."""
    approval = await served.pending()
    for name in ("agent", "auditor"):
        problem(await served.decide(approval, by=name), 403, "role-not-allowed")
        problem(await served.decide(approval, "reject", by=name), 403, "role-not-allowed")
    assert await shown(served, approval, by="agent") == approval
    assert await refusals(served, approval) == [
        *[("agent:agent", "not_allowed")] * 2,
        *[("auditor:auditor", "not_allowed")] * 2,
    ]


async def test_a_refused_role_does_not_learn_which_ids_exist(served: Stack) -> None:
    """An agent hears the same of another agent's approval as of an id that nobody has."""
    approval = await served.pending()
    answers = [
        await served.decide({"id": approval_id, "digest": approval["digest"]}, by="other-agent")
        for approval_id in (approval["id"], str(uuid.uuid4()))
    ]
    one, other = (problem(answer, 403, "role-not-allowed") for answer in answers)
    assert {name: value for name, value in one.items() if name != "decision_id"} == {
        name: value for name, value in other.items() if name != "decision_id"
    }
    assert one.keys() == other.keys()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
async def test_nobody_decides_for_a_key_they_own(served: Stack, role: Role) -> None:
    """The owner's own key, and every other key of the owner, is refused: admins' as well."""
    person = new_key(served, role)
    second = new_key(served, role, owner=person)
    owned = new_key(served, Role.AGENT, owner=person)
    approval = await served.pending(by=owned)
    for name in (person, second):
        for outcome in ("approve", "reject"):
            problem(await served.decide(approval, outcome, by=name), 403, "own-request")
    assert await shown(served, approval, by=owned) == approval
    assert await refusals(served, approval) == [
        *[(f"{role.value}:{person}", "own_request")] * 2,
        *[(f"{role.value}:{second}", "own_request")] * 2,
    ]
    assert (await served.decide(approval, "reject", by="ada")).status_code == httpx2.codes.OK


async def test_the_owner_of_a_key_may_be_written_as_that_keys_name(served: Stack) -> None:
    """A key whose name another key gives as its owner owns it, even when somebody answers for the first one too."""
    laptop = new_key(served, Role.REVIEWER, owner=f"person-{next(_numbers)}")
    owned = new_key(served, Role.AGENT, owner=laptop)
    approval = await served.pending(by=owned)
    problem(await served.decide(approval, by=laptop), 403, "own-request")


async def test_an_admin_does_not_decide_what_it_asked_for(served: Stack) -> None:
    """Neither the platform's key, nor a key of the same owner as the one that asked."""
    approval = await served.pending(by="admin")
    problem(await served.decide(approval, by="admin"), 403, "own-request")
    person = f"person-{next(_numbers)}"
    asking, other = (new_key(served, Role.ADMIN, owner=person) for _ in range(2))
    second = await served.pending(by=asking)
    for name in (asking, other):
        problem(await served.decide(second, by=name), 403, "own-request")
    assert (await served.decide(second, "reject", by="admin")).json()["decided_by"] == ["reviewer:automation"]


async def test_two_keys_of_one_person_are_one_vote(served: Stack) -> None:
    """Where two persons are needed, a second key of the same owner counts no more than the first."""
    person = new_key(served, Role.REVIEWER)
    second = new_key(served, Role.REVIEWER, owner=person)
    approval = await served.pending("note.quorum")
    assert (await served.decide(approval, by=second)).json()["status"] == "pending"
    problem(await served.decide(approval, by=person), 409, "decision-refused")
    now = await shown(served, approval)
    assert (now["status"], now["decided_by"]) == ("pending", [f"reviewer:{second}"])
    assert await refusals(served, approval) == [(f"reviewer:{person}", "already_voted")]


async def test_what_is_not_there_cannot_be_decided(served: Stack) -> None:
    """404, whether the id looks like one or not."""
    for unknown in (str(uuid.uuid4()), "nothing", "approval-x", "%F0%9F%98%80"):
        answer = await served.decide({"id": unknown, "digest": OTHER_DIGEST})
        problem(answer, 404, "approval-not-found")


async def test_who_comes_too_late_is_told_who_decided(served: Stack) -> None:
    """409 with the status and the names, for an approval and a rejection alike; the log tells it."""
    for outcome, status in (("approve", "executed"), ("reject", "rejected")):
        approval = await served.pending()
        await served.decide(approval, outcome, by="ada")
        await served.ended(approval)
        told = problem(await served.decide(approval, by="bob"), 409, "decision-refused")
        assert told["decided_by"] == ["reviewer:ada"]
        assert f"It is {status}, by reviewer:ada." in told["detail"]
        assert await refusals(served, approval) == [("reviewer:bob", "already_decided")]


async def test_a_decision_after_the_deadline_does_not_count(served: Stack) -> None:
    """409, and `too_late` in the log, also while the approval still shows as pending."""
    approval = await served.pending()
    move_deadline(served, approval["id"], datetime.now(UTC) - timedelta(milliseconds=1))
    problem(await served.decide(approval), 409, "decision-refused")
    now = await shown(served, approval)
    assert (now["status"], now["overdue"], now["decisions"]) == ("pending", True, [])
    assert await refusals(served, approval) == [("reviewer:ada", "too_late")]


async def test_an_approval_takes_a_hundred_decisions(served: Stack) -> None:
    """The hundredth is recorded, the next is a 429 that says when to come back, and changes nothing."""
    approval = await served.pending("note.quorum")
    for _ in range(99):
        refused = Decision(
            decision_id=str(uuid.uuid4()),
            approval_id=approval["id"],
            reviewer="bob",
            owner=None,
            role=Role.REVIEWER,
            outcome=Outcome.APPROVE,
            comment="",
            digest=OTHER_DIGEST,
            decided_at=datetime.now(UTC),
        )
        refused = refused.model_copy(update={"signature": served.signing_keys.sign(refused.signed_fields())})
        served.store.decide(refused, at=datetime.now(UTC))
    hundredth = await served.decide(approval, idempotency_key="k")
    assert hundredth.status_code == httpx2.codes.OK, hundredth.text
    before = await shown(served, approval)
    assert len(before["decisions"]) == 100
    answer = await served.decide(approval, by="bob")
    problem(answer, 429, "too-many-decisions")
    assert int(answer.headers["retry-after"]) > 0
    assert await shown(served, approval) == before
    assert (await served.decide(approval, idempotency_key="k")).status_code == httpx2.codes.OK


async def test_only_a_post_decides(served: Stack) -> None:
    """405 for every other method, whoever asks: links that are opened by machines decide nothing."""
    approval = await served.pending()
    body = {"outcome": "approve", "digest": approval["digest"]}
    for method, path in itertools.product(("GET", "HEAD", "PUT", "PATCH", "DELETE"), ("decisions", "cancel")):
        answer = await served.http.request(
            method,
            f"/v1/approvals/{approval['id']}/{path}",
            headers=served.bearer("admin"),
            params=body,
            json=None if method in ("GET", "HEAD") else body,
        )
        assert (answer.status_code, answer.headers["allow"]) == (httpx2.codes.METHOD_NOT_ALLOWED, "POST")
        assert answer.headers["content-type"] == "application/problem+json"
        if method != "HEAD":
            problem(answer, 405, "method-not-allowed")
    assert await shown(served, approval, by="agent") == approval
