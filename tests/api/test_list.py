"""GET /v1/approvals: filters, order, and pages that hold while approvals arrive."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from assent.models import NewKey, RiskLevel, Role
from tests.api.answers import problem
from tests.api.rows import NOON, add_approval
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = timedelta(hours=1)


def new_agent(stack: Stack, name: str) -> str:
    """Make an agent's key: its approvals are a list of their own."""
    stack.add_key(NewKey(name=name, role=Role.AGENT))
    return name


async def listed(stack: Stack, *, by: str = "ada", **parameters: Any) -> list[str]:  # noqa: ANN401  passed on
    """Return the ids of the first page."""
    answer = await stack.get("/v1/approvals", by=by, **parameters)
    assert answer.is_success, answer.text
    return [approval["id"] for approval in answer.json()["items"]]


def cursor(**position: Any) -> str:  # noqa: ANN401  any JSON
    """Return a cursor with this position in it, as only somebody who made it up would send."""
    content = {"sort": "-created_at", "position": {"at": "2030-01-01T12:00:00Z", "approval_id": "0"} | position}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


async def test_each_filter_alone_and_together(unattended: Stack) -> None:
    """A filter keeps what equals it; several keep what equals all of them."""
    agent = new_agent(unattended, "filtered")
    plain = add_approval(unattended, agent_id=agent)
    ended = add_approval(unattended, agent_id=agent, cancelled=True)
    grave = add_approval(unattended, agent_id=agent, risk_level=RiskLevel.HIGH)
    other_type = add_approval(unattended, agent_id=agent, operation_type="note.medium", risk_level=RiskLevel.HIGH)
    other_resource = add_approval(unattended, agent_id=agent, resource_type="page")
    everything = [other_resource, other_type, grave, ended, plain]
    assert await listed(unattended, agent_id=agent) == everything
    for filters, expected in (
        ({"status": "cancelled"}, [ended]),
        ({"status": "pending"}, [other_resource, other_type, grave, plain]),
        ({"status": "executed"}, []),
        ({"risk_level": "high"}, [other_type, grave]),
        ({"operation_type": "note.medium"}, [other_type]),
        ({"operation_type": "note"}, []),
        ({"operation_type": "%"}, []),
        ({"resource_type": "page"}, [other_resource]),
        ({"risk_level": "high", "operation_type": "note.low"}, [grave]),
        ({"status": "cancelled", "risk_level": "high"}, []),
    ):
        assert await listed(unattended, agent_id=agent, **filters) == expected, filters
        assert await listed(unattended, by=agent, **filters) == expected, filters
    assert await listed(unattended, agent_id="nobody") == []


async def test_a_search_finds_words_anywhere(unattended: Stack) -> None:
    """In the id, the agent's name, both types, the resource's id or the reason; in capitals or not; all of them."""
    agent = new_agent(unattended, "searched")
    erasure = add_approval(
        unattended,
        agent_id=agent,
        operation_type="customer.erase",
        resource_type="customer",
        resource_id="Müller-42",
        reason="ÜBER the customer's own form, 100% sure",
    )
    export = add_approval(
        unattended,
        agent_id=agent,
        operation_type="orders.export",
        resource_type="orders",
        resource_id="a_b",
        reason="x",
    )
    for q, expected in (
        (erasure, [erasure]),
        (erasure[-5:], [erasure]),
        ("searched", [export, erasure]),
        ("SEARCH", [export, erasure]),
        ("erase", [erasure]),
        ("Export", [export]),
        ("orders", [export]),
        ("42", [erasure]),
        ("müller", [erasure]),
        ("MÜLLER", [erasure]),
        ("über", [erasure]),
        ("own form", [erasure]),
        ("form own erase 42", [erasure]),
        ("erase export", []),
        ("nowhere", []),
        ("100%", [erasure]),
        ("1%0", []),
        ("%", [erasure]),
        ("a_b", [export]),
        ("a/b", []),
        ("_", [export]),
        ("\\", []),
        ("customer's", [erasure]),
        ("  ", [export, erasure]),
        ("", [export, erasure]),
    ):
        assert await listed(unattended, agent_id=agent, q=q) == expected, q
        assert await listed(unattended, by=agent, q=q) == expected, q
    assert await listed(unattended, agent_id=agent, q="customer", operation_type="orders.export") == []
    assert await listed(unattended, by=new_agent(unattended, "curious"), q="searched") == []


async def test_a_search_goes_on_over_pages(unattended: Stack) -> None:
    """In either order."""
    agent = new_agent(unattended, "turning")
    found = [add_approval(unattended, agent_id=agent, reason=f"needle {number}") for number in range(3)]
    add_approval(unattended, agent_id=agent, reason="hay")
    for sort, expected in (("-created_at", found[::-1]), ("expires_at", found)):
        first = (await unattended.get("/v1/approvals", q="needle", sort=sort, limit=2)).json()
        rest = (await unattended.get("/v1/approvals", q="needle", sort=sort, cursor=first["next_cursor"])).json()
        assert [approval["id"] for page in (first, rest) for approval in page["items"]] == expected


async def test_a_list_shows_what_reading_shows(unattended: Stack) -> None:
    """Each item is the whole approval, as this caller may see it."""
    approval_id = add_approval(unattended, agent_id=new_agent(unattended, "whole"), cancelled=True)
    for name in ("ada", "whole"):
        (item,) = (await unattended.get("/v1/approvals", by=name, agent_id="whole")).json()["items"]
        assert item == (await unattended.get(f"/v1/approvals/{approval_id}", by=name)).json()
        assert (item["temporal"]["url"] is None) == (name == "whole")


async def test_an_agent_lists_its_own_whatever_it_asks_for(unattended: Stack) -> None:
    """Another agent's never show, and people see both."""
    mine, theirs = (add_approval(unattended, agent_id=new_agent(unattended, name)) for name in ("mine", "theirs"))
    assert await listed(unattended, by="mine") == [mine]
    assert await listed(unattended, by="mine", agent_id="theirs") == []
    assert await listed(unattended, by="theirs", sort="expires_at") == [theirs]
    for name in ("ada", "auditor", "admin"):
        assert {mine, theirs} <= set(await listed(unattended, by=name, limit=200))


async def test_the_newest_or_the_nearest_deadline_first(unattended: Stack) -> None:
    """`-created_at` is the default; approvals of the same moment are ordered by id, so no order is left to chance."""
    agent = new_agent(unattended, "sorted")
    old = add_approval(unattended, agent_id=agent, created_at=NOON - HOUR, expires_at=NOON + 3 * HOUR)
    new = add_approval(unattended, agent_id=agent, created_at=NOON + HOUR, expires_at=NOON + 2 * HOUR)
    twins = [add_approval(unattended, agent_id=agent, expires_at=NOON + HOUR) for _ in range(3)]
    newest_first = [new, *reversed(twins), old]
    assert await listed(unattended, agent_id=agent) == newest_first
    assert await listed(unattended, agent_id=agent, sort="-created_at") == newest_first
    assert await listed(unattended, agent_id=agent, sort="expires_at") == [*twins, new, old]


async def test_the_highest_risk_first(unattended: Stack) -> None:
    """Of one level the nearest deadline, then by id; for agents their own; from page to page, whatever arrives."""
    agent = new_agent(unattended, "risky")
    levels = (RiskLevel.LOW, RiskLevel.CRITICAL, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.HIGH, RiskLevel.HIGH)
    low, critical, medium, *high = (
        add_approval(unattended, agent_id=agent, risk_level=level, expires_at=NOON + (5 - number // 4) * HOUR)
        for number, level in enumerate(levels)
    )
    ended = add_approval(unattended, agent_id=agent, risk_level=RiskLevel.MEDIUM, cancelled=True)
    expected = [critical, *high[1:], high[0], medium, ended, low]
    for by in ("ada", agent):
        assert await listed(unattended, by=by, agent_id=agent, sort="-risk_level") == expected
        assert await listed(unattended, by=by, q="risky", sort="-risk_level") == expected
    seen: list[str] = []
    position: dict[str, str] = {}
    for _ in expected:
        page = (await unattended.get("/v1/approvals", by=agent, sort="-risk_level", limit=1, **position)).json()
        seen += [approval["id"] for approval in page["items"]]
        position = {"cursor": page["next_cursor"]}
        if len(seen) == 2:
            add_approval(unattended, agent_id=agent, risk_level=RiskLevel.CRITICAL)
    assert seen == expected
    assert position == {"cursor": None}


@pytest.mark.parametrize("sort", ["-created_at", "expires_at"])
@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_hold_while_approvals_arrive(unattended: Stack, sort: str, limit: int) -> None:
    """Every approval that was there is on one page, once and in order, whatever is inserted before or between."""
    agent = new_agent(unattended, f"paged-{limit}{'-' if sort == '-created_at' else '.'}")
    moments = [NOON, NOON + HOUR, NOON + HOUR, NOON + HOUR, NOON + 2 * HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    for moment in moments:
        add_approval(unattended, agent_id=agent, created_at=moment, expires_at=moment)
    there = await listed(unattended, agent_id=agent, sort=sort)
    assert len(there) == len(moments)
    seen: list[str] = []
    position: dict[str, str] = {}
    while True:
        answer = await unattended.get("/v1/approvals", agent_id=agent, sort=sort, limit=limit, **position)
        page = answer.json()
        assert len(page["items"]) == limit or page["next_cursor"] is None
        seen += [approval["id"] for approval in page["items"]]
        if page["next_cursor"] is None:
            break
        position = {"cursor": page["next_cursor"]}
        if len(seen) < 4:
            for moment in (NOON - HOUR, *moments[::3], NOON + 4 * HOUR):
                add_approval(unattended, agent_id=agent, created_at=moment, expires_at=moment)
    assert [approval_id for approval_id in seen if approval_id in there] == there
    assert len(set(seen)) == len(seen)


async def test_the_last_page_has_no_next(unattended: Stack) -> None:
    """Also when it is full, and when there is nothing at all."""
    agent = new_agent(unattended, "last")
    empty = (await unattended.get("/v1/approvals", by=agent)).json()
    assert empty == {"items": [], "next_cursor": None}
    for _ in range(2):
        add_approval(unattended, agent_id=agent)
    full = (await unattended.get("/v1/approvals", by=agent, limit=2)).json()
    assert (len(full["items"]), full["next_cursor"]) == (2, None)


async def test_a_cursor_carries_no_right(unattended: Stack) -> None:
    """Another agent that is given one still lists only its own."""
    for _ in range(3):
        add_approval(unattended, agent_id="agent")
    page = (await unattended.get("/v1/approvals", by="agent", limit=1)).json()
    assert page["next_cursor"] is not None
    assert await listed(unattended, by=new_agent(unattended, "borrower"), cursor=page["next_cursor"]) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"status": "open"},
        {"status": "PENDING"},
        {"status": ""},
        {"risk_level": "huge"},
        {"sort": "created_at"},
        {"sort": "-expires_at"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "many"},
        {"agent_id": "x" * 64},
        {"agent_id": "\x00"},
        {"operation_type": "x" * 129},
        {"operation_type": "\x00"},
        {"resource_type": "x" * 129},
        {"resource_type": "\x00"},
        {"q": "x" * 201},
        {"q": "\x00"},
        {"cursor": "x" * 513},
    ],
    ids=str,
)
async def test_a_value_that_means_nothing_is_named(unattended: Stack, parameters: dict[str, str]) -> None:
    """422 with the parameter's name: a filter with a typing error never lists everything."""
    told = problem(await unattended.get("/v1/approvals", **parameters), 422, "invalid-request")
    assert [one["at"] for one in told["errors"]] == [f"query.{name}" for name in parameters]


@pytest.mark.parametrize("limit", [1, 200])
async def test_the_bounds_of_a_page_are_inclusive(unattended: Stack, limit: int) -> None:
    """1 to 200."""
    assert (await unattended.get("/v1/approvals", limit=limit)).is_success


@pytest.mark.parametrize(
    "made_up",
    {
        "empty": "",
        "no base64": "x!",
        "not ASCII": "é",
        "no JSON": base64.urlsafe_b64encode(b"nothing").decode(),
        "no bytes": "AAAA",
        "another shape": base64.urlsafe_b64encode(b'{"sort": "-created_at"}').decode(),
        "more than its shape": base64.urlsafe_b64encode(
            b'{"sort":"-created_at","position":{"at":"2030-01-01T12:00:00Z","approval_id":"x"},"all":true}'
        ).decode(),
        "no time": cursor(at="noon"),
        "a time of no zone": cursor(at="2030-01-01T12:00:00"),
        "before all times": cursor(at="0001-01-01T00:00:00+23:00"),
        "after all times": cursor(at="9999-12-31T23:59:59-23:00"),
        "an id with a NUL": cursor(approval_id="\x00"),
        "an id with half a character": cursor(approval_id="\ud800"),
        "an id that is none": cursor(approval_id=7),
        "a level where none is": cursor(risk_level="low"),
        "no level where one is": base64.urlsafe_b64encode(
            b'{"sort":"-risk_level","position":{"at":"2030-01-01T12:00:00Z","approval_id":"0"}}'
        ).decode(),
    }.items(),
    ids=lambda named: named[0],
)
async def test_a_cursor_that_was_made_up_is_refused(unattended: Stack, made_up: tuple[str, str]) -> None:
    """422, never a 500, in any order."""
    for sort in ("-created_at", "expires_at", "-risk_level"):
        problem(await unattended.get("/v1/approvals", cursor=made_up[1], sort=sort), 422, "invalid-query")


async def test_a_cursor_belongs_to_its_order(unattended: Stack) -> None:
    """Going on in another order would leave approvals out: 422."""
    agent = new_agent(unattended, "turned")
    for _ in range(2):
        add_approval(unattended, agent_id=agent)
    page = (await unattended.get("/v1/approvals", agent_id=agent, sort="expires_at", limit=1)).json()
    turned = await unattended.get("/v1/approvals", agent_id=agent, cursor=page["next_cursor"])
    assert "sort=expires_at" in problem(turned, 422, "invalid-query")["detail"]
