"""The record on one database after the other: what holds on one must hold on both."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.storage.record import Record, open_record
from tests.support.postgres import PostgresServer
from tests.support.sqlite import SqliteTemplate


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A record with the keys of an agent and three reviewers.

    The tests of a module share it, which is much faster: each works on approvals of its own, and leaves the keys alone.
    """
    with ExitStack() as stack:
        if request.param == "sqlite":
            template: SqliteTemplate = request.getfixturevalue("sqlite_template")
            url = template.copy(tmp_path_factory.mktemp("record") / "assent.db")
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = stack.enter_context(server.clone())
        record = stack.enter_context(open_record(url))
        record.add_team()
        yield record


@pytest.fixture
def empty_record(database_url: str) -> Iterator[Record]:
    """A record without a row, for one test."""
    with open_record(database_url) as record:
        yield record


@pytest.fixture
def own_record(empty_record: Record) -> Record:
    """A record with the keys of an agent and three reviewers, for one test."""
    empty_record.add_team()
    return empty_record
