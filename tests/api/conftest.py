"""Assent as one piece, opened once for the tests of a module: one that needs its own team makes its own keys."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.workers import production_worker
from tests.support.module_stack import open_module_stack
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack
from tests.support.temporal import TemporalServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent with a worker, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("api")
    async with open_module_stack(temporal_server, sqlite_template, folder) as stack, production_worker(stack):
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unattended(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent without a worker, shared by the tests of a module. A test may run one for a while."""
    async with open_module_stack(temporal_server, sqlite_template, tmp_path_factory.mktemp("api")) as stack:
        yield stack
