"""A browser for the tests of a module, and visitors for each of them.

One scheme, as in tests/api: whatever is asynchronous lives on the event loop of the module, so each module here says
`pytestmark = pytest.mark.asyncio(loop_scope="module")`. It shares one browser, which starts in about a second, and one
Assent (`served`); each test has visitors of its own, with new cookies:

    async def test_two_people_see_it(visit: Visit) -> None:
        ada, bob = await visit(), await visit(dark=True, phone=True)

What goes wrong in a visitor's browser (an error on the console, a script that throws, a request to another host) fails
the test, unless `visitor.foresee` announced it. ASSENT_SCREENSHOTS=1 keeps what `visitor.shoot` sees in .screenshots/.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.api.workers import production_worker
from tests.support.browser import Visit, Visitor, chromium_or_leave, launched, visiting
from tests.support.module_stack import open_module_stack
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, keep_beating
from tests.support.team import add_team
from tests.support.temporal import TemporalServer


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Leave a test out before anything is started for it. Said in one place, it is one line of pytest's summary."""
    chromium_or_leave()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The browser of a module's tests."""
    async with launched(chromium_or_leave()) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent with a worker and people who can sign in, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("browser")
    async with (
        open_module_stack(temporal_server, sqlite_template, folder) as stack,
        production_worker(stack),
        keep_beating(stack),
    ):
        await asyncio.to_thread(add_team, stack)
        yield stack


@pytest.fixture(scope="module")
def site(served: Stack) -> str:
    """The address that visitors visit. A module may have another."""
    return str(served.http.base_url).rstrip("/")


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser, site: str) -> AsyncIterator[Visit]:
    """Brings visitors, as many as a test asks for."""
    async with AsyncExitStack() as leaving:

        async def visit(*, dark: bool = False, phone: bool = False, scripts: bool = True) -> Visitor:
            return await leaving.enter_async_context(visiting(browser, site, dark=dark, phone=phone, scripts=scripts))

        yield visit


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(visit: Visit) -> Visitor:
    """One visitor at a desk, by day."""
    return await visit()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """That visitor's page."""
    return visitor.page
