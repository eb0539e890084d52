"""The history: every approval, what became of it, and how long people took to decide."""

import html
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from assent.models import NewKey, RiskLevel, Role
from storage.tables import approvals
from tests.api.rows import NOON, add_approval
from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

_ROW = re.compile(r"<tr>\s*<td.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
_ID = re.compile(r'href="/approvals/([^"]+)"')
_OLDER = re.compile(r'<a class="button" href="([^"]+)">Older</a>')


def rows(page: httpx2.Response) -> dict[str, list[str]]:
    """Return the texts of the table's cells by their rows' approval ids, in the order of the page."""
    assert page.status_code == 200, page.text
    return {_ID.findall(found)[0]: [_text(cell) for cell in _CELL.findall(found)] for found in _ROW.findall(page.text)}


def _text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def new_agent(stack: Stack, name: str) -> str:
    """Make an agent's key: filtered by its name, the history is one of its own."""
    stack.add_key(NewKey(name=name, role=Role.AGENT))
    return name


def ask_earlier(stack: Stack, approval: Mapping[str, Any], by: timedelta) -> None:
    """Make the record say that this was asked for earlier than it was."""
    earlier = stack.reads.by_ids([approval["id"]], now=NOON)[0].created_at - by
    with stack.database.write() as connection:
        connection.execute(update(approvals).where(approvals.c.id == approval["id"]).values(created_at=earlier))


async def test_an_empty_history_says_so(served: Stack, enter: Enter) -> None:
    """Nothing was ever asked, or the filter finds nothing: only the latter offers to clear it."""
    reviewer = await enter(REVIEWER)
    page = await reviewer.get("/history")
    assert "No requests yet." in text_of(page)
    assert "Clear filters" not in page.text
    waiting = await served.pending()
    assert list(rows(await reviewer.get("/history"))) == [waiting["id"]]
    page = await reviewer.get("/history", params={"q": "nowhere"})
    assert rows(page) == {}
    assert "None match." in text_of(page)
    assert '<a class="button" href="/history">Clear filters</a>' in page.text


async def test_filters_in_the_address_narrow_the_history(served: Stack, enter: Enter) -> None:
    """By words, status, agent, risk and type; what waits and what has ended are both in it, the newest first."""
    agent, other = new_agent(served, "narrowed"), new_agent(served, "narrowed-too")
    waiting = add_approval(served, agent_id=agent, resource_id="alpha")
    cancelled = add_approval(served, agent_id=agent, cancelled=True, reason="for the customer Müller")
    grave = add_approval(served, agent_id=agent, operation_type="note.high", risk_level=RiskLevel.HIGH)
    others = add_approval(served, agent_id=other, cancelled=True)
    reviewer = await enter(REVIEWER)
    for wanted, expected in (
        ({"agent": agent}, [grave, cancelled, waiting]),
        ({"agent": other}, [others]),
        ({"q": "narrowed"}, [others, grave, cancelled, waiting]),
        ({"q": "alpha narrowed"}, [waiting]),
        ({"q": "müller"}, [cancelled]),
        ({"agent": agent, "status": "pending"}, [grave, waiting]),
        ({"agent": agent, "status": "cancelled"}, [cancelled]),
        ({"agent": agent, "status": "executed"}, []),
        ({"q": "narrowed", "status": "cancelled"}, [others, cancelled]),
        ({"agent": agent, "risk": "high"}, [grave]),
        ({"agent": agent, "type": "note.low"}, [cancelled, waiting]),
    ):
        assert list(rows(await reviewer.get("/history", params=wanted))) == expected, wanted
    page = await reviewer.get("/history", params={"agent": agent, "status": "cancelled"})
    assert '<option value="cancelled" selected>' in page.text
    assert f'<input type="hidden" name="agent" value="{agent}">' in page.text


async def test_a_status_that_means_nothing_is_refused(enter: Enter) -> None:
    """With a sentence, and no fault."""
    page = await (await enter(REVIEWER)).get("/history", params={"status": "forgotten"})
    assert page.status_code == 422
    assert "That did not work" in page.text


async def test_a_row_tells_what_became_of_it(served: Stack, enter: Enter) -> None:
    """The outcome, who decided, and how long people took; where no person decided, no time is told."""
    agent = new_agent(served, "told")
    executed, rejected, failed, unfinished, waiting = [
        await served.pending(operation, by=agent)
        for operation in ("note.low", "note.high", "note.fail", "note.quorum", "note.critical")
    ]
    for each, outcome in ((executed, "approve"), (rejected, "reject"), (failed, "approve"), (unfinished, "approve")):
        assert (await served.decide(each, outcome)).status_code == 200
    cancelled = await served.pending(by=agent)
    for each in (unfinished, cancelled):
        path = f"/v1/approvals/{each['id']}/cancel"
        assert (await served.http.post(path, headers=served.bearer(agent), json={})).is_success
    allowed, denied = [await served.pending(operation, by=agent) for operation in ("note.allowed", "note.denied")]
    for each in (executed, rejected, failed, unfinished, cancelled, allowed, denied):
        await served.ended(each)
    # So many days and hours that the seconds of a slow run are not told.
    for each in (executed, rejected, failed, unfinished, cancelled, allowed, denied, waiting):
        ask_earlier(served, each, timedelta(days=2, hours=3, minutes=10))

    found = rows(await (await enter(REVIEWER)).get("/history", params={"agent": agent}))
    assert {approval_id: cells[4:] for approval_id, cells in found.items()} == {
        executed["id"]: ["Executed", "ada", "2 d 3 h"],
        rejected["id"]: ["Rejected", "ada", "2 d 3 h"],
        failed["id"]: ["Failed", "ada", "2 d 3 h"],
        unfinished["id"]: ["Cancelled", "told", ""],
        cancelled["id"]: ["Cancelled", "told", ""],
        allowed["id"]: ["Executed", "the rule allowed-notes", ""],
        denied["id"]: ["Rejected", "the rule denied-notes", ""],
        waiting["id"]: ["Waiting", "", ""],
    }
    assert found[rejected["id"]][1:4] == ["High", "High note 7", agent]


async def test_an_unknown_outcome_is_told_beside_the_status(served: Stack, enter: Enter) -> None:
    """Failed alone would say that nothing was done."""
    agent = new_agent(served, "lost")
    hanging = await served.pending("note.hang", by=agent, parameters={"seconds": 1.2})
    await served.decide(hanging)
    assert (await served.ended(hanging))["execution"]["outcome_unknown"] is True
    found = rows(await (await enter(REVIEWER)).get("/history", params={"agent": agent}))
    assert found[hanging["id"]][4] == "Failed unknown"


async def test_older_rows_are_on_the_next_page(served: Stack, enter: Enter) -> None:
    """Fifty on a page; the link keeps the filter, and the last page has none."""
    agent = new_agent(served, "busy")
    times = [NOON + timedelta(minutes=minute) for minute in range(52)]
    oldest_first = [add_approval(served, agent_id=agent, created_at=at, cancelled=True) for at in times]
    add_approval(served, agent_id="another", created_at=NOON - timedelta(minutes=1))
    reviewer = await enter(REVIEWER)
    page = await reviewer.get("/history", params={"agent": agent, "status": "cancelled"})
    assert list(rows(page)) == oldest_first[:1:-1]
    (older,) = _OLDER.findall(page.text)
    last = await reviewer.get(html.unescape(older))
    assert list(rows(last)) == oldest_first[1::-1]
    assert _OLDER.findall(last.text) == []
