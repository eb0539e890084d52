"""Assent as one piece, opened once for the tests of a module: one that needs its own team makes its own keys."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import pytest_asyncio
import structlog

from tests.api.workers import production_worker
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, make_settings, open_stack
from tests.support.temporal import TemporalServer, connect


@contextmanager
def _plain_tracebacks() -> Iterator[None]:
    """Log what is unforeseen as production does: the default spends half a minute on drawing one traceback."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@asynccontextmanager
async def _opened(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("api")
    settings = make_settings(folder, sqlite_template.copy(folder / "assent.db"), f"assent-{uuid.uuid4()}")
    with pytest.MonkeyPatch.context() as patch, _plain_tracebacks():
        patch.setenv("ASSENT_DATA_DIR", str(folder))
        async with open_stack(settings, await connect(temporal_server)) as stack:
            yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent with a worker, shared by the tests of a module."""
    async with _opened(temporal_server, sqlite_template, tmp_path_factory) as stack, production_worker(stack):
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unattended(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent without a worker, shared by the tests of a module. A test may run one for a while."""
    async with _opened(temporal_server, sqlite_template, tmp_path_factory) as stack:
        yield stack
