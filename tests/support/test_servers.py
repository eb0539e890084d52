"""The servers and processes that other tests rely on do what those tests take for granted."""

import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.support.eventually import eventually, wait_until
from tests.support.postgres import PostgresServer
from tests.support.processes import Programs
from tests.support.sqlite import SqliteTemplate
from tests.support.temporal import TemporalServer, connect
from tests.support.waiting import STATUS, Waiting

PENDING = TypedSearchAttributes([SearchAttributePair(STATUS, "pending")])
A_PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; print(1); time.sleep(600)'])"


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def add_table(url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mine (number integer)"))
    finally:
        engine.dispose()


def test_postgres_clones_are_migrated_and_apart(postgres_server: PostgresServer) -> None:
    """What one test writes, no other sees; and nothing is left of it."""
    with postgres_server.clone() as one, postgres_server.clone() as other:
        add_table(one)
        assert tables(one) == tables(other) | {"mine"}
        assert "alembic_version" in tables(other)
    with pytest.raises(OperationalError, match="does not exist"):
        tables(one)


def test_postgres_keeps_its_place_and_its_data_over_an_outage(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """While it is down nothing answers; started again, everything is where it was."""
    add_table(postgres_url)
    postgres_server.stop()
    with pytest.raises(OperationalError, match="refused"):
        tables(postgres_url)
    postgres_server.start()
    assert "mine" in tables(postgres_url)


def test_a_test_that_leaves_postgres_down_harms_no_other(postgres_server: PostgresServer) -> None:
    """The next clone starts it."""
    with postgres_server.clone():
        postgres_server.stop()
    with postgres_server.clone() as url:
        assert tables(url)


def test_sqlite_copies_are_migrated_and_apart(sqlite_template: SqliteTemplate, sqlite_url: str, tmp_path: Path) -> None:
    """What one test writes, no other sees."""
    add_table(sqlite_url)
    other = sqlite_template.copy(tmp_path / "other.db")
    assert tables(sqlite_url) == tables(other) | {"mine"}
    assert "alembic_version" in tables(other)


async def start_waiting(client: Client) -> WorkflowHandle[Waiting, tuple[str, int]]:
    return await client.start_workflow(
        Waiting.run, id=f"waiting-{uuid4()}", task_queue=f"waiting-{uuid4()}", search_attributes=PENDING
    )


async def task_queue_of(handle: WorkflowHandle[Waiting, tuple[str, int]]) -> str:
    return (await handle.describe()).task_queue


async def test_temporal_keeps_a_workflow_over_kill_9(durable_temporal_server: TemporalServer) -> None:
    """Killed and started again, it is at the same address, with the workflow, and the workflow goes on."""
    client = await connect(durable_temporal_server)
    handle = await start_waiting(client)
    durable_temporal_server.kill9()
    durable_temporal_server.start()
    task_queue = await task_queue_of(handle)
    async with Worker(client, task_queue=task_queue, workflows=[Waiting], max_cached_workflows=0):
        await handle.signal(Waiting.say, "hello")
        assert await handle.result() == ("hello", 0)


async def test_temporal_finds_workflows_by_our_search_attributes(temporal_client: Client) -> None:
    """They are registered, so that a workflow can start with them and be listed by them."""
    handle = await start_waiting(temporal_client)

    async def listed() -> list[str]:
        found = temporal_client.list_workflows("ApprovalStatus = 'pending'")
        return [workflow.id async for workflow in found]

    await eventually("the workflow is listed", listed, until=lambda ids: handle.id in ids)
    await handle.terminate()


async def test_a_day_passes_at_once(time_skipping_env: WorkflowEnvironment) -> None:
    """The server skips to the timer, and takes search attributes at the start and later."""
    client = time_skipping_env.client
    handle = await start_waiting(client)
    async with Worker(client, task_queue=await task_queue_of(handle), workflows=[Waiting], max_cached_workflows=0):
        assert await handle.result() == ("", 1)
    assert (await handle.describe()).typed_search_attributes[STATUS] == "expired"


def test_no_process_outlives_its_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed process's child lives on, as after a crash; the end of the test ends it, and the logs are shown."""
    with Programs(tmp_path) as programs:
        parent = programs.start("parent", [sys.executable, "-c", A_PARENT])
        wait_until("the child runs", lambda: parent.log)
        (child,) = psutil.Process(parent.pid).children()
        parent.kill9()
        assert parent.exit_code == -9
        assert child.is_running()
    with suppress(psutil.NoSuchProcess):
        assert child.status() == psutil.STATUS_ZOMBIE
    assert "parent: ended with -9\n1\n" in capsys.readouterr().out


async def test_waiting_in_vain_tells_what_was_seen() -> None:
    """The failure names the wish, the time and the last sight; other errors are not waited out."""
    with pytest.raises(AssertionError, match=r"Not within 0\.1 s: it is done\. Last seen: 'not yet'"):
        await eventually("it is done", lambda: "not yet", until=lambda seen: seen == "done", within=0.1)
    with pytest.raises(AssertionError, match="Last seen: ZeroDivisionError"):
        wait_until("it is done", lambda: 1 / 0, within=0.1, despite=(ZeroDivisionError,))
    with pytest.raises(ZeroDivisionError):
        await eventually("it is done", lambda: 1 / 0, within=0.1)
