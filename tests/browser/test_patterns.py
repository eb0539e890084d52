"""Trusted patterns in a browser: checked as one types, tried with a picture, suspended in place."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.api.policies import EXPORTS, add_agent, export, make_pattern
from tests.browser.reviewing import reviewer
from tests.support.browser import Visit, axe_violations
from tests.support.stack import Stack
from tests.support.team import ADMIN, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

DARK = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


async def decided_exports(stack: Stack) -> str:
    """Return an agent of which people approved one small export, and rejected another."""
    agent = add_agent(stack)
    for limit, outcome in ((40, "approve"), (90, "reject")):
        approval = await export(stack, agent, limit, reason="The report for ticket 7 needs these customers.")
        assert (await stack.decide(approval, outcome)).is_success
    return agent


async def fill(page: Page, agent: str, condition: str = EXPORTS["condition"]) -> None:
    """Type a pattern of exports."""
    await page.fill("[name=agent_id]", agent)
    await page.fill("[name=operation_type]", EXPORTS["operation_type"])
    await page.fill("[name=resource_type]", EXPORTS["resource_type"])
    await page.fill("[name=condition]", condition)


async def sideways(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    wider: int = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wider


async def test_the_condition_is_checked_as_it_is_typed(served: Stack, visit: Visit) -> None:
    """Half a condition is told apart from a whole one, without a press of a button, and the focus stays in it."""
    page = (await reviewer(visit, ADMIN)).page
    await page.goto("/patterns/new")
    check = page.locator("#check")
    await expect(check).to_contain_text("It is checked as you type.")
    await page.locator("[name=condition]").press_sequentially("operation.parameters.limit <")
    await expect(check).to_contain_text("Condition: line 1, column 29")
    await page.locator("[name=condition]").press_sequentially(" 100")
    await expect(check).to_contain_text("Fine. It reads: operation.parameters.limit")
    await expect(page.locator("[name=condition]")).to_be_focused()

    await expect(page.locator("[name=broad]")).to_be_hidden()
    await fill(page, f"{add_agent(served)}-*")
    await expect(check).to_contain_text("It trusts every agent whose name fits")
    await page.check("[name=broad]")
    await page.click("button:has-text('Make the pattern')")
    await expect(page.locator("h1")).to_contain_text("may run data.export on customer")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_pattern_goes_through_its_life(served: Stack, visit: Visit, *, scripts: bool) -> None:
    """Made from an approval, tried, changed, suspended, activated and deleted, with scripts or without."""
    agent = await decided_exports(served)
    approval = await export(served, agent, 60)
    page = (await reviewer(visit, ADMIN, scripts=scripts)).page
    await page.goto(f"/approvals/{approval['id']}")
    await page.click("text=Make a pattern from this")
    await page.click("button:has-text('Try it')")
    await expect(page.locator(".backtest")).to_contain_text("it would have let 2 through.")
    await page.click("button:has-text('Make the pattern')")
    await expect(page.locator("pre.condition")).to_contain_text("operation.parameters.limit <= 60")

    await page.click("text=Edit")
    await page.fill("[name=note]", "Looked at.")
    await page.click("button:has-text('Change the pattern')")
    await expect(page.locator(".revisions")).to_contain_text(f"changed by {ADMIN}")
    await page.click("button:has-text('Suspend')")
    await expect(page.locator(".marks")).to_contain_text("suspended")
    await page.click("text=Activate…")
    await page.click("button:has-text('Activate it')")
    await expect(page.locator(".marks")).to_have_count(0)
    await page.click("text=Delete…")
    await page.click("button:has-text('Delete it')")
    await expect(page.locator("h1")).to_have_text("Trusted patterns")
    await expect(page.locator("main")).not_to_contain_text(agent)


async def test_one_click_suspends_in_the_list(served: Stack, visit: Visit) -> None:
    """The row changes in place and says what that means, with the focus on it: no second press undoes the first."""
    pattern = await make_pattern(served, add_agent(served))
    page = (await reviewer(visit, ADMIN)).page
    await page.goto("/patterns")
    row = page.locator(f"#pattern-{pattern['id']}")
    await row.locator("button").press("Enter")
    await expect(row.locator(".told")).to_have_text("It lets nothing through from now on.")
    await expect(row.locator(".told")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(row).to_contain_text("suspended")
    assert page.url.endswith("/patterns")
    await row.locator("text=Activate…").dblclick()
    await expect(page.locator("h1")).to_have_text("Activate this pattern again?")
    assert (await served.get(f"/v1/trusted-patterns/{pattern['id']}")).json()["status"] == "suspended"


async def test_while_it_is_tried_the_button_is_off(served: Stack, visit: Visit) -> None:
    """«Trying…» stands beside it; then what was found has the focus."""
    visitor = await reviewer(visit, REVIEWER)
    page = visitor.page
    pattern = await make_pattern(served, await decided_exports(served))
    await page.goto(f"/patterns/{pattern['id']}")
    going_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await going_on.wait()
        await route.continue_()

    await page.route("**/patterns/backtest", hold)
    button = page.locator("button:has-text('Try it')")
    await expect(page.locator("#trying")).to_be_hidden()
    await button.click()
    await expect(page.locator("#trying")).to_be_visible()
    await expect(button).to_be_disabled()
    going_on.set()
    await expect(page.locator(".backtest")).to_be_focused()
    await expect(page.locator(".backtest")).to_contain_text("People rejected 1 of these.")
    await expect(button).to_be_enabled()
    await expect(page.locator("#trying")).to_be_hidden()
    await visitor.shoot("pattern", whole=True)


@DARK
async def test_axe_finds_nothing(served: Stack, visit: Visit, *, dark: bool) -> None:
    """On the list, a pattern's page and its forms, with what is found, refused and marked."""
    agent = await decided_exports(served)
    approval = await served.pending("note.high", by=agent)
    marked: dict[str, Any] = {"condition": "context.a == 1", "max_per_day": 1, "max_risk": "medium"}
    pattern = await make_pattern(served, agent, **marked)
    suspended = await make_pattern(served, f"{agent}-*", broad=True)
    await export(served, agent, 5, context={"a": 1})
    await served.http.patch(
        f"/v1/trusted-patterns/{suspended['id']}", headers=served.bearer("ada"), json={"status": "suspended"}
    )
    visitor = await reviewer(visit, ADMIN, dark=dark)
    page = visitor.page
    found: dict[str, list[str]] = {}
    for path in (
        "/patterns",
        f"/patterns/{pattern['id']}",
        f"/patterns/new?from={approval['id']}",
        f"/patterns/{suspended['id']}/edit",
        f"/patterns/{suspended['id']}/activate",
        f"/patterns/{suspended['id']}/delete",
    ):
        await page.goto(path)
        found[path] = await axe_violations(page)
    await visitor.page.goto("/patterns")
    await visitor.shoot(f"patterns-{'dark' if dark else 'light'}", whole=True)

    await page.goto("/patterns/new")
    await fill(page, agent)
    await page.click("button:has-text('Try it')")
    await page.wait_for_selector(".examples")
    found["tried"] = await axe_violations(page)
    visitor.foresee("422")
    await page.fill("[name=max_per_day]", "0")
    await page.fill("[name=condition]", "context.a <")
    await page.click("button:has-text('Make the pattern')")
    await page.wait_for_selector("[aria-invalid]")
    found["refused"] = await axe_violations(page)
    assert {path: violations for path, violations in found.items() if violations} == {}


async def test_a_phone_shows_it_in_one_column(served: Stack, visit: Visit) -> None:
    """No page is wider than the screen, with the longest word that a condition may hold."""
    agent = await decided_exports(served)
    long_word = f"operation.parameters.to == '{'x' * 300}' || {EXPORTS['condition']}"
    pattern = await make_pattern(served, agent, condition=long_word, note="y" * 300)
    page = (await reviewer(visit, ADMIN, phone=True)).page
    wider: dict[str, int] = {}
    for path in ("/patterns", f"/patterns/{pattern['id']}", f"/patterns/{pattern['id']}/edit"):
        await page.goto(path)
        if path != "/patterns":
            await page.click("button:has-text('Try it')")
            await page.wait_for_selector(".examples")
        wider[path] = await sideways(page)
    assert set(wider.values()) == {0}, wider
