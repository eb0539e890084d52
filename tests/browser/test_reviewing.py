"""A reviewer decides: with a mouse, with the keys alone, without scripts, and beside other reviewers."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.reviewing import SETTLED, approve, open_approval, reject, reviewer, row, said, status
from tests.support.browser import Visit
from tests.support.stack import Stack
from tests.support.team import PASSWORD, REVIEWER, SECOND_REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")


# Both look in the page itself: whoever looks from here may look late. The guards observe it first, and arm the step.
_MEASURE_ARMING = """() => {
    let since;
    window.armed = new Promise((resolve) => new MutationObserver(() => {
        const confirm = document.querySelector("#bar [data-confirm]");
        if (!confirm) return;
        since ??= performance.now();
        if (!confirm.disabled) resolve(performance.now() - since);
    }).observe(document.body, { attributes: true, childList: true, subtree: true }));
}"""
_PRESS_ENTER_AT_ONCE = """() => {
    window.pressed = new Promise((resolve) => new MutationObserver((_changes, observer) => {
        if (!document.querySelector(".strip .question")) return;
        observer.disconnect();
        const since = performance.now();
        const pressed = new Set();
        const press = () => {
            if (performance.now() - since > 500) { resolve([...pressed]); return; }
            const at = document.activeElement;
            pressed.add(at.dataset.row);
            at.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
            requestAnimationFrame(press);
        };
        press();
    }).observe(document.body, { childList: true, subtree: true }));
}"""


async def test_a_signed_out_visit_leads_through_sign_in_and_back(served: Stack, visit: Visit) -> None:
    """To the very page that was asked for."""
    approval = await served.pending()
    visitor = await visit()

    await visitor.sign_in(REVIEWER, PASSWORD, path=f"/approvals/{approval['id']}")

    assert visitor.page.url.endswith(f"/approvals/{approval['id']}")
    await visitor.page.click("text=Sign out")
    await expect(visitor.page).to_have_url(re.compile("/sign-in$"))


@pytest.mark.parametrize("operation", ["note.low", "note.medium"])
async def test_little_harm_is_approved_in_two_steps(served: Stack, visit: Visit, operation: str) -> None:
    """The step names the effect; its button approves; the page tells how it ended."""
    approval = await served.pending(operation)
    page = (await reviewer(visit)).page
    await open_approval(page, approval)

    await page.click("#bar [data-approve]")
    await expect(page.locator("#bar .question")).to_contain_text(f"Approve: {operation.split('.')[1]} note 7?")
    assert await status(served, approval) == "pending"
    await page.wait_for_timeout(SETTLED)
    await page.click("#bar [data-confirm]:enabled")

    await said(page, "Approved by grace|Done:")
    assert (await served.ended(approval))["decided_by"] == [f"reviewer:{REVIEWER}"]
    await said(page, "Done:")
    await expect(page.locator("#topic")).to_contain_text("Executed")


async def test_high_risk_arms_first(served: Stack, visit: Visit) -> None:
    """The button names the effect, and works only after a second."""
    approval = await served.pending("note.high")
    page = (await reviewer(visit)).page
    await open_approval(page, approval)

    await page.evaluate(_MEASURE_ARMING)
    await page.click("#bar [data-approve]")
    confirm = page.locator("#bar [data-confirm]")
    await expect(confirm).to_have_text("Yes, high note 7")
    assert await page.evaluate("window.armed") >= 950
    await confirm.click()

    await said(page, "Approved by grace|Done:")
    assert (await served.ended(approval))["status"] == "executed"


async def test_critical_risk_is_typed(served: Stack, visit: Visit) -> None:
    """Until the resource's id stands in the field, the button does nothing."""
    approval = await served.pending("note.critical")
    page = (await reviewer(visit)).page
    await open_approval(page, approval)

    await page.click("#bar [data-approve]")
    await page.fill("[data-word]", "8")
    await page.wait_for_timeout(1200)
    assert await page.locator("#bar [data-confirm]").is_disabled()
    await page.press("[data-word]", "Enter")
    assert await status(served, approval) == "pending"
    await page.fill("[data-word]", "7")
    await page.click("#bar [data-confirm]:enabled")

    await said(page, "Approved by grace|Done:")
    assert (await served.ended(approval))["status"] == "executed"


async def test_a_rejection_tells_the_agent_why(served: Stack, visit: Visit) -> None:
    """It needs a comment, and the reasons last used can be used again."""
    first, second = await served.pending(), await served.pending("note.critical")
    page = (await reviewer(visit)).page
    await open_approval(page, first)
    await reject(page, "Not without a ticket.")
    await said(page, "Rejected by grace. Nothing ran.")

    await open_approval(page, second)
    await page.keyboard.press("r")
    await page.click("[data-reasons] button >> text=Not without a ticket.")
    await page.wait_for_timeout(SETTLED)
    await page.press("[data-comment]", "Control+Enter")
    await said(page, "Rejected by grace")

    ended = await served.ended(second)
    assert [(vote["reviewer"], vote["comment"]) for vote in ended["decisions"]] == [(REVIEWER, "Not without a ticket.")]


async def test_the_second_of_two_is_told_who_was_first(served: Stack, visit: Visit) -> None:
    """Both had the step open; one counts, the other is told, and the record has both."""
    approval = await served.pending("note.high")
    grace, hugo = await reviewer(visit), await reviewer(visit, SECOND_REVIEWER)
    hugo.foresee("409")
    # Without its stream, hugo's page does not notice by itself.
    await hugo.page.route("**/live*", lambda route: route.abort())
    hugo.foresee("ERR_FAILED|Failed to fetch")
    await open_approval(grace.page, approval)
    await open_approval(hugo.page, approval)
    await hugo.page.evaluate("document.documentElement.classList.remove('offline')")
    for visitor in (grace, hugo):
        await visitor.page.click("#bar [data-approve]")
        await expect(visitor.page.locator("#bar [data-confirm]")).to_be_visible()
    await hugo.page.wait_for_timeout(1200)

    await grace.page.click("#bar [data-confirm]:enabled")
    await said(grace.page, "Approved by grace|Done:")
    await hugo.page.click("#bar [data-confirm]:enabled")

    await said(hugo.page, "Grace approved this .* before you. Yours did not count.")
    assert (await served.ended(approval))["decided_by"] == [f"reviewer:{REVIEWER}"]


async def test_a_page_that_is_open_notices_another_decision(served: Stack, visit: Visit) -> None:
    """Its buttons give way to who decided."""
    approval = await served.pending("note.high")
    page = (await reviewer(visit)).page
    await open_approval(page, approval)

    await served.decide(approval, "reject", by="bob")

    await said(page, "Rejected by bob. Nothing ran.")
    await expect(page.locator("#bar [data-approve]")).to_have_count(0)


async def test_two_people_are_needed_for_some(served: Stack, visit: Visit) -> None:
    """After the first, the page says that another must approve; after the second, it runs."""
    approval = await served.pending("note.quorum")
    grace, hugo = await reviewer(visit), await reviewer(visit, SECOND_REVIEWER)
    await open_approval(grace.page, approval)
    await approve(grace.page)
    await said(grace.page, "Another person must approve it too")

    await open_approval(hugo.page, approval)
    await expect(hugo.page.locator("#topic")).to_contain_text("1 of 2 approvals")
    await approve(hugo.page)

    assert (await served.ended(approval))["status"] == "executed"


async def test_keys_alone_decide_from_the_queue(served: Stack, visit: Visit) -> None:
    """j to the row, a opens the strip, Enter confirms; the focus goes to the next row, not to its button."""
    approval = await served.pending("note.medium")
    later = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await page.goto("/?agent=agent")
    await page.wait_for_timeout(SETTLED)
    for _ in range(300):
        await page.keyboard.press("j")
        if await page.locator(f"{row(approval)}.at").count():
            break
    await page.evaluate(_PRESS_ENTER_AT_ONCE)
    await page.keyboard.press("a")
    assert await page.evaluate("window.pressed") == [approval["id"]]
    await expect(page.locator(f"{row(approval)} .question")).to_contain_text("Approve: medium note 7?")
    await page.wait_for_timeout(SETTLED)
    assert await page.locator("form[data-sent]").count() == 0, "the first 600 ms take no key"
    assert await status(served, approval) == "pending"
    following = await page.get_attribute(f"{row(approval)} + [data-row]", "data-row")
    await page.keyboard.press("Enter")

    await expect(page.locator(f"{row(approval)} .outcome")).to_have_text("Approved by grace")
    assert (await served.ended(approval))["status"] == "executed"
    focused = await page.evaluate("document.activeElement.className")
    assert "title" in focused
    assert await page.evaluate("document.activeElement.closest('[data-row]').dataset.row") == following
    assert await status(served, later) == "pending"


async def test_keys_alone_look_around(served: Stack, visit: Visit) -> None:
    """In the queue j and k move, x selects and Enter opens; on the page v opens the raw JSON, and u leads back."""
    for _ in range(2):
        await served.pending("note.low")
    page = (await reviewer(visit)).page
    await page.goto("/?type=note.low")
    first, second = page.locator("[data-row]").nth(0), page.locator("[data-row]").nth(1)
    for key in ("j", "j", "x"):
        await page.keyboard.press(key)
    await expect(second.locator("[data-pick]")).to_be_checked()
    await expect(first.locator("[data-pick]")).not_to_be_checked()
    opened = await first.get_attribute("data-row")
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/approvals/{opened}")  # and until its scripts have run

    raw = page.locator("[data-raw] pre")
    await expect(raw).to_be_hidden()
    await page.keyboard.press("v")
    await expect(raw).to_be_visible()
    await page.keyboard.press("u")
    await expect(page).to_have_url(re.compile(r"^http://[^/]+/$"))


async def test_letters_are_off_where_they_are_typed(served: Stack, visit: Visit) -> None:
    """In a field they are text; switched off in the help they do nothing."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await page.wait_for_timeout(SETTLED)
    await page.keyboard.press("/")
    await page.keyboard.type("axr")
    assert await page.input_value("[data-search]") == "axr"
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await page.uncheck("[data-letters]")
    await page.keyboard.press("Escape")

    await open_approval(page, approval)
    await page.keyboard.press("a")
    await page.wait_for_timeout(300)
    assert await page.locator("#bar.stepping").count() == 0


async def test_a_held_key_and_a_double_click_decide_nothing(served: Stack, visit: Visit) -> None:
    """What repeats by itself is no decision."""
    approval = await served.pending("note.low")
    page = (await reviewer(visit)).page
    await open_approval(page, approval)
    await page.keyboard.press("a")
    await expect(page.locator("#bar [data-confirm]")).to_be_visible()
    await page.wait_for_timeout(SETTLED)
    # Pressed elsewhere, and still held when the button gets the focus: only the repeats reach it.
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.down("Enter")
    await page.focus("#bar [data-confirm]")
    await page.keyboard.down("Enter")
    await page.keyboard.up("Enter")
    await page.evaluate(
        """() => document.querySelector("#bar [data-confirm]").dispatchEvent(
            new MouseEvent("click", { detail: 2, bubbles: true, cancelable: true }))"""
    )
    await page.wait_for_timeout(300)

    assert await page.locator("form[data-decision][data-sent]").count() == 0
    assert await status(served, approval) == "pending"


async def test_several_are_approved_at_once(served: Stack, visit: Visit) -> None:
    """All are listed first; each has a decision of its own; what cannot be among them says why."""
    approvals = [await served.pending("note.low") for _ in range(3)]
    page = (await reviewer(visit)).page
    await page.goto("/?type=note.low")
    for approval in approvals:
        await page.check(f"{row(approval)} [data-pick]")
    await page.click("text=Review selected…")
    await expect(page.locator("h1")).to_have_text("Approve 3?")
    # Decided by somebody else; the list is looked at again.
    await served.decide(approvals[0], "reject", by="bob")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Approve 2?")
    await expect(page.locator(".listed")).to_contain_text("Rejected by bob")
    await page.wait_for_timeout(SETTLED)
    await page.click("[data-confirm]:enabled")

    await expect(page.locator("h1")).to_have_text("2 of 2 approved")
    for approval in approvals[1:]:
        ended = await served.ended(approval)
        assert (ended["status"], ended["decided_by"]) == ("executed", [f"reviewer:{REVIEWER}"])


@pytest.mark.parametrize("operation", ["note.low", "note.high", "note.critical"])
async def test_it_works_without_scripts(served: Stack, visit: Visit, operation: str) -> None:
    """The steps stay: a link, a page that asks, and a button that posts."""
    approval = await served.pending(operation)
    page = (await reviewer(visit, scripts=False)).page
    await page.goto("/")
    await page.click(f"{row(approval)} .title")
    await page.click("#bar [data-approve]")
    assert await status(served, approval) == "pending"
    if operation == "note.critical":
        await page.fill("[data-word]", "7")
    await page.click("#bar [data-confirm]")

    await expect(page).to_have_url(re.compile(f"/approvals/{approval['id']}$"))
    assert (await served.ended(approval))["status"] == "executed"


async def test_a_rejection_without_scripts_keeps_its_comment(served: Stack, visit: Visit) -> None:
    """An empty one is refused by the server too, and what was typed stays."""
    approval = await served.pending("note.low")
    visitor = await reviewer(visit, scripts=False)
    visitor.foresee("409")
    page = visitor.page
    await page.goto(f"/approvals/{approval['id']}/reject")
    await page.fill("[data-comment]", "   ")
    await page.click("#bar [data-confirm]")
    await expect(page.locator("#bar [role=alert]")).to_contain_text("A rejection needs a comment")
    await page.fill("[data-comment]", "No.")
    await page.click("#bar [data-confirm]")

    assert (await served.ended(approval))["status"] == "rejected"


async def test_signed_out_in_the_middle_keeps_the_comment(served: Stack, visit: Visit) -> None:
    """Sign in again, and the page asks again, with what was typed."""
    approval = await served.pending("note.high")
    visitor = await reviewer(visit)
    visitor.foresee("401")
    page = visitor.page
    await open_approval(page, approval)
    await page.click("#bar [data-reject]")
    await page.fill("[data-comment]", "A long thought about this.")
    await page.wait_for_timeout(SETTLED)
    await visitor.context.clear_cookies()
    await page.click("#bar [data-confirm]:enabled")
    await page.wait_for_url(re.compile("/sign-in"))
    await page.fill("input[name=name]", REVIEWER)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await expect(page).to_have_url(re.compile(f"/approvals/{approval['id']}"))
    assert await status(served, approval) == "pending"

    await page.wait_for_timeout(SETTLED)
    await page.click("#bar [data-reject]")
    assert await page.input_value("[data-comment]") == "A long thought about this."
