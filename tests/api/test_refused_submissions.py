"""POST /v1/approvals with what must not get in: refused whole, never a 500, and nothing of it is kept."""

import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from assent.models import NewKey, Role
from storage.tables import approvals, audit_events
from tests.api.answers import problem
from tests.api.submissions import OPERATION, SUBMISSION, changed, fresh
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_OBJECTS: list[Any] = [[], None, "x"]
NO_TEXTS: list[Any] = [None, 1, ["x"]]
FORCING = ("status", "auto_approve", "required_approvals", "expires_at", "id", "agent_id", "risk", "digest")


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


async def test_what_is_refused_leaves_nothing_behind(served: Stack) -> None:
    """Fields that would force an approval, wrong shapes, and bytes that two readers could understand differently.

    None of them is a 500, none has a row, an event or a workflow, and the Idempotency-Key they came with stays unused.
    """
    served.add_key(NewKey(name="clumsy", role=Role.AGENT))
    key = fresh()
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
        sent = served.bearer("clumsy") | {"Idempotency-Key": key} | headers
        answer = await served.http.post("/v1/approvals", headers=sent, content=body)
        told = problem(answer, answer.status_code, answer.json()["type"].removeprefix("/problems/"))
        seen[name] = (told["status"], told["type"] if expected[name][1] else "")
    assert seen == expected

    with served.database.read() as connection:
        rows = select(func.count()).where(approvals.c.agent_id == "clumsy")
        told_of = select(func.count()).where(audit_events.c.actor == "agent:clumsy")
        assert [connection.execute(query).scalar_one() for query in (rows, told_of)] == [0, 0]
    after = await served.submit(by="clumsy", idempotency_key=key)
    assert after.status_code == httpx2.codes.CREATED
    # Temporal lists workflows in the order of their starts, a little later: once this one is listed, all are.
    started = await eventually("the workflow is listed", lambda: _workflows_of(served, "clumsy"), until=lambda ids: ids)
    assert started == [f"approval-{after.json()['id']}"]


async def _workflows_of(stack: Stack, agent: str) -> list[str]:
    query = f"AgentId = '{agent}' AND TaskQueue = '{stack.settings.task_queue}'"
    return [found.id async for found in stack.temporal.list_workflows(query)]
