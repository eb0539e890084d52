"""The queue: what waits, in which order, what narrows it, and what is said when there is nothing to show."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from assent.models import (
    Approval,
    ApprovalStatus,
    NewKey,
    Operation,
    Risk,
    RiskLevel,
    Role,
    TemporalLink,
)
from dashboard.routes import queue
from dashboard.views.rows import by_deadline_then_risk, fits_a_strip
from services.catalog import ShownOperation, ShownParameter
from tests.api.rows import NOON, add_approval
from tests.dashboard.reviewing import PART
from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, REVIEWER

on_a_server = pytest.mark.asyncio(loop_scope="module")

HOUR = timedelta(hours=1)
NOW = datetime(2030, 1, 1, 14, 2, tzinfo=UTC)

_ROW = re.compile(r'<li class="row[^"]*" id="row-([^"]+)".*?</li>', re.DOTALL)


def rows(page: httpx2.Response) -> dict[str, str]:
    """Return the markup of a page's rows by their approvals' ids, in the order of the page."""
    assert page.status_code == 200, page.text
    return {found.group(1): found.group() for found in _ROW.finditer(page.text)}


def new_agent(stack: Stack, name: str) -> str:
    """Make an agent's key: filtered by its name, the queue is one of its own."""
    stack.add_key(NewKey(name=name, role=Role.AGENT))
    return name


def approval(name: str, expires_at: datetime | None, level: RiskLevel | None) -> Approval:
    return Approval(
        id=name,
        status=ApprovalStatus.PENDING,
        operation=Operation(type="user.delete", resource_type="user", resource_id="42"),
        agent_id="agent",
        reason="asked",
        context={},
        digest="d" * 64,
        risk=None if level is None else Risk(level=level, reasons=[]),
        created_at=NOW,
        expires_at=expires_at,
        temporal=TemporalLink(workflow_id=f"approval-{name}"),
    )


def operation(*values: Any) -> ShownOperation:  # noqa: ANN401  any JSON value
    parameters = (ShownParameter(name=f"p{n}", label=f"P{n}", value=value) for n, value in enumerate(values))
    return ShownOperation(title="delete user 42", declared=True, parameters=tuple(parameters))


@on_a_server
async def test_an_empty_queue_says_why_it_is_empty(served: Stack, enter: Enter) -> None:
    """Nothing was ever asked, nothing waits any more, or the filter finds nothing of what waits: each has its words.

    Before the first request there is a command that makes one, and only an admin is led to where keys are made.
    """
    reviewer, admin = await enter(REVIEWER), await enter(ADMIN)
    first = await reviewer.get("/")
    assert "No requests yet. Try one:" in text_of(first)
    assert f"curl -sS -X POST {served.http.base_url}".rstrip("/") in text_of(first)
    assert "People and keys makes more" not in text_of(first)
    assert "People and keys makes more" in text_of(await admin.get("/"))
    assert 'role="search"' not in first.text

    waiting = await served.pending()
    page = await reviewer.get("/")
    assert list(rows(page)) == [waiting["id"]]
    assert "<title>(1) Queue · Assent</title>" in page.text
    nothing = await reviewer.get("/", params={"q": "nowhere"})
    assert rows(nothing) == {}
    assert "None match. 1 is waiting." in text_of(nothing)
    assert '<a class="button" href="/">Clear filters</a>' in nothing.text
    another = await served.pending()
    assert "None match. 2 are waiting." in text_of(await reviewer.get("/", params={"risk": "critical"}))

    for each in (waiting, another):
        await served.decide(each)
        await served.ended(each)
    page = await reviewer.get("/")
    assert rows(page) == {}
    assert re.search(r"Nothing is waiting\. Last decision: \d+ s ago\.", text_of(page))
    assert "No requests yet" not in page.text


@on_a_server
async def test_filters_in_the_address_narrow_the_queue(served: Stack, enter: Enter) -> None:
    """Each alone and several together; what has ended is not in it, and the form shows what is set."""
    agent, other = new_agent(served, "narrowed"), new_agent(served, "narrowed-too")
    low = add_approval(served, agent_id=agent, resource_id="alpha")
    high = add_approval(served, agent_id=agent, risk_level=RiskLevel.HIGH, reason="for the customer Müller")
    medium = add_approval(served, agent_id=agent, operation_type="note.medium", risk_level=RiskLevel.MEDIUM)
    others = add_approval(served, agent_id=other, risk_level=RiskLevel.HIGH)
    add_approval(served, agent_id=agent, cancelled=True)
    reviewer = await enter(REVIEWER)
    for wanted, expected in (
        ({"agent": agent}, {low, high, medium}),
        ({"agent": other}, {others}),
        ({"q": "narrowed"}, {low, high, medium, others}),
        ({"q": "narrowed alpha"}, {low}),
        ({"q": "MÜLLER"}, {high}),
        ({"q": medium}, {medium}),
        ({"q": "narrowed", "risk": "high"}, {high, others}),
        ({"q": "narrowed", "type": "note.medium"}, {medium}),
        ({"agent": agent, "risk": "high", "type": "note.low"}, {high}),
        ({"agent": agent, "risk": "low", "type": "note.medium"}, set()),
        ({"agent": agent, "q": "", "risk": "", "type": ""}, {low, high, medium}),
    ):
        assert set(rows(await reviewer.get("/", params=wanted))) == expected, wanted

    page = await reviewer.get("/", params={"agent": agent, "q": "Müller", "risk": "high", "type": "note.low"})
    assert set(rows(page)) == {high}
    assert '<input type="search" name="q" value="Müller"' in page.text
    assert '<option value="high" selected>' in page.text
    assert '<option value="note.low" selected>' in page.text
    assert f'<input type="hidden" name="agent" value="{agent}">' in page.text


@on_a_server
@pytest.mark.parametrize("wanted", [{"risk": "extreme"}, {"q": "x" * 201}, {"cursor": "x" * 513}])
async def test_a_filter_that_means_nothing_is_refused(enter: Enter, wanted: dict[str, str]) -> None:
    """With a sentence; it is not left out, which would show what nobody asked for."""
    page = await (await enter(REVIEWER)).get("/", params=wanted)
    assert page.status_code == 422
    assert "That did not work" in page.text


@on_a_server
async def test_the_queue_is_in_the_order_of_its_deadlines(served: Stack, enter: Enter) -> None:
    """Whatever came first; of the same deadline, what risks most stands first."""
    agent = new_agent(served, "ordered")
    day = NOON + timedelta(days=1)
    later = add_approval(served, agent_id=agent, risk_level=RiskLevel.CRITICAL, expires_at=day + HOUR)
    low = add_approval(served, agent_id=agent, expires_at=day)
    critical = add_approval(served, agent_id=agent, risk_level=RiskLevel.CRITICAL, expires_at=day)
    medium = add_approval(served, agent_id=agent, risk_level=RiskLevel.MEDIUM, expires_at=day)
    sooner = add_approval(served, agent_id=agent, expires_at=day - HOUR)
    page = await (await enter(REVIEWER)).get("/", params={"agent": agent})
    assert list(rows(page)) == [sooner, critical, medium, low, later]


@on_a_server
async def test_the_queue_by_risk_keeps_its_order(served: Stack, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gravest first, of one level by deadline; also narrowed, over pages, and where the filters are cleared."""
    monkeypatch.setattr(queue, "PAGE", 2)
    agent = new_agent(served, "grave")
    levels = (RiskLevel.LOW, RiskLevel.HIGH, RiskLevel.CRITICAL, RiskLevel.HIGH)
    low, later, critical, sooner = (
        add_approval(served, agent_id=agent, risk_level=level, expires_at=NOON + timedelta(days=1) - number * HOUR)
        for number, level in enumerate(levels)
    )
    reviewer = await enter(REVIEWER)
    first = await reviewer.get("/", params={"agent": agent, "q": "grave", "sort": "risk"})
    assert list(rows(first)) == [critical, sooner]
    assert '<option value="risk" selected>Highest risk first</option>' in first.text
    assert 'href="/?sort=risk">Clear filters</a>' in first.text
    (address,) = re.findall(r'href="([^"]+)">Next page', first.text)
    assert list(rows(await reviewer.get(address.replace("&amp;", "&")))) == [later, low]
    nothing = await reviewer.get("/", params={"q": "nowhere", "sort": "risk"})
    assert '<a class="button" href="/?sort=risk">Clear filters</a>' in nothing.text
    assert (await reviewer.get("/", params={"sort": "age"})).status_code == 422


@on_a_server
async def test_a_row_says_that_the_like_was_rejected(served: Stack, enter: Enter) -> None:
    """The same agent, operation and resource, a short time ago; of no other request it is said."""
    agent, other = new_agent(served, "insisting"), new_agent(served, "polite")
    rejected = await served.pending(by=agent)
    assert (await served.decide(rejected, "reject")).status_code == 200
    await served.ended(rejected)
    again = await served.pending(by=agent)
    another_type = await served.pending("note.medium", by=agent)
    elsewhere = {"type": "note.low", "resource_type": "note", "resource_id": "8", "parameters": {}}
    another_resource = await served.pending(by=agent, operation=elsewhere)
    another_agent = await served.pending(by=other)
    reviewer = await enter(REVIEWER)
    shown = rows(await reviewer.get("/", params={"agent": agent})) | rows(
        await reviewer.get("/", params={"agent": other})
    )
    assert shown.keys() == {each["id"] for each in (again, another_type, another_resource, another_agent)}
    warned = re.compile(r'<span class="warned">Rejected \d+ s ago</span>')
    assert warned.search(shown.pop(again["id"]))
    assert warned.search((await reviewer.get(f"/rows/{again['id']}", headers=PART)).text)
    assert [each for each in shown.values() if "Rejected" in each] == []


@on_a_server
async def test_what_does_not_fit_is_not_approved_from_its_row(served: Stack, enter: Enter) -> None:
    """Such a row is only rejected there, and is not one to select; what fits is both."""
    short, long = [await served.pending(parameters={"text": "x" * length}) for length in (80, 81)]
    reviewer = await enter(REVIEWER)
    shown = rows(await reviewer.get("/"))
    for each, fits in ((short, True), (long, False)):
        row = shown[each["id"]]
        assert "data-reject" in row
        assert ("data-approve" in row) is fits
        assert ("data-pick" in row) is fits


@on_a_server
async def test_one_row_is_shown_alone(served: Stack, enter: Enter) -> None:
    """As it is in the queue, without the page around it; once it has ended it says how, and offers nothing."""
    waiting = await served.pending()
    reviewer, path = await enter(REVIEWER), f"/rows/{waiting['id']}"
    part = await reviewer.get(path, headers=PART)
    assert list(rows(part)) == [waiting["id"]]
    assert part.text.strip() == rows(part)[waiting["id"]]
    assert "data-approve" in part.text
    assert "data-reject" in part.text

    await served.decide(waiting)
    await served.ended(waiting)
    part = await reviewer.get(path, headers=PART)
    assert '<span class="outcome">Approved by ada</span>' in part.text
    assert "data-approve" not in part.text
    assert "data-reject" not in part.text


@on_a_server
async def test_a_row_that_is_not_there_is_not_found(enter: Enter) -> None:
    """404 for an id that is nobody's."""
    answer = await (await enter(REVIEWER)).get("/rows/00000000-0000-4000-8000-00000000dead", headers=PART)
    assert answer.status_code == 404


def test_the_nearest_deadline_is_first() -> None:
    """Of the same one the highest risk, and what nobody has assessed yet comes last."""
    in_order = [
        approval("soon", NOW + HOUR, RiskLevel.LOW),
        approval("critical", NOW + 2 * HOUR, RiskLevel.CRITICAL),
        approval("high", NOW + 2 * HOUR, RiskLevel.HIGH),
        approval("medium", NOW + 2 * HOUR, RiskLevel.MEDIUM),
        approval("low", NOW + 2 * HOUR, RiskLevel.LOW),
        approval("late", NOW + 3 * HOUR, RiskLevel.CRITICAL),
        approval("unassessed", None, None),
    ]
    assert by_deadline_then_risk(reversed(in_order)) == in_order
    assert by_deadline_then_risk(sorted(in_order, key=lambda each: each.id)) == in_order


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ((), True),
        ((1, 2.5, True, None), True),
        ((1, 2, 3, 4, 5), False),
        (("x" * 80,), True),
        (("x" * 81,), False),
        (("two\nlines",), False),
        (([],), False),
        (({},), False),
        (("short", ["long"]), False),
    ],
)
def test_a_strip_takes_what_it_can_show_whole(values: tuple[Any, ...], fits: bool) -> None:  # noqa: FBT001  one case
    """Up to four parameters, each of them one value of one short line."""
    assert fits_a_strip(operation(*values)) is fits
