"""GET /v1/audit: the whole log, for people."""

from typing import Any

import pytest

from assent.models import NewKey, Role
from tests.api.answers import problem
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read(stack: Stack, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401  passed on
    """Return the first page of the log."""
    answer = await stack.get("/v1/audit", by="auditor", **parameters)
    assert answer.is_success, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_people_read_it_and_agents_do_not(served: Stack) -> None:
    """Reviewers, auditors and admins; an agent gets a 403 that says what it may read."""
    told = problem(await served.get("/v1/audit", by="agent"), 403, "role-not-allowed")
    assert "/v1/approvals/{id}/events" in told["detail"]
    pages = [(await served.get("/v1/audit", by=name)).json() for name in ("ada", "auditor", "admin")]
    assert pages[0] == pages[1] == pages[2]
    assert pages[0]["items"]


async def test_what_each_line_says(served: Stack) -> None:
    """Who did what to which approval, when, and over which digest; never what was asked for in the agent's words."""
    approval = await served.pending(
        "note.high", parameters={"text": "a secret"}, reason="a secret", context={"a": "secret"}
    )
    await served.decide(approval, comment="a secret")
    await served.ended(approval)
    lines = await read(served, approval_id=approval["id"])
    assert [(line["action"], line["actor"]) for line in lines] == [
        ("approval.requested", "agent:agent"),
        ("decision.recorded", "reviewer:ada"),
        ("approval.approved", "reviewer:ada"),
        ("execution.started", "system:worker"),
        ("approval.executed", "system:worker"),
    ]
    for line in lines:
        assert line.keys() == {"id", "at", "actor", "action", "approval_id", "digest", "details"}
        assert (line["approval_id"], line["digest"]) == (approval["id"], approval["digest"])
    assert lines[0]["at"] == approval["created_at"]
    assert "secret" not in str(lines)
    assert (await served.get(f"/v1/approvals/{approval['id']}/events")).json()["items"] == lines


async def test_each_filter_alone_and_together(served: Stack) -> None:
    """By approval, by actor and by action; what nothing equals is an empty page."""
    served.add_key(NewKey(name="busy", role=Role.AGENT))
    first, second = [await served.pending(by="busy") for _ in range(2)]
    await served.decide(first, "reject")
    await served.decide(second, digest="0" * 64)
    of_busy = await read(served, actor="agent:busy")
    assert [line["approval_id"] for line in of_busy] == [first["id"], second["id"]]
    assert await read(served, actor="agent:busy", approval_id=second["id"]) == of_busy[1:]
    assert await read(served, actor="agent:busy", action="approval.requested") == of_busy
    assert await read(served, actor="agent:busy", action="key.created") == []
    (refused,) = await read(served, approval_id=second["id"], action="decision.refused")
    assert (refused["actor"], refused["details"]["refusal"]) == ("reviewer:ada", "wrong_digest")
    for nothing in ({"actor": "agent:bus"}, {"actor": "%"}, {"approval_id": "nobody"}, {"actor": "busy"}):
        assert await read(served, **nothing) == []


async def test_pages_go_from_the_oldest_to_the_newest(served: Stack) -> None:
    """Every line once, in the order in which it was written, also those that are written while one reads."""
    for _ in range(2):
        await served.pending()
    whole = await read(served, limit=1000)
    assert len({line["id"] for line in whole}) == len(whole)
    seen: list[dict[str, Any]] = []
    position: dict[str, str] = {}
    late: dict[str, Any] = {}
    while True:
        page = (await served.get("/v1/audit", by="auditor", limit=3, **position)).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        position = {"cursor": page["next_cursor"]}
        late = late or await served.pending()
    assert seen[: len(whole)] == whole
    assert [line["approval_id"] for line in seen[len(whole) :]] == [late["id"]]
    last = (await served.get("/v1/audit", by="auditor", limit=len(seen))).json()
    assert (last["items"], last["next_cursor"]) == (seen, None)


@pytest.mark.parametrize(
    "parameters",
    [
        {"action": "approval.forgotten"},
        {"action": ""},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "x"},
        {"actor": "x" * 97},
        {"actor": "\x00"},
        {"approval_id": "x" * 65},
        {"approval_id": "\x00"},
        {"cursor": "1" * 33},
    ],
    ids=str,
)
async def test_a_value_that_means_nothing_is_named(served: Stack, parameters: dict[str, str]) -> None:
    """422 with the parameter's name."""
    told = problem(await served.get("/v1/audit", **parameters), 422, "invalid-request")
    assert [one["at"] for one in told["errors"]] == [f"query.{name}" for name in parameters]


async def test_a_cursor_that_was_made_up_is_refused(served: Stack) -> None:
    """422, never a 500; of one approval's events as well."""
    approval = await served.pending()
    for path in ("/v1/audit", f"/v1/approvals/{approval['id']}/events"):
        for cursor in ("", "-1", "+1", "1.0", "x", "²", "٣", " 1", "9" * 19, "9" * 32):
            problem(await served.get(path, cursor=cursor), 422, "invalid-query")


async def test_a_position_beyond_the_end_is_an_empty_page(served: Stack) -> None:
    """Nothing comes after the last line."""
    answer = await served.get("/v1/audit", cursor="9" * 18)
    assert answer.json() == {"items": [], "next_cursor": None}
