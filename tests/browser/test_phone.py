"""On a phone: one column, no sideways scroll, and nothing is approved that was not read to its end."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.reviewing import SETTLED, open_approval, reviewer, row, said
from tests.support.browser import Visit
from tests.support.stack import Stack
from tests.support.team import ADMIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("/", "/history", "/patterns", "/patterns/new", "/policy", "/audit", "/insights", "/people", "/you")


async def _overflow(page: Page) -> int:
    wider: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


async def test_no_page_scrolls_sideways(served: Stack, visit: Visit) -> None:
    """Whatever stands on it: long words wrap, tables scroll by themselves."""
    approval = await served.pending("note.high", reason="x" * 900, parameters={"text": "y" * 5_000})
    page = (await reviewer(visit, ADMIN, phone=True)).page
    wide = []
    for path in (*PAGES, f"/approvals/{approval['id']}"):
        await page.goto(path)
        if await _overflow(page) > 0:
            wide.append(path)

    assert wide == []


async def test_the_list_only_leads_to_the_page(served: Stack, visit: Visit) -> None:
    """No decision and no selection there; a card opens the page."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit, phone=True)).page
    card = page.locator(row(approval))
    await expect(card).to_be_visible()
    await expect(card.locator("[data-approve]")).to_be_hidden()
    await expect(card.locator("[data-reject]")).to_be_hidden()
    await expect(card.locator("[data-pick]")).to_be_hidden()
    await card.tap()
    await page.wait_for_url(f"**/approvals/{approval['id']}")


async def test_approve_waits_for_the_end_of_what_will_run(served: Stack, visit: Visit) -> None:
    """Until then it reads «Read to the end», and a tap leads there."""
    text = "\n".join(f"line {number}" for number in range(20)) * 2
    approval = await served.pending("note.low", parameters={"text": text})
    visitor = await reviewer(visit, phone=True)
    page = visitor.page
    await open_approval(page, approval)
    word = page.locator("[data-approve-word]")
    await expect(word).to_have_text("Read to the end")
    await page.locator("#bar [data-approve]").tap(force=True)
    await page.wait_for_timeout(300)
    assert await page.locator("#bar.stepping").count() == 0

    await expect(word).to_have_text("Approve")
    await page.wait_for_timeout(SETTLED)
    await page.locator("#bar [data-approve]").tap()
    await page.wait_for_timeout(SETTLED)
    await page.locator("#bar [data-confirm]:enabled").tap()
    await said(page, "Done:|Approved by grace")
    await visitor.shoot("phone-done")


async def test_the_buttons_are_for_thumbs(served: Stack, visit: Visit) -> None:
    """48 px high and 16 px apart, Reject at the left; the rejection is a sheet over all of it."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit, phone=True)).page
    await open_approval(page, approval)
    reject = await page.locator("#bar [data-reject]").bounding_box()
    approve = await page.locator("#bar [data-approve]").bounding_box()
    assert reject is not None
    assert approve is not None
    assert min(reject["height"], approve["height"]) >= 48
    assert approve["x"] - (reject["x"] + reject["width"]) >= 16
    await page.locator("#bar [data-reject]").tap()
    await expect(page.locator("[data-sheet]")).to_be_visible()
    sheet = await page.locator("#bar").bounding_box()
    assert sheet is not None
    assert sheet["height"] >= 844
