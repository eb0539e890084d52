"""The insights page: what was decided lately, in figures, in pictures and in a table."""

import re

import httpx2
import pytest

from tests.dashboard.visitors import Enter, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")


def figures(page: httpx2.Response) -> dict[str, str]:
    """Return the numbers above the charts by their labels."""
    return dict(re.findall(r"<dt>([^<]*)</dt><dd><b>([^<]*)</b>", page.text))


def legends(page: httpx2.Response) -> list[str]:
    """Return the legends' entries."""
    return re.findall(r'<i class="swatch [\w-]*"></i>([^<]* <b class="number">\d+)</b>', page.text)


async def test_each_decision_counts_once(served: Stack, enter: Enter) -> None:
    """By people, by policy and by nobody; whoever may look sees the same, in charts and in tables.

    The tables have a row for each day, the newest first, and their sums; the times stand by risk. Before the first
    decision that is said, there is no empty chart, and the ranges are still there.
    """
    page = await (await enter(REVIEWER)).get("/insights")
    assert page.status_code == 200
    assert "Nothing was decided in these 30 days." in text_of(page)
    assert '<a class="chip" href="/insights?days=30" aria-current="page">30 days</a>' in page.text
    assert 'href="/insights?days=90"' in page.text
    assert '<svg class="bars-chart"' not in page.text

    await served.ended(await served.pending("note.allowed"))
    await served.ended(await served.pending("note.denied"))
    for operation, outcome in (("note.low", "approve"), ("note.high", "approve"), ("note.high", "reject")):
        approval = await served.pending(operation)
        assert (await served.decide(approval, outcome)).status_code == 200
        await served.ended(approval)
    failing = await served.pending("note.fail")
    await served.decide(failing)
    await served.ended(failing)
    cancelled = await served.pending()
    await served.http.post(f"/v1/approvals/{cancelled['id']}/cancel", headers=served.bearer("agent"), json={})
    await served.pending()

    pages = [await (await enter(who)).get("/insights", params={"days": 7}) for who in (REVIEWER, ADMIN, AUDITOR)]
    for page in pages:
        assert figures(page) | {"Median time to decision": ""} == {
            "Decisions": "7",
            "Median time to decision": "",
            "Let through by patterns": "0 %",
            "Let through by policy": "14 %",
            "Expired": "0",
            "Failed when they ran": "1",
        }
        assert re.fullmatch(r"\d+ s|\d+ min.*", figures(page)["Median time to decision"])
        assert legends(page) == [
            'Approved by people <b class="number">3',
            'Let through by policy <b class="number">1',
            'Rejected by people <b class="number">1',
            'Denied by policy <b class="number">1',
            'Cancelled <b class="number">1',
            'Low risk <b class="number">5',
            'High risk <b class="number">2',
        ]

    by_way, by_risk, times = page.text.split("<table>")[1:]
    for table, sums in ((by_way, ["3", "0", "1", "1", "1", "0", "1", "7"]), (by_risk, ["5", "0", "2", "0", "7"])):
        days = re.findall(r'<th scope="row">(\d{4}-\d\d-\d\d)</th>', table)
        assert len(days) == 7
        assert days == sorted(days, reverse=True)
        assert re.findall(r'<td class="right number">(\d+)</td>', table.split("<tfoot>")[1]) == sums
    assert re.findall(r'<th scope="row">(\w+)</th><td class="right number">(\d+)</td>', times) == [
        ("Low", "2"),
        ("High", "2"),
    ]


@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1e9"])
async def test_a_range_that_means_nothing_is_refused(enter: Enter, days: str) -> None:
    """With a sentence, and no fault."""
    page = await (await enter(REVIEWER)).get("/insights", params={"days": days})
    assert page.status_code == 422
    assert "That did not work" in page.text


@pytest.mark.parametrize(("days", "told"), [("1", "today, in UTC"), ("366", "the last 366 days, in UTC")])
async def test_any_range_up_to_a_year_is_shown(enter: Enter, days: str, told: str) -> None:
    """Also one that no link leads to."""
    page = await (await enter(REVIEWER)).get("/insights", params={"days": days})
    assert page.status_code == 200
    assert told in text_of(page)
