"""POST /v1/approvals: what is accepted is durable and shown as it will run; what is refused leaves nothing behind."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from assent.models import NewKey, Role
from storage.tables import approvals, audit_events
from tests.api.answers import events, problem, shown
from tests.api.workers import production_worker
from tests.support.eventually import eventually
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, open_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEVELS = {"low": 24, "medium": 12, "high": 4, "critical": 1}
MEMBERS = {
    *("id", "status", "overdue", "operation", "agent_id", "reason", "context", "digest", "risk", "created_at"),
    *("expires_at", "required_approvals", "decisions", "decided_by", "execution", "temporal"),
}
OPERATION: dict[str, Any] = {"type": "note.low", "resource_type": "note", "resource_id": "7", "parameters": {}}
SUBMISSION: dict[str, Any] = {"operation": OPERATION, "reason": "a test asks"}
NO_OBJECTS: list[Any] = [[], None, "x"]
NO_TEXTS: list[Any] = [None, 1, ["x"]]
FORCING = ("status", "auto_approve", "required_approvals", "expires_at", "id", "agent_id", "risk", "digest")


def changed(**members: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """Return a submission whose operation has these members instead, or as well."""
    return SUBMISSION | {"operation": OPERATION | members}


def text_in(place: str, escaped: str) -> bytes:
    """Return a submission as bytes, with this JSON escape in one of its texts."""
    bodies = {
        "reason": SUBMISSION | {"reason": "x?y"},
        "type": changed(type="x?y"),
        "resource_type": changed(resource_type="x?y"),
        "resource_id": changed(resource_id="x?y"),
        "parameter": changed(parameters={"text": "x?y"}),
        "context": SUBMISSION | {"context": {"a": ["x?y"]}},
        "key": SUBMISSION | {"context": {"x?y": 1}},
    }
    return json.dumps(bodies[place]).replace("?", escaped).encode()


PLACES = ("reason", "type", "resource_type", "resource_id", "parameter", "context", "key")
NOT_STRICT = {f"{name} in {place}": text_in(place, name) for name in ("\\u0000", "\\ud800") for place in PLACES} | {
    name: json.dumps(SUBMISSION | {"context": {"a": "?"}}).replace('"?"', written).encode()
    for name, written in {
        "NaN": "NaN",
        "Infinity": "-Infinity",
        "1e400": "1e400",
        "2^53": str(2**53),
        "2^53+1": str(2**53 + 1),
        "a thousand digits": "9" * 1000,
        "depth 5,000": "[" * 5_000 + "]" * 5_000,
        "depth 31 within 2": "[" * 31 + "]" * 31,
        "a key twice": '{"b": 1, "b": 2}',
        "half a string": '"',
    }.items()
}
NOT_STRICT |= {
    "the reason twice": json.dumps(SUBMISSION).encode()[:-1] + b', "reason": "another"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(SUBMISSION).encode(),
    "UTF-16": json.dumps(SUBMISSION).encode("utf-16"),
    "Latin-1": json.dumps(SUBMISSION | {"reason": "é"}, ensure_ascii=False).encode("latin-1"),
    "two documents": json.dumps(SUBMISSION).encode() * 2,
    "only spaces": b"  ",
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
    read = await served.get(answer.headers["location"], by="agent")
    assert read.json() == approval


async def test_the_same_again_is_the_same_approval_also_after_its_end(served: Stack) -> None:
    """200 and the approval as it is now, and nothing starts a second time."""
    first = await served.submit(idempotency_key="again")
    assert first.status_code == httpx2.codes.CREATED
    again = await served.submit(idempotency_key="again")
    assert (again.status_code, again.json()) == (httpx2.codes.OK, first.json())
    assert again.headers["location"] == first.headers["location"]
    await served.decide(first.json(), "reject")
    ended = await served.submit(idempotency_key="again")
    assert (ended.status_code, ended.json()["status"]) == (httpx2.codes.OK, "rejected")
    assert ended.json()["id"] == first.json()["id"]
    assert len(await events(served, first.json(), "approval.requested")) == 1


async def test_members_may_come_in_any_order_and_defaults_may_be_left_out(served: Stack) -> None:
    """What is the same content does not depend on how it was written."""
    headers = served.bearer("agent") | {"Idempotency-Key": "order", "Content-Type": "application/json"}
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
    ],
    ids=["type", "resource_id", "parameters", "reason", "context"],
)
async def test_other_content_under_the_same_key_changes_nothing(served: Stack, other: dict[str, Any]) -> None:
    """409, the first stays as it is, and the log tells both digests, once."""
    key = str(uuid.uuid4())
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
    same = [served.submit(idempotency_key="race") for _ in range(4)]
    other = [served.submit(idempotency_key="race", context={"other": True}) for _ in range(4)]
    answers = await asyncio.gather(*(post for pair in zip(same, other, strict=True) for post in pair))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 200, 200, 201, 409, 409, 409, 409]
    started = [answer.json() for answer in answers if answer.is_success]
    assert len({approval["id"] for approval in started}) == 1
    assert len({json.dumps(approval["context"]) for approval in started}) == 1
    assert len(await events(served, started[0], "approval.requested")) == 1


async def test_a_key_of_one_agent_is_nothing_to_another(served: Stack) -> None:
    """Two agents may use the same Idempotency-Key; without one, each post is a request of its own."""
    mine = await served.pending(idempotency_key="1")
    theirs = await served.pending(idempotency_key="1", by="other-agent")
    fresh = [await served.pending(), await served.pending()]
    assert len({approval["id"] for approval in (mine, theirs, *fresh)}) == 4
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
    assert (await served.submit(idempotency_key="~" * 255)).status_code == httpx2.codes.CREATED
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
        answers = [await stack.submit(idempotency_key=str(number)) for number in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
        problem(answers[2], 429, "too-many-submissions")
        assert 0 < int(answers[2].headers["retry-after"]) <= 60
        assert len((await stack.get("/v1/approvals")).json()["items"]) == 2
        assert (await stack.submit(by="other-agent")).status_code == httpx2.codes.CREATED


async def test_what_is_refused_leaves_nothing_behind(served: Stack) -> None:
    """Fields that would force an approval, wrong shapes, and bytes that two readers could understand differently.

    None of them is a 500, none has a row, an event or a workflow, and the Idempotency-Key they came with stays unused.
    """
    served.add_key(NewKey(name="clumsy", role=Role.AGENT))
    key = {"Idempotency-Key": "clumsy-1"}
    typed = {"Content-Type": "application/json"}
    shapes: dict[str, Any] = (
        {f"{name} at the top": SUBMISSION | {name: 1} for name in FORCING}
        | {f"{name} in operation": changed(**{name: 1}) for name in FORCING}
        | {f"{name} in parameters": changed(parameters={name: 1}) for name in FORCING}
        | {f"no {name}": {k: v for k, v in SUBMISSION.items() if k != name} for name in SUBMISSION}
        | {f"no {name}": changed() | {"operation": {k: v for k, v in OPERATION.items() if k != name}}
           for name in ("type", "resource_type")}
        | {f"{junk!r} as the body": junk for junk in [*NO_OBJECTS, 1, True, {}, [SUBMISSION]]}
        | {f"{junk!r} as operation": SUBMISSION | {"operation": junk} for junk in [*NO_OBJECTS, {}]}
        | {f"{junk!r} as parameters": changed(parameters=junk) for junk in NO_OBJECTS}
        | {f"{junk!r} as context": SUBMISSION | {"context": junk} for junk in NO_OBJECTS}
        | {f"{junk!r} as reason": SUBMISSION | {"reason": junk} for junk in NO_TEXTS}
        | {"a long resource_id": changed(resource_id="x" * 256), "a number as resource_id": changed(resource_id=7)}
    )  # fmt: skip
    expected: dict[str, tuple[int, str]] = {}
    posts: dict[str, tuple[dict[str, str], bytes]] = {}
    for name, shape in shapes.items():
        posts[name], expected[name] = (typed, json.dumps(shape).encode()), (422, "")
    for name, body in NOT_STRICT.items():
        posts[name], expected[name] = (typed, body), (422, "/problems/invalid-json")
    good = json.dumps(SUBMISSION).encode()
    for name, headers in {
        "no type": {},
        "text": {"Content-Type": "text/plain"},
        "a form": {"Content-Type": "application/x-www-form-urlencoded"},
        "another charset": {"Content-Type": "application/json; charset=utf-16"},
        "compressed": typed | {"Content-Encoding": "gzip"},
    }.items():
        posts[name], expected[name] = (headers, good), (415, "/problems/unsupported-media-type")
    for name, size in {"3 MB": 3 * 1024 * 1024, "a byte more than 256 KB": 256 * 1024 + 1}.items():
        posts[name], expected[name] = (typed, good + b" " * (size - len(good))), (413, "/problems/body-too-large")
    posts["nothing"], expected["nothing"] = (typed, b""), (422, "/problems/invalid-request")

    seen: dict[str, tuple[int, str]] = {}
    for name, (headers, body) in posts.items():
        sent = served.bearer("clumsy") | key | headers
        answer = await served.http.post("/v1/approvals", headers=sent, content=body)
        told = problem(answer, answer.status_code, answer.json()["type"].removeprefix("/problems/"))
        seen[name] = (told["status"], told["type"] if expected[name][1] else "")
    assert seen == expected

    with served.database.read() as connection:
        rows = select(func.count()).where(approvals.c.agent_id == "clumsy")
        told_of = select(func.count()).where(audit_events.c.actor == "agent:clumsy")
        assert [connection.execute(query).scalar_one() for query in (rows, told_of)] == [0, 0]
    after = await served.submit(by="clumsy", idempotency_key="clumsy-1")
    assert after.status_code == httpx2.codes.CREATED
    # Temporal lists workflows in the order of their starts, a little later: once this one is listed, all are.
    started = await eventually("the workflow is listed", lambda: _workflows_of(served, "clumsy"), until=lambda ids: ids)
    assert started == [f"approval-{after.json()['id']}"]


async def _workflows_of(stack: Stack, agent: str) -> list[str]:
    query = f"AgentId = '{agent}' AND TaskQueue = '{stack.settings.task_queue}'"
    return [found.id async for found in stack.temporal.list_workflows(query)]
