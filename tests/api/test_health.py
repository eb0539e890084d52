"""/healthz and /readyz: whether this process lives, and whether an approval would get anywhere."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from domain.clock import Clock
from services.readiness import WORKER_SEEN_WITHIN, Check, ReadinessChecks
from services.temporal import ApprovalWorkflows
from services.wiring import system_clock
from storage.database import Database
from storage.pauses import PauseStore
from storage.tables import workers as workers_table
from storage.workers import WorkerStore
from tests.support.stack import Stack, beating

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = ("database", "temporal", "worker", "clocks")
OFF = timedelta(seconds=5)


def off(by: timedelta) -> Clock:
    """Return a clock that is wrong by this much."""
    return lambda: system_clock() + by


async def checked(stack: Stack, *, clock: Clock = system_clock, database: Database | None = None) -> dict[str, Check]:
    """Return what the checks say to a process with this clock and this database."""
    database = database or stack.database
    workflows = ApprovalWorkflows(stack.temporal, stack.signing_keys, stack.settings.task_queue)
    checks = ReadinessChecks(
        database=database,
        workers=WorkerStore(database),
        pauses=PauseStore(database),
        workflows=workflows,
        clock=clock,
        task_queue=stack.settings.task_queue,
    )
    readiness = await checks.check()
    assert readiness.ready == all(check.ok for check in readiness.checks)
    return {check.name: check for check in readiness.checks}


async def ready(stack: Stack) -> tuple[int, dict[str, Any]]:
    """Ask whether it is ready, as anybody may."""
    answer = await stack.http.get("/readyz")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told.keys() == {"ready", "checks", "pauses"}
    checks = {check["name"]: check for check in told["checks"]}
    return answer.status_code, checks | {"ready": told["ready"], "pauses": told["pauses"]}


async def test_it_lives_whoever_asks(unattended: Stack) -> None:
    """200 without a key."""
    answer = await unattended.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (httpx2.codes.OK, {"status": "ok"})


async def test_without_a_worker_it_is_not_ready(unattended: Stack) -> None:
    """503 that says which task queue nobody polls, and that the rest is well."""
    status, told = await ready(unattended)
    assert (status, told["ready"]) == (httpx2.codes.SERVICE_UNAVAILABLE, False)
    assert {name: told[name]["ok"] for name in CHECKS} == {
        "database": True,
        "temporal": True,
        "worker": False,
        "clocks": True,
    }
    assert unattended.settings.task_queue in told["worker"]["detail"]
    assert "worker.py" in told["worker"]["detail"]


async def test_with_a_worker_that_beats_it_is_ready(unattended: Stack) -> None:
    """200, every check with its sentence; a worker of another task queue does not count, nor one long silent."""
    workers = WorkerStore(unattended.database)
    workers.beat("elsewhere", "another-queue", now=system_clock())
    assert (await ready(unattended))[0] == httpx2.codes.SERVICE_UNAVAILABLE
    async with beating(unattended):
        status, told = await ready(unattended)
    assert (status, told["ready"]) == (httpx2.codes.OK, True)
    for name in CHECKS:
        assert told[name].keys() == {"name", "ok", "detail"}
        assert (told[name]["ok"], bool(told[name]["detail"])) == (True, True)
    with unattended.database.write() as connection:
        silent = {"seen_at": system_clock() - WORKER_SEEN_WITHIN - timedelta(seconds=1)}
        connection.execute(update(workers_table).where(workers_table.c.identity == "test").values(silent))
    assert (await ready(unattended))[0] == httpx2.codes.SERVICE_UNAVAILABLE


async def test_a_pause_is_told_and_does_not_make_it_unready(unattended: Stack) -> None:
    """Who paused what, since when and why, while it is in force: one resumes from a page that is still served."""
    admin = unattended.bearer("admin")
    wanted = {"operation_type": "note.low", "reason": "The provider is down."}
    paused = await unattended.http.post("/v1/pause", headers=admin, json=wanted)
    assert paused.status_code == httpx2.codes.CREATED, paused.text
    async with beating(unattended):
        status, told = await ready(unattended)
        assert (status, told["ready"], told["pauses"]) == (httpx2.codes.OK, True, [paused.json()])
        await unattended.http.post("/v1/resume", headers=admin, json={"operation_type": "note.low"})
        assert (await ready(unattended))[1]["pauses"] == []
    WorkerStore(unattended.database).leave("test")


@pytest.mark.parametrize("by", [OFF, -OFF])
async def test_a_clock_that_is_off_is_told(unattended: Stack, by: timedelta) -> None:
    """Five seconds ahead or behind is not ready, and names what it differs from: deadlines are compared by clocks."""
    async with beating(unattended):
        assert (await checked(unattended))["clocks"].ok
        told = (await checked(unattended, clock=off(by)))["clocks"]
    assert not told.ok
    assert "database by " in told.detail
    assert "Temporal by " in told.detail
    WorkerStore(unattended.database).leave("test")


@pytest.mark.parametrize("by", [timedelta(seconds=1.5), timedelta(seconds=-1.5)])
async def test_clocks_may_differ_by_two_seconds(unattended: Stack, by: timedelta) -> None:
    """Less than that is in order."""
    assert (await checked(unattended, clock=off(by)))["clocks"].ok


@pytest.mark.parametrize("by", [OFF, -OFF])
async def test_a_workers_clock_that_is_off_is_told(unattended: Stack, by: timedelta) -> None:
    """A worker stamps starts and records: its clock counts as well, and the worker is named."""
    workers = WorkerStore(unattended.database)
    workers.beat("wrong-worker", unattended.settings.task_queue, now=off(by)())
    _, told = await ready(unattended)
    workers.leave("wrong-worker")
    assert (told["worker"]["ok"], told["clocks"]["ok"]) == (True, False)
    assert "wrong-worker" in told["clocks"]["detail"]


async def test_a_database_that_is_away_is_told(unattended: Stack, tmp_path: Path) -> None:
    """Not ready, with the setting to look at; what depends on it does not claim to know."""
    away = Database(f"sqlite:///{tmp_path}/missing/assent.db")
    try:
        told = await checked(unattended, database=away)
    finally:
        away.close()
    assert {name: check.ok for name, check in told.items()} == {
        "database": False,
        "temporal": True,
        "worker": False,
        "clocks": False,
    }
    assert "ASSENT_DATABASE_URL" in told["database"].detail
