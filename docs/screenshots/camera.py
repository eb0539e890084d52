"""Takes the pictures: each page by day, by night and on a phone, at sizes that never change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize

from docs.screenshots.waiting import CRITICAL, HIGH
from tests.browser.reviewing import SETTLED, open_approval
from tests.support.browser import Visitor
from tests.support.team import PASSWORD

FOLDER = Path(__file__).parent
WHO = "ada"

_DESKTOP, _PHONE = ViewportSize(width=1360, height=900), ViewportSize(width=390, height=844)


class Camera:
    """One way of looking: `light`, `dark` or `phone`."""

    def __init__(self, page: Page, look: str) -> None:
        """Take the page of somebody who is signed in."""
        self._page = page
        self._look = look

    async def take(self, waiting: dict[str, str]) -> None:
        """Take every picture. `waiting` are the ids of approvals by name."""
        await self._shoot("queue", "/")
        await open_approval(self._page, {"id": waiting[HIGH]})
        await self._keep("approval")
        await self._open_step(waiting[CRITICAL])
        await self._keep("critical")
        await self._shoot("patterns", "/patterns")
        await self._shoot("insights", "/insights")

    async def _shoot(self, name: str, path: str) -> None:
        await self._page.goto(path)
        await self._keep(name)

    async def _open_step(self, approval_id: str) -> None:
        """Press Approve, and stop where the resource's id is to be typed. A phone shows the end of it all first."""
        await open_approval(self._page, {"id": approval_id})
        await self._page.locator("[data-end-of-what]").evaluate("(end) => end.scrollIntoView({ block: 'center' })")
        await self._page.wait_for_timeout(SETTLED)
        await self._page.click("#bar [data-approve]:not([aria-disabled])")
        await self._page.wait_for_selector("#bar [data-word]")
        await self._page.evaluate("() => window.scrollTo(0, 0)")

    async def _keep(self, name: str) -> None:
        # Nothing lies under the pointer.
        await self._page.mouse.move(0, 0)
        await self._page.evaluate("() => document.fonts.ready")
        await self._page.wait_for_load_state()
        await self._page.screenshot(
            path=FOLDER / f"{name}-{self._look}.png", animations="disabled", caret="hide", scale="device"
        )


@asynccontextmanager
async def looking(browser: Browser, site: str, look: str) -> AsyncIterator[Page]:
    """Give the page of somebody who is signed in and looks in this way. AssertionError for what went wrong in it."""
    phone = look == "phone"
    context = await browser.new_context(
        base_url=site,
        color_scheme="dark" if look == "dark" else "light",
        device_scale_factor=2 if phone else 1.25,
        has_touch=phone,
        is_mobile=phone,
        locale="en-GB",
        timezone_id="UTC",
        viewport=_PHONE if phone else _DESKTOP,
    )
    try:
        visitor = Visitor(context, await context.new_page(), site)
        await visitor.sign_in(WHO, PASSWORD)
        yield visitor.page
    finally:
        await context.close()
    visitor.check()
