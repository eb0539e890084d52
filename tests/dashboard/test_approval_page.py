"""One approval's page: all that was asked, what is known around it, and what an admin can do there."""

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.api.answers import events, shown
from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTE = "The target's log shows it."

_ALL = re.compile(r'<details class="all"><summary>([^<]*)</summary>(.*?)</details>', re.DOTALL)
_SIMILAR = re.compile(r'<ul class="similar">(.*?)</ul>', re.DOTALL)
_ITEM = re.compile(r'<li><a href="/approvals/([^"]+)">(.*?)</li>', re.DOTALL)


async def page_of(client: httpx2.AsyncClient, approval: Mapping[str, Any]) -> httpx2.Response:
    """Return an approval's page."""
    page = await client.get(f"/approvals/{approval['id']}")
    assert page.status_code == 200, page.text
    return page


def similar(page: httpx2.Response) -> dict[str, str]:
    """Return the texts of the similar requests by their ids, in the order of the page."""
    listed = "".join(_SIMILAR.findall(page.text))
    return {name: " ".join(re.sub(r"<[^>]*>", " ", words).split()) for name, words in _ITEM.findall(listed)}


@pytest_asyncio.fixture(loop_scope="module")
async def unknown(served: Stack) -> dict[str, Any]:
    """An approval whose operation outlived its time, so that nobody knows how far it came."""
    approval = await served.pending("note.hang", parameters={"seconds": 1.2})
    await served.decide(approval)
    ended = await served.ended(approval)
    assert (ended["status"], ended["execution"]["outcome_unknown"]) == ("failed", True)
    return ended


async def test_a_long_list_is_all_in_the_page(served: Stack, enter: Enter) -> None:
    """Forty entries stand there at once; of one more the first forty do, and all of them open."""
    reviewer = await enter(REVIEWER)
    forty, more = [[f"entry-{number}" for number in range(length)] for length in (40, 41)]
    page = await page_of(reviewer, await served.pending(context={"recipients": forty}))
    assert _ALL.findall(page.text) == []
    assert re.findall(r"<li>(entry-\d+)</li>", page.text) == forty

    page = await page_of(reviewer, await served.pending(context={"recipients": more}))
    assert '<b class="number">41</b> entries' in page.text
    ((summary, folded),) = _ALL.findall(page.text)
    assert summary == "Show all 41"
    assert re.findall(r"<li>(entry-\d+)</li>", folded) == more
    assert re.findall(r"<li>(entry-\d+)</li>", page.text.replace(folded, "")) == forty


async def test_a_long_text_is_all_in_the_page(served: Stack, enter: Enter) -> None:
    """1,200 characters stand there at once; of one more as many do, how much it is is said, and all of it opens."""
    reviewer = await enter(REVIEWER)
    start = "x" * 1_194 + "&start"
    page = await page_of(reviewer, await served.pending(parameters={"text": start}))
    assert _ALL.findall(page.text) == []
    assert f'<span class="outside">{html.escape(start)}</span>' in page.text

    page = await page_of(reviewer, await served.pending(parameters={"text": f"{start}!"}))
    assert ", 1,201 characters</p>" in page.text
    assert _ALL.findall(page.text) == [("Show all 1,201 characters", f"<pre>{html.escape(start)}!</pre>")]
    assert f"<pre>{html.escape(start)}</pre>" in page.text


async def test_what_the_agent_claims_is_called_a_claim(served: Stack, enter: Enter) -> None:
    """And that it gave no context is said, rather than shown as an empty card."""
    reviewer = await enter(REVIEWER)
    without = await page_of(reviewer, await served.pending())
    assert "The agent gave no context." in text_of(without)
    assert "Claimed by the agent" not in without.text
    claimed = await page_of(reviewer, await served.pending(context={"ticket": "T-1"}))
    assert "Claimed by the agent, not verified. ticket T-1" in text_of(claimed)
    assert "gave no context" not in claimed.text


async def test_similar_requests_are_listed(served: Stack, enter: Enter) -> None:
    """Of the same kind, whoever asked, the newest first and with what became of them; not those of another kind."""
    reviewer = await enter(REVIEWER)
    kind, customer = "note.guarded", {"type": "customer.read", "resource_type": "customer", "resource_id": "9"}
    first = await served.pending(kind)
    await served.pending(operation=customer | {"parameters": {}})
    page = await page_of(reviewer, first)
    assert similar(page) == {}
    assert "Nobody has asked for this kind of operation before." in text_of(page)

    assert (await served.decide(first, "reject")).status_code == 200
    await served.ended(first)
    second = await served.pending(kind, by="other-agent")
    third = await served.pending(kind)
    page = await page_of(reviewer, third)
    found = similar(page)
    assert list(found) == [second["id"], first["id"]]
    assert re.fullmatch(r"7 other-agent, \d+ s ago Waiting", found[second["id"]])
    assert re.fullmatch(r"7 agent, \d+ s ago Rejected", found[first["id"]])
    assert "Nobody has asked for this kind" not in page.text


async def test_only_an_admin_is_led_to_temporal(served: Stack, enter: Enter) -> None:
    """It is an engineer's tool; on the others' pages there is no address of it."""
    approval = await served.pending()
    base = served.settings.temporal_ui_url
    assert base is not None
    page = await page_of(await enter(ADMIN), approval)
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>(?:(?!</a>).)*The workflow in Temporal', page.text)
    assert link.startswith(f"{base}/namespaces/{served.temporal.namespace}/workflows/approval-{approval['id']}")
    for name in (REVIEWER, AUDITOR):
        page = await page_of(await enter(name), approval)
        assert base not in page.text
        assert "The workflow in Temporal" not in page.text


@pytest.mark.parametrize("outcome", ["executed", "failed"])
async def test_an_admin_settles_an_unknown_outcome(
    served: Stack, enter: Enter, unknown: dict[str, Any], outcome: str
) -> None:
    """By the form of its page: 303 back to it, where what was found stands in the place of the form."""
    admin, path = await enter(ADMIN), f"/approvals/{unknown['id']}"
    before = await page_of(admin, unknown)
    assert f'<form class="settle stack" method="post" action="{path}/settle">' in before.text
    assert "we don't know whether it finished" in text_of(before)
    answer = await admin.post(f"{path}/settle", data={"outcome": outcome, "note": f"{NOTE}\r\nTwice."})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    after = await page_of(admin, unknown)
    assert f"Its end was unknown. Iris found: {outcome}." in text_of(after)
    assert NOTE in text_of(after)
    assert f"{path}/settle" not in after.text
    settlement = (await shown(served, unknown))["execution"]["settlement"]
    assert (settlement["outcome"], settlement["note"]) == (outcome, f"{NOTE}\nTwice.")
    assert settlement["settled_by"] == f"admin:{ADMIN}"


async def test_nobody_else_settles_it(served: Stack, enter: Enter, unknown: dict[str, Any]) -> None:
    """Their pages have no form; what they send all the same is a 403, and an admin's nonsense a 422."""
    path = f"/approvals/{unknown['id']}"
    for name in (REVIEWER, AUDITOR):
        client = await enter(name)
        page = await page_of(client, unknown)
        assert "we don't know whether it finished" in text_of(page)
        assert f"{path}/settle" not in page.text
        answer = await client.post(f"{path}/settle", data={"outcome": "executed", "note": NOTE})
        assert answer.status_code == 403
        assert "Ask an admin." in text_of(answer)
    admin = await enter(ADMIN)
    for nonsense in ({"outcome": "unknown", "note": NOTE}, {"outcome": "executed", "note": ""}, {"note": NOTE}):
        assert (await admin.post(f"{path}/settle", data=nonsense)).status_code == 422, nonsense
    assert await shown(served, unknown) == unknown
    assert await events(served, unknown, "execution.settled") == []
