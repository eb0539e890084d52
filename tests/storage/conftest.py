"""The record on one database after the other: what holds on one must hold on both."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.storage.record import Record, open_record
from tests.support.postgres import PostgresServer
from tests.support.sqlite import SqliteTemplate


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def reused_record(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """One record for the whole run: a database and its connections cost more than most of the tests."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            template: SqliteTemplate = request.getfixturevalue("sqlite_template")
            url = template.copy(tmp_path_factory.mktemp("record") / "assent.db")
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = stack.enter_context(server.clone())
        yield stack.enter_context(open_record(url))


@pytest.fixture
def empty_record(reused_record: Record) -> Record:
    """A record without a row."""
    reused_record.clear()
    return reused_record


@pytest.fixture
def record(empty_record: Record) -> Record:
    """A record with the keys of an agent and three reviewers, and nothing else."""
    empty_record.add_team()
    return empty_record
