"""Assent for all tests of a module, which share one event loop."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import structlog

from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, make_settings, open_stack
from tests.support.temporal import TemporalServer, connect


@asynccontextmanager
async def open_module_stack(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, folder: Path
) -> AsyncIterator[Stack]:
    """Serve Assent on SQLite in `folder` and a task queue of its own, without a worker."""
    settings = make_settings(folder, sqlite_template.copy(folder / "assent.db"), f"assent-{uuid.uuid4()}")
    with pytest.MonkeyPatch.context() as patch, _plain_tracebacks():
        patch.setenv("ASSENT_DATA_DIR", str(folder))
        async with open_stack(settings, await connect(temporal_server)) as stack:
            yield stack


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
