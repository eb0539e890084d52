"""One story for all tests of what processes tell of themselves: to live through it takes a while."""

import asyncio

import pytest

from tests.support.otlp import open_collector
from tests.support.sqlite import SqliteTemplate
from tests.support.temporal import TemporalServer
from tests.telemetry.story import Watched, watch_story


@pytest.fixture(scope="session")
def watched(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Watched:
    """What an API and a worker told of themselves while all sorts of things happened."""
    folder = tmp_path_factory.mktemp("watched")
    with open_collector() as collector:
        return asyncio.run(watch_story(temporal_server, sqlite_template.copy(folder / "assent.db"), folder, collector))
