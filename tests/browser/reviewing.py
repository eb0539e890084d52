"""What reviewers do at the screen, for the tests of this folder."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from tests.support.browser import Visit, Visitor
from tests.support.stack import Stack
from tests.support.team import PASSWORD, REVIEWER

SETTLED = 700
"""Milliseconds after which a page takes decisions: 600 are the guard's own."""


_cookies: dict[tuple[str, str], Any] = {}


async def reviewer(visit: Visit, name: str = REVIEWER, **window: bool) -> Visitor:
    """Bring somebody who is signed in, at the queue. Once is enough: too many sign-ins are refused."""
    visitor = await visit(**window)
    await visitor.page.goto("/")
    key = (urlsplit(visitor.page.url).netloc, name)
    if key in _cookies:
        await visitor.context.add_cookies(_cookies[key])
        await visitor.page.goto("/")
    else:
        await visitor.sign_in(name, PASSWORD)
        _cookies[key] = await visitor.context.cookies()
    return visitor


async def open_approval(page: Page, approval: Mapping[str, Any]) -> None:
    """Open an approval's page, and wait until it takes decisions."""
    await page.goto(f"/approvals/{approval['id']}")
    await page.wait_for_timeout(SETTLED)


async def approve(page: Page, *, typed: str | None = None) -> None:
    """Approve on the page that is open: the first press, the step, and its button."""
    await page.click("#bar [data-approve]")
    if typed is not None:
        await page.fill("[data-word]", typed)
    # Playwright waits until the button can be pressed; the guard's own time may be a little longer.
    await page.wait_for_timeout(SETTLED)
    await page.click("#bar [data-confirm]:enabled")


async def reject(page: Page, comment: str) -> None:
    """Reject on the page that is open."""
    await page.click("#bar [data-reject]")
    await page.fill("#bar [data-comment]", comment)
    await page.wait_for_timeout(SETTLED)
    await page.click("#bar [data-confirm]:enabled")


async def said(page: Page, words: str) -> None:
    """Wait until the decision bar says this."""
    await expect(page.locator("#bar .said")).to_contain_text(re.compile(words), timeout=15_000)


async def status(stack: Stack, approval: Mapping[str, Any]) -> str:
    """Return what the record says of an approval."""
    answer = await stack.get(f"/v1/approvals/{approval['id']}")
    found: str = answer.json()["status"]
    return found


def row(approval: Mapping[str, Any]) -> str:
    """Return the selector of an approval's row in the queue."""
    return f"[data-row='{approval['id']}']"
