"""Assent with its dashboard for the tests of a module, and people who are signed in there.

One scheme, as in tests/api: each module here that serves says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest
import pytest_asyncio

from assent.models import Role
from tests.api.workers import production_worker
from tests.dashboard.visitors import FIREFOX, Enter, add_quickly, visitor_of
from tests.support.module_stack import open_module_stack
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, beating
from tests.support.team import ADMIN, AUDITOR, REVIEWER, SECOND_REVIEWER
from tests.support.temporal import TemporalServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent with a worker and a team of people (who have no passwords), shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("dashboard")
    async with (
        open_module_stack(temporal_server, sqlite_template, folder) as stack,
        production_worker(stack),
        beating(stack),
    ):
        for name, role in (
            (REVIEWER, Role.REVIEWER),
            (SECOND_REVIEWER, Role.REVIEWER),
            (ADMIN, Role.ADMIN),
            (AUDITOR, Role.AUDITOR),
        ):
            add_quickly(stack, name, role)
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def enter(served: Stack) -> AsyncIterator[Enter]:
    """Signs people in, each time in a new session: `grace = await enter("grace")` is a client with her cookie."""
    async with AsyncExitStack() as leaving:

        async def enter(name: str, *, browser: str = FIREFOX) -> httpx2.AsyncClient:
            return await leaving.enter_async_context(visitor_of(served, name, browser))

        yield enter
