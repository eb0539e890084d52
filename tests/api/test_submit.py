"""POST /v1/approvals: what is accepted is durable and shown as it will run; what is refused leaves nothing behind."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.answers import events, problem, shown
from tests.api.submissions import OPERATION, SUBMISSION, changed, fresh
from tests.api.workers import production_worker
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, open_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEVELS = {"low": 24, "medium": 12, "high": 4, "critical": 1}
MEMBERS = {
    *("id", "status", "overdue", "operation", "agent_id", "reason", "context", "digest", "risk", "created_at"),
    *("expires_at", "required_approvals", "decisions", "decided_by", "execution", "temporal"),
    *("rules", "pattern", "policy_version", "pause", "agent_owner", "stuck"),
}


@pytest.mark.parametrize(("level", "hours"), LEVELS.items())
async def test_it_is_assessed_at_once_by_its_level(served: Stack, level: str, hours: int) -> None:
    """201 with the level, its reasons and its deadline; reading it at its Location gives the same."""
    before = datetime.now().astimezone()
    answer = await served.submit(f"note.{level}", context={"ticket": "T-1"})
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    approval = answer.json()
    assert approval.keys() == MEMBERS
    assert uuid.UUID(approval["id"]).version == 7
    assert answer.headers["location"] == f"/v1/approvals/{approval['id']}"
    assert (approval["status"], approval["overdue"], approval["agent_id"]) == ("pending", False, "agent")
    assert (approval["reason"], approval["context"]) == ("a test asks", {"ticket": "T-1"})
    assert approval["risk"] == {"level": level, "reasons": [f"note.{level} is declared {level} risk."]}
    created, expires = (datetime.fromisoformat(approval[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(hours=hours)
    assert abs(created - before) < timedelta(seconds=10)
    assert (approval["decisions"], approval["decided_by"], approval["execution"]) == ([], [], None)
    assert (approval["rules"], approval["pattern"], len(approval["policy_version"])) == ([], None, 64)
    read = await served.get(answer.headers["location"], by="agent")
    assert read.json() == approval


async def test_the_same_again_is_the_same_approval_also_after_its_end(served: Stack) -> None:
    """200 and the approval as it is now, and nothing starts a second time."""
    key = fresh()
    first = await served.submit(idempotency_key=key)
    assert first.status_code == httpx2.codes.CREATED
    again = await served.submit(idempotency_key=key)
    assert (again.status_code, again.json()) == (httpx2.codes.OK, first.json())
    assert again.headers["location"] == first.headers["location"]
    await served.decide(first.json(), "reject")
    ended = await served.submit(idempotency_key=key)
    assert (ended.status_code, ended.json()["status"]) == (httpx2.codes.OK, "rejected")
    assert ended.json()["id"] == first.json()["id"]
    assert len(await events(served, first.json(), "approval.requested")) == 1


async def test_members_may_come_in_any_order_and_defaults_may_be_left_out(served: Stack) -> None:
    """What is the same content does not depend on how it was written."""
    headers = served.bearer("agent") | {"Idempotency-Key": fresh(), "Content-Type": "application/json"}
    first = await served.http.post("/v1/approvals", headers=headers, content=json.dumps(SUBMISSION))
    backwards = {"context": {}, "reason": "a test asks", "operation": dict(reversed(OPERATION.items()))}
    again = await served.http.post("/v1/approvals", headers=headers, content=json.dumps(backwards, indent=1))
    assert (first.status_code, again.status_code) == (httpx2.codes.CREATED, httpx2.codes.OK)


@pytest.mark.parametrize(
    "other",
    [
        changed(type="note.medium"),
        changed(resource_id="8"),
        changed(parameters={"text": "other"}),
        SUBMISSION | {"reason": "another reason"},
        SUBMISSION | {"context": {"ticket": "T-2"}},
        SUBMISSION | {"risk_level": "low"},
    ],
    ids=["type", "resource_id", "parameters", "reason", "context", "risk_level"],
)
async def test_other_content_under_the_same_key_changes_nothing(served: Stack, other: dict[str, Any]) -> None:
    """409, the first stays as it is, and the log tells both digests, once."""
    key = fresh()
    headers = served.bearer("agent") | {"Idempotency-Key": key}
    first = (await served.http.post("/v1/approvals", headers=headers, json=SUBMISSION)).json()
    for _ in range(2):
        told = problem(
            await served.http.post("/v1/approvals", headers=headers, json=other), 409, "idempotency-conflict"
        )
        assert first["id"] in told["detail"]
    assert await shown(served, first, by="agent") == first
    (conflict,) = await events(served, first, "submission.conflict")
    assert conflict["actor"] == "agent:agent"
    digests = conflict["details"]
    assert digests.keys() == {"first_content_digest", "second_content_digest"}
    assert digests["first_content_digest"] != digests["second_content_digest"]
    assert all(len(digest) == 64 for digest in digests.values())


async def test_the_same_key_at_the_same_time_starts_one(served: Stack) -> None:
    """Of posts that race, one starts the approval; the same content gets it, other content gets a 409."""
    key = fresh()
    same = [served.submit(idempotency_key=key) for _ in range(4)]
    other = [served.submit(idempotency_key=key, context={"other": True}) for _ in range(4)]
    answers = await asyncio.gather(*(post for pair in zip(same, other, strict=True) for post in pair))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 200, 201, 409, 409, 409, 409]
    started = [answer.json() for answer in answers if answer.is_success]
    assert len({approval["id"] for approval in started}) == 1
    assert len({json.dumps(approval["context"]) for approval in started}) == 1
    assert len(await events(served, started[0], "approval.requested")) == 1


async def test_a_key_of_one_agent_is_nothing_to_another(served: Stack) -> None:
    """Two agents may use the same Idempotency-Key; without one, each post is a request of its own."""
    key = fresh()
    mine = await served.pending(idempotency_key=key)
    theirs = await served.pending(idempotency_key=key, by="other-agent")
    unnamed = [await served.pending(), await served.pending()]
    assert len({approval["id"] for approval in (mine, theirs, *unnamed)}) == 4
    assert theirs["agent_id"] == "other-agent"


async def test_who_may_submit(served: Stack) -> None:
    """Agents and admins; reviewers and auditors get a 403."""
    answer = await served.submit(by="admin")
    assert (answer.status_code, answer.json()["agent_id"]) == (httpx2.codes.CREATED, "automation")
    for name in ("ada", "auditor"):
        problem(await served.submit(by=name), 403, "role-not-allowed")


async def test_what_is_not_declared_is_named_with_what_is(served: Stack) -> None:
    """An unknown operation type or resource type is a 422 that lists the declared ones."""
    headers = served.bearer("agent")
    unknown = await served.http.post("/v1/approvals", headers=headers, json=changed(type="note.nuke"))
    told = problem(unknown, 422, "undeclared-operation")["detail"]
    assert "note.nuke" in told
    assert set(served.operations.declarations) <= set(told.replace(",", " ").replace(".\n", "").rstrip(".").split())
    other = await served.http.post("/v1/approvals", headers=headers, json=changed(resource_type="user"))
    told = problem(other, 422, "undeclared-operation")["detail"]
    assert "'user'" in told
    assert told.endswith("note.")


@pytest.mark.parametrize(
    ("operation_type", "parameters", "place"),
    [
        ("note.low", {"text": 1}, "parameters.text"),
        ("note.low", {"text": None}, "parameters.text"),
        ("note.low", {"text": "x", "times": 1}, "parameters.times"),
        ("note.flaky", {}, "parameters.times"),
        ("note.flaky", {"times": 11}, "parameters.times"),
        ("note.flaky", {"times": -1}, "parameters.times"),
        ("note.flaky", {"times": "1"}, "parameters.times"),
        ("note.flaky", {"times": True}, "parameters.times"),
        ("note.slow", {"seconds": 3601}, "parameters.seconds"),
    ],
)
async def test_parameters_keep_to_their_model(
    served: Stack, operation_type: str, parameters: dict[str, Any], place: str
) -> None:
    """Nobody is asked about what could not run: a 422 that names the parameter."""
    answer = await served.submit(operation_type, parameters=parameters)
    assert place in problem(answer, 422, "invalid-operation")["detail"]


async def test_a_reason_has_1_to_1000_characters(served: Stack) -> None:
    """Characters, not bytes; the bounds are inclusive."""
    for reason in ("x", "é" * 1000, "\U0001f600" * 1000):
        assert (await served.pending(reason=reason))["reason"] == reason
    for reason in ("", "x" * 1001):
        told = problem(await served.submit(reason=reason), 422, "invalid-request")
        assert told["errors"][0]["at"] == "body.reason"


async def test_what_is_only_unusual_is_kept_as_it_came(served: Stack) -> None:
    """Hostile text, extreme numbers and 200 KB are stored and shown raw: showing them safely is the reader's part."""
    hostile = (
        "\u202eevil\u202c \x1b[31m \u200b \u0430dmin <script>alert(1)</script> ![x](http://x.example/i.png)\r\n\x7f"
    )
    context = {
        hostile: [9007199254740991, -9007199254740991, 0.1, 1e300, 5e-324, True, None, "", {}, []],
        "deep": json.loads("[" * 29 + "]" * 29),
    }
    long = "\n" * 100_000  # two bytes each in JSON
    approval = await served.pending(parameters={"text": long}, reason=hostile, context=context)
    assert (approval["reason"], approval["context"]) == (hostile, context)
    assert approval["operation"]["parameters"] == {"text": long}
    assert await shown(served, approval, by="agent") == approval


async def test_an_idempotency_key_is_printable_and_short(served: Stack) -> None:
    """Up to 255 printable characters without spaces."""
    assert (await served.submit(idempotency_key=fresh().ljust(255, "~"))).status_code == httpx2.codes.CREATED
    for key in (b"", b"~" * 256, b"a b", "é".encode(), b"a\tb"):
        headers = [(name.encode(), value.encode()) for name, value in served.bearer("agent").items()]
        answer = await served.http.post("/v1/approvals", headers=[*headers, (b"Idempotency-Key", key)], json=SUBMISSION)
        told = problem(answer, 422, "invalid-request")
        assert told["errors"][0]["at"] == "header.Idempotency-Key"


async def test_a_flood_of_one_agent_is_its_own_trouble(
    served: Stack, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """429 with when to come back, and nothing is stored; meanwhile others submit."""
    own = {
        "database_url": sqlite_template.copy(tmp_path / "assent.db"),
        "task_queue": f"assent-{uuid.uuid4()}",
        "submissions_per_minute": 2,
    }
    async with (
        open_stack(served.settings.model_copy(update=own), served.temporal, served.operations) as stack,
        production_worker(stack),
    ):
        answers = [await stack.submit() for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
        problem(answers[2], 429, "too-many-submissions")
        assert 0 < int(answers[2].headers["retry-after"]) <= 60
        assert len((await stack.get("/v1/approvals")).json()["items"]) == 2
        assert (await stack.submit(by="other-agent")).status_code == httpx2.codes.CREATED
