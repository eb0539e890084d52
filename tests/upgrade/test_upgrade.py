"""From the previous release to this one and back, with approvals open: as docs/upgrade.md says it is done.

Both are real processes on one database and one Temporal; the previous release's code comes from an archive.
"""

import asyncio
import json
import subprocess
import sys
import uuid
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update
from temporalio.api.enums.v1 import RoutingConfigUpdateState
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest

from services.wiring import system_clock
from storage import migrate
from storage.tables import approvals
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.processes import ROOT, Programs, environment
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.site import open_site
from tests.support.temporal import NAMESPACE, TemporalServer, connect, find_program
from tests.upgrade.previous import CURRENT, Release, unpack
from tests.upgrade.released_site import ReleasedSite, released

pytestmark = pytest.mark.timeout(180)

SLOW_SECONDS = 3.0
SOON = timedelta(seconds=2)


@dataclass(frozen=True)
class Rollout:
    """The previous release and this one, of which nothing runs yet."""

    old: ReleasedSite
    new: ReleasedSite


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The previous release, unpacked."""
    return unpack(tmp_path_factory.mktemp("previous"))


@pytest.fixture
def unmigrated_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database without tables."""
    with postgres_server.empty() as url:
        yield url


@pytest.fixture
async def open_rollout(
    temporal_server: TemporalServer,
    programs: Programs,
    previous: Release,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[str], Coroutine[Any, Any, Rollout]]]:
    """Puts both releases around one database."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with AsyncExitStack() as stack:

        async def around(database_url: str) -> Rollout:
            site = await stack.enter_async_context(open_site(temporal_server, programs, database_url, tmp_path))
            # One file for both, as there is one in production: the new release reads what the old one does.
            site.settings |= {"ASSENT_TASK_QUEUE": f"upgrade-{uuid.uuid4()}", "ASSENT_CONFIG": str(previous.config)}
            old = await stack.enter_async_context(released(site, previous))
            return Rollout(old, await stack.enter_async_context(released(site, CURRENT)))

        yield around


def test_the_old_programs_are_the_old_ones(previous: Release) -> None:
    """What runs as the previous release imports nothing of this one, although this one is installed."""
    ask = "import json, sys, worker, cli, api.app, dashboard.app, tests.support.runs\n"
    ask += "print(json.dumps({name: getattr(each, '__file__', None) for name, each in sys.modules.items()}))"
    asked = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", ask],
        cwd=previous.folder,
        env=environment(previous.search_path),
        capture_output=True,
        text=True,
        check=True,
    )
    ours = {file.stem for file in ROOT.iterdir() if file.suffix == ".py" or (file / "__init__.py").exists()} | {
        "assent"
    }
    loaded = {name: file for name, file in json.loads(asked.stdout).items() if name.split(".")[0] in ours and file}
    assert {"worker", "cli", "assent.models", "storage.tables", "tests.support.runs"} <= loaded.keys()
    assert [name for name, file in loaded.items() if not Path(file).is_relative_to(previous.folder)] == []


async def test_an_upgrade_and_back_with_approvals_open(
    open_rollout: Callable[[str], Coroutine[Any, Any, Rollout]], unmigrated_url: str
) -> None:
    """Whatever is open goes on under the new release, and under the old one after a rollback: tables stay upgraded."""
    rollout = await open_rollout(unmigrated_url)
    old, new = rollout.old, rollout.new
    old.migrate()
    _, old_worker = await asyncio.gather(old.start_api(), old.start_worker())
    await old.make_keys()
    left_by_old = await _leave_open(old)

    await asyncio.to_thread(migrate.upgrade, unmigrated_url)
    assert (await _through(old))["status"] == "executed"
    assert old_worker.stop() == 0
    left_by_old["late"] = await _submitted_without_workers(old)
    await _bring_deadline_near(old, left_by_old["brief"])
    new_worker = await new.start_worker()
    assert (await _through(old))["status"] == "executed"
    await new.start_api()
    await _end_all(new, left_by_old)
    found = await new.http.get("/v1/approvals", headers=new.bearer("ada"), params={"q": left_by_old["pending"]["id"]})
    assert [each["id"] for each in found.json()["items"]] == [left_by_old["pending"]["id"]]

    left_by_new = await _leave_open(new)
    old_worker = await old.start_worker()
    # Both take tasks for a while, whoever's approvals they are, as they do while one after the other is replaced. The
    # page stops the new APIs first; here they stay to the end, as when workers have to go back in a hurry.
    mixed = await asyncio.gather(*(_through(side) for side in (old, new) for _ in range(4)))
    assert {each["status"] for each in mixed} == {"executed"}
    assert new_worker.stop() == 0
    left_by_new["late"] = await new.assessed("note.low")
    await _bring_deadline_near(new, left_by_new["brief"])
    new.stop_api()
    await _end_all(old, left_by_new)

    assert check_promises(new.database) == {"executed": 2 * 5 + 2 + 8, "expired": 2}


async def test_open_approvals_follow_the_current_version(
    open_rollout: Callable[[str], Coroutine[Any, Any, Rollout]], sqlite_url: str
) -> None:
    """With Worker Versioning, what is open goes to the build that is made current, and back with it."""
    rollout = await open_rollout(sqlite_url)
    old, new = rollout.old, rollout.new
    await asyncio.gather(new.start_api(), old.start_worker(build="1"))
    await new.make_keys()
    await _make_current(new, "1")
    stays, moves, returns = [await new.assessed("note.medium") for _ in range(3)]
    await new.start_worker(build="2")
    assert await _decided_by_build(new, stays) == "1"
    await _make_current(new, "2")
    assert await _decided_by_build(new, moves) == "2"
    await _make_current(new, "1")
    assert await _decided_by_build(new, returns) == "1"
    assert check_promises(new.database) == {"executed": 3}


async def _make_current(site: ReleasedSite, build: str) -> None:
    """Route the deployment's approvals to `build`, by Temporal's own command; it refuses until that build polls."""
    where = ("--address", site.temporal.address, "--namespace", NAMESPACE)
    which = ("--deployment-name", site.deployment, "--build-id", build)
    command = [find_program("temporal"), "worker", "deployment", "set-current-version", *where, *which, "--yes"]

    async def made() -> bool:
        asked = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL, env=environment({}))
        return await asked.wait() == 0

    await eventually(f"build {build} is current", made, within=30)
    service = (await connect(site.temporal)).workflow_service
    asked = DescribeWorkerDeploymentRequest(namespace=NAMESPACE, deployment_name=site.deployment)

    async def routed() -> int:
        return (await service.describe_worker_deployment(asked)).worker_deployment_info.routing_config_update_state

    completed = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_COMPLETED
    await eventually("every task queue knows it", routed, until=completed.__eq__, within=30)


async def _decided_by_build(site: ReleasedSite, approval: dict[str, Any]) -> str:
    """Approve, wait for the end, and return the build that did the workflow's last task."""
    assert (await site.decide(approval)).is_success
    assert (await site.ended(approval))["status"] == "executed"
    handle = (await connect(site.temporal)).get_workflow_handle(approval["temporal"]["workflow_id"])
    await handle.result()
    events = (await handle.fetch_history()).events
    tasks = [each for each in events if each.HasField("workflow_task_completed_event_attributes")]
    return tasks[-1].workflow_task_completed_event_attributes.deployment_version.build_id


async def _leave_open(site: ReleasedSite) -> dict[str, dict[str, Any]]:
    """Leave approvals in every state that is not an end."""
    left = {
        "pending": await site.assessed("note.high"),
        "half": await site.assessed("note.quorum"),
        "held": await site.assessed("note.medium"),
        "running": await site.assessed("note.slow", seconds=SLOW_SECONDS),
        "brief": await site.assessed("note.brief"),
    }
    assert (await site.decide(left["half"], by="ada")).is_success
    pause = {"operation_type": "note.medium", "reason": "an upgrade"}
    assert (await site.http.post("/v1/pause", headers=site.bearer("admin"), json=pause)).is_success
    for name in ("held", "running"):
        assert (await site.decide(left[name])).is_success
    await eventually("it runs", lambda: starts(left["running"]["id"]))
    return left


async def _end_all(site: ReleasedSite, left: dict[str, dict[str, Any]]) -> None:
    """Decide what waits for a decision, release what is held, and see that each ends as it should."""
    late = await eventually(
        "it is assessed", partial(_read, site, left["late"]["id"]), until=lambda seen: seen.get("risk")
    )
    assert (await _read(site, left["held"]["id"]))["status"] == "approved"
    resumed = await site.http.post("/v1/resume", headers=site.bearer("admin"), json={"operation_type": "note.medium"})
    assert resumed.is_success
    for approval, by in ((left["pending"], "ada"), (left["half"], "bob"), (late, "ada")):
        decided = await site.decide(approval, by=by)
        assert decided.is_success, decided.text
    ended = {name: await site.ended(approval) for name, approval in left.items()}
    assert {name: each["status"] for name, each in ended.items()} == {
        name: "expired" if name == "brief" else "executed" for name in left
    }
    assert ended["half"]["decided_by"] == ["reviewer:ada", "reviewer:bob"]
    assert ended["brief"]["decided_by"] == ["system:timeout"]


async def _submitted_without_workers(site: ReleasedSite) -> dict[str, Any]:
    answer = await site.submit("note.low")
    assert answer.status_code == httpx2.codes.ACCEPTED
    submitted: dict[str, Any] = answer.json()
    return submitted


async def _through(site: ReleasedSite) -> dict[str, Any]:
    """Bring one approval from its submission to its end."""
    approval = await site.assessed("note.low")
    assert (await site.decide(approval)).status_code == httpx2.codes.OK
    return await site.ended(approval)


async def _bring_deadline_near(site: ReleasedSite, approval: dict[str, Any]) -> None:
    """Shorten the minute that is the least one may be given; a message makes the workflow look at its row again."""
    with site.database.write() as connection:
        row = approvals.c.id == approval["id"]
        connection.execute(update(approvals).where(row).values(expires_at=system_clock() + SOON))
    client = await connect(site.temporal)
    await client.get_workflow_handle(approval["temporal"]["workflow_id"]).signal("decide", "nothing that counts")


async def _read(site: ReleasedSite, approval_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await site.read(approval_id)).json()
    return found
