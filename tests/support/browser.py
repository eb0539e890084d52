"""Somebody at a browser: a real chromium, driven by Playwright, that notices whatever goes wrong in it."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    WebError,
    WebSocket,
    async_playwright,
)

CHROMIUM_VARIABLE = "ASSENT_TEST_CHROMIUM"
SCREENSHOTS_VARIABLE = "ASSENT_SCREENSHOTS"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")

_ROOT = Path(__file__).resolve().parents[2]
AXE = _ROOT / ".tools/npm/node_modules/axe-core/axe.min.js"
SCREENSHOTS = _ROOT / ".screenshots"

_MAC_APPS = tuple(
    Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Chromium", "Google Chrome", "Microsoft Edge")
)
_TO_ADD_ONE = f"Install one (Debian: apt install chromium), or set {CHROMIUM_VARIABLE} to the program's path."
# Nothing but this machine is reached, whatever a page or the browser itself asks for.
_ARGUMENTS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_DESKTOP = ViewportSize(width=1280, height=800)
_PHONE = ViewportSize(width=390, height=844)
_PATIENCE = 15_000  # milliseconds, for each wait: two tests at a time share two cores with a worker and a Temporal
_AXE_SECONDS = 30


class Visitor:
    """Somebody with a browser window and cookies of their own. `page` is Playwright's; addresses may be relative."""

    def __init__(self, context: BrowserContext, page: Page, site: str) -> None:
        """Watch `context`. Only `site`, such as `http://127.0.0.1:8000`, may be asked for anything."""
        self.context = context
        self.page = page
        self.troubles: list[str] = []
        self._foreseen: list[str] = []
        self._host = urlsplit(site).netloc
        context.on("console", self._said)
        context.on("weberror", self._threw)
        context.on("request", self._asked)
        context.on("page", self._opened)
        self._opened(page)

    def foresee(self, pattern: str) -> None:
        """Say that troubles which `pattern` is found in are part of this test. One must come, else the test fails."""
        self._foreseen.append(pattern)

    def check(self) -> None:
        """AssertionError when something went wrong that was not foreseen, or did not that was."""
        unforeseen = [each for each in self.troubles if not any(re.search(one, each) for one in self._foreseen)]
        absent = [one for one in self._foreseen if not any(re.search(one, each) for each in self.troubles)]
        assert (unforeseen, absent) == ([], []), (
            f"in the browser: {unforeseen}; foreseen, but it did not come: {absent}"
        )

    async def sign_in(self, name: str, password: str, *, path: str = "/sign-in") -> None:
        """Sign in through the page, and be where it leads. `path` may be one that leads to the sign-in page."""
        await self.page.goto(path)
        await self.page.fill("input[name=name]", name)
        await self.page.fill("input[name=password]", password)
        await self.page.press("input[name=password]", "Enter")
        await self.page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")

    async def shoot(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture of the window, or of the whole page, as `.screenshots/<name>.png`, if that is asked for."""
        if os.environ.get(SCREENSHOTS_VARIABLE):
            await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole, animations="disabled")

    def _opened(self, page: Page) -> None:
        page.on("websocket", self._connected)
        page.on("crash", lambda crashed: self.troubles.append(f"crash: {crashed.url}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text} ({message.location['url']})")

    def _threw(self, error: WebError) -> None:
        self.troubles.append(f"error: {error.error.message}")

    def _asked(self, request: Request) -> None:
        self._reached(request.url)

    def _connected(self, socket: WebSocket) -> None:
        self._reached(socket.url)

    def _reached(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self._host:
            self.troubles.append(f"elsewhere: {url}")


class Visit(Protocol):
    """Brings a visitor: by day or by night, at a desk or on a phone, with scripts or with those switched off."""

    async def __call__(self, *, dark: bool = False, phone: bool = False, scripts: bool = True) -> Visitor: ...


@asynccontextmanager
async def launched(chromium: str) -> AsyncIterator[Browser]:
    """Run a browser without a window."""
    async with async_playwright() as playwright:
        # Playwright starts it without a sandbox, which root could not have; the pages are our own.
        browser = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser, site: str, *, dark: bool = False, phone: bool = False, scripts: bool = True
) -> AsyncIterator[Visitor]:
    """Give a visitor of `site`. When they leave, AssertionError for what went wrong meanwhile: see `Visitor.check`."""
    context = await browser.new_context(
        base_url=site,
        color_scheme="dark" if dark else "light",
        has_touch=phone,
        is_mobile=phone,
        java_script_enabled=scripts,
        locale="en-GB",
        timezone_id="UTC",
        viewport=_PHONE if phone else _DESKTOP,
    )
    context.set_default_timeout(_PATIENCE)
    try:
        visitor = Visitor(context, await context.new_page(), site)
        yield visitor
    finally:
        await context.close()
    visitor.check()


async def axe_violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page as it stands, each as a sentence with the elements it means.

    It comes in through the debugger: the page's Content-Security-Policy holds, and does not keep it out. It waits on
    the page's clock, so a visitor without scripts cannot use it.
    """
    assert AXE.is_file(), "axe-core is not there: run `make setup` once."
    async with asyncio.timeout(_AXE_SECONDS):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {rule['help']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def find_chromium(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of a chromium: the one that is named, one on the PATH, or one of macOS's applications."""
    named = environment.get(CHROMIUM_VARIABLE)
    if named:
        return named
    on_path = (shutil.which(name, path=environment.get("PATH")) for name in CHROMIUM_NAMES)
    applications = (str(path) for path in _MAC_APPS if sys.platform == "darwin" and path.is_file())
    return next((found for found in (*on_path, *applications) if found), None)


def chromium_or_leave(environment: Mapping[str, str] = os.environ) -> str:
    """Return the path of a chromium. Without one, skip the test that asks; with CI set, fail it."""
    found = find_chromium(environment)
    if found is not None:
        return found
    if environment.get("CI"):
        pytest.fail(f"No chromium is here, and in CI no test is left out. {_TO_ADD_ONE}", pytrace=False)
    pytest.skip(f"Browser tests were left out: no chromium is here. {_TO_ADD_ONE}")
