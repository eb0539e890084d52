"""axe-core finds nothing on any page, by day and by night."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.reviewing import SETTLED, open_approval, reject, reviewer, said
from tests.support.browser import Visit, axe_violations
from tests.support.stack import Stack
from tests.support.team import ADMIN, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    "/",
    "/?q=nothing-matches",
    "/history",
    "/patterns",
    "/patterns/new",
    "/policy",
    "/audit",
    "/insights",
    "/people",
    "/you",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _approvals(served: Stack) -> None:
    for operation in ("note.low", "note.medium", "note.high", "note.critical", "note.quorum"):
        await served.pending(operation, context={"a": 1})
    await served.ended(await served.pending("note.denied"))
    await served.ended(await served.pending("note.allowed"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_pages(served: Stack, visit: Visit, dark: bool) -> None:  # noqa: FBT001  one case
    """Everything that a menu leads to, what those lead to, what a form answers with, and the door."""
    outside = await visit(dark=dark)
    found = {}
    for path in ("/sign-in", "/sign-in/a-link"):
        await outside.page.goto(path)
        found[path] = await axe_violations(outside.page)
    visitor = await reviewer(visit, ADMIN, dark=dark)
    visitor.foresee("404")
    low, executed = await served.pending("note.low"), await served.pending("note.low")
    await served.decide(executed)
    assert (await served.ended(executed))["status"] == "executed"
    further = (
        f"/bulk?approval={low['id']}",
        f"/people/{REVIEWER}",
        f"/people/{REVIEWER}/disable",
        f"/keys/{served.key_ids['agent']}/revoke",
        f"/patterns/new?from={low['id']}",
        f"/approvals/{executed['id']}",
        "/nowhere",
    )
    for path in (*PAGES, *further):
        await visitor.page.goto(path)
        found[path] = await axe_violations(visitor.page)
    page = visitor.page
    await page.goto(f"/bulk?approval={low['id']}")
    await page.wait_for_timeout(SETTLED)
    await page.click("[data-confirm]:enabled")
    await expect(page.locator("h1")).to_have_text("1 of 1 approved")
    found["approved at once"] = await axe_violations(page)
    await page.goto("/people")
    await page.click("summary:has-text('Make a key')")
    await page.fill("#keys [name=name]", f"axe-{'dark' if dark else 'light'}")
    await page.click("button:has-text('Make the key')")
    await expect(page.locator(".secret")).to_be_visible()
    found["a new key"] = await axe_violations(page)

    assert {path: violations for path, violations in found.items() if violations} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("operation", ["note.low", "note.medium", "note.high", "note.critical", "note.quorum"])
async def test_an_approval_in_each_of_its_states(served: Stack, visit: Visit, operation: str, dark: bool) -> None:  # noqa: FBT001
    """Waiting, with a step open, and decided."""
    approval = await served.pending(operation, reason="a\u202eb", context={"a": [1, 2], "b": "c\nd"})
    page = (await reviewer(visit, ADMIN, dark=dark)).page
    await open_approval(page, approval)
    found = {"waiting": await axe_violations(page)}
    await page.click("#bar [data-approve]")
    await page.wait_for_timeout(1200)
    found["step"] = await axe_violations(page)
    await page.click("#bar [data-cancel]")
    await page.wait_for_timeout(700)
    await reject(page, "No.")
    await said(page, "Rejected by")
    found["decided"] = await axe_violations(page)

    assert {state: violations for state, violations in found.items() if violations} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_the_strip_and_the_help(visit: Visit, dark: bool) -> None:  # noqa: FBT001  one case
    """In the queue."""
    page = (await reviewer(visit, ADMIN, dark=dark)).page
    await page.wait_for_timeout(700)
    await page.hover("[data-quick] >> nth=0")
    await page.click("[data-quick] [data-approve] >> nth=0")
    await page.wait_for_timeout(900)
    assert await axe_violations(page) == []
    await page.click("[data-help]")
    assert await axe_violations(page) == []
