"""The servers and databases that tests run on. Each is started when the first test of a run asks for it."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.support.postgres import PostgresServer
from tests.support.processes import Programs
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, make_settings, open_stack
from tests.support.temporal import TemporalServer, connect, time_skipping_environment


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL of this run. A test may stop it; it is running again when the next one gets its clone."""
    server = PostgresServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated, empty PostgreSQL database for one test."""
    with postgres_server.clone() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """The migrated SQLite file of this run."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def sqlite_url(sqlite_template: SqliteTemplate, tmp_path: Path) -> str:
    """A migrated, empty SQLite database for one test."""
    return sqlite_template.copy(tmp_path / "assent.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """One migrated, empty database after the other: what holds on one must hold on both."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """The Temporal of this run, in memory and shared: choose task queues and ids at random, and never stop it."""
    server = TemporalServer(tmp_path_factory.mktemp("temporal"), in_memory=True)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def durable_temporal_server(tmp_path: Path) -> Iterator[TemporalServer]:
    """A Temporal for one test, with its state in a file: it may be stopped, killed and started again."""
    server = TemporalServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
async def temporal_client(temporal_server: TemporalServer) -> Client:
    """A client of this run's Temporal, on the event loop of the test."""
    return await connect(temporal_server)


@pytest.fixture
async def time_skipping_env() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal for one test in which a day passes at once."""
    async with time_skipping_environment() as environment:
        yield environment


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts processes for one test."""
    folder = tmp_path / "programs"
    folder.mkdir()
    with Programs(folder) as programs:
        yield programs


@pytest.fixture
async def stack(
    temporal_client: Client, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    """Assent's API on SQLite and this run's Temporal, on a task queue of its own, without a worker."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}")
    async with open_stack(settings, temporal_client) as opened:
        yield opened


@pytest.fixture
async def running(stack: Stack) -> AsyncIterator[Stack]:
    """The same, with a worker."""
    async with stack.worker():
        yield stack
