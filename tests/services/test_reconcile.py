"""The record held against Temporal: what was terminated or lost there is closed here, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import literal_column, select, update
from structlog.testing import capture_logs
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from assent.models import ApprovalStatus
from domain.approval import ExecutionOutcome, workflow_id_of
from domain.errors import StorageUnavailableError, TemporalUnavailableError
from domain.messages import Execute
from services.open_workflows import OpenWorkflows
from services.reconcile import Pace, Reconcile
from services.wiring import system_clock
from storage.database import Database
from storage.tables import approvals
from storage.workers import WorkerStore
from tests.api.workers import production_worker
from tests.support.desk import open_desk
from tests.support.eventually import eventually
from tests.support.module_stack import open_module_stack
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, open_stack
from tests.support.temporal import TemporalServer, connect, time_skipping_environment

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

AT_ONCE = Pace(every=timedelta(milliseconds=50), settled=timedelta(0), doubt=timedelta(milliseconds=50))

Approval = dict[str, Any]


@workflow.defn
class Late:
    """Asks for an execution and for nothing else."""

    @workflow.run
    async def run(self, approval_id: str, task_queue: str) -> ExecutionOutcome:
        """Return how it ended."""
        outcome: ExecutionOutcome = await workflow.execute_activity(
            "execute",
            Execute(approval_id=approval_id),
            task_queue=task_queue,
            result_type=ExecutionOutcome,
            start_to_close_timeout=timedelta(seconds=20),
        )
        return outcome


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent with a worker, shared by the tests of the module; what is swept is this record alone."""
    folder = tmp_path_factory.mktemp("reconcile")
    async with open_module_stack(temporal_server, sqlite_template, folder) as stack, production_worker(stack):
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unattended(
    temporal_server: TemporalServer, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent without a worker."""
    async with open_module_stack(temporal_server, sqlite_template, tmp_path_factory.mktemp("unattended")) as stack:
        yield stack


def reconcile_of(stack: Stack) -> Reconcile:
    return Reconcile(stack.database, OpenWorkflows(stack.temporal, stack.settings.task_queue), system_clock, AT_ONCE)


async def closed(stack: Stack, approval: Approval) -> Approval:
    """Sweep until the approval has ended, and return it: Temporal's list lags a little."""
    reconcile = reconcile_of(stack)

    async def look() -> Approval:
        await reconcile.sweep()
        return await read(stack, approval)

    return await eventually("it is closed", look, until=lambda found: found["status"] not in ("pending", "approved"))


async def read(stack: Stack, approval: Approval) -> Approval:
    found: Approval = (await stack.get(f"/v1/approvals/{approval['id']}")).json()
    return found


async def last_event(stack: Stack, approval: Approval) -> dict[str, Any]:
    events = (await stack.get(f"/v1/approvals/{approval['id']}/events")).json()["items"]
    found: dict[str, Any] = events[-1]
    return found


async def operate(server: TemporalServer, verb: str, approval: Approval, *words: str) -> None:
    """Do what an operator may do to an approval's workflow: terminate, delete, or reset it."""
    workflow = ("workflow", verb, "--workflow-id", workflow_id_of(approval["id"]))
    await asyncio.to_thread(server.command, *workflow, *words)


async def reset(stack: Stack, server: TemporalServer, approval: Approval) -> None:
    """Let the workflow begin again, and sweep while it does."""
    await operate(server, "reset", approval, "--type", "FirstWorkflowTask", "--reason", "a test")
    for _ in range(3):
        await reconcile_of(stack).sweep()


async def test_a_terminated_pending_one_is_cancelled(served: Stack, temporal_server: TemporalServer) -> None:
    """The log says who and why; whoever decides or cancels it afterwards is told who ended it."""
    approval, waiting = await served.pending(), await served.pending()
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    ended = await closed(served, approval)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:reconcile"])
    event = await last_event(served, approval)
    assert (event["action"], event["actor"]) == ("approval.cancelled", "system:reconcile")
    assert event["details"]["workflow"] == "terminated"
    late = await served.decide(approval)
    assert (late.status_code, late.json()["decided_by"]) == (httpx2.codes.CONFLICT, ["system:reconcile"])
    assert "It is cancelled, by system:reconcile." in late.json()["detail"]
    assert (await read(served, waiting))["status"] == "pending"
    assert (await served.decide(waiting)).status_code == httpx2.codes.OK
    assert (await served.ended(waiting))["status"] == "executed"
    check_promises(served.database, all_ended=False)


async def test_a_terminated_approved_one_that_was_held_never_runs(
    served: Stack, temporal_server: TemporalServer
) -> None:
    """Not after the pause either, and not when an execution that Temporal still hands out comes late."""
    admin = served.bearer("admin")
    scope = {"operation_type": "note.medium"}
    approval = await served.pending("note.medium")
    await served.http.post("/v1/pause", headers=admin, json=scope | {"reason": "a test"})
    assert (await served.decide(approval)).json()["status"] == "approved"
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    ended = await closed(served, approval)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:reconcile"])
    assert ended["execution"] is None
    await served.http.post("/v1/resume", headers=admin, json=scope)
    late = await _execution_comes_late(served, approval)
    assert late.refused == "The approval is cancelled, not approved."
    assert starts(approval["id"]) == 0
    check_promises(served.database, all_ended=False)


async def test_one_terminated_while_it_runs_has_failed_and_nobody_knows_how_far(
    served: Stack, temporal_server: TemporalServer
) -> None:
    """It runs no second time, what the run still reports changes nothing, and an admin settles it as any other."""
    approval = await served.pending("note.slow", parameters={"seconds": 1})
    await served.decide(approval)
    await eventually("it runs", lambda: starts(approval["id"]))
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    ended = await closed(served, approval)
    assert (ended["status"], ended["decided_by"]) == ("failed", ["reviewer:ada"])
    assert ended["execution"]["outcome_unknown"] is True
    assert ended["execution"]["error"].startswith("Its workflow was terminated in Temporal. It had started")
    assert (await last_event(served, approval))["actor"] == "system:reconcile"
    await asyncio.sleep(1)
    assert await read(served, approval) == ended
    found = {"outcome": "executed", "note": "The target system shows it."}
    settled = await served.http.post(
        f"/v1/approvals/{approval['id']}/settle", headers=served.bearer("admin"), json=found
    )
    assert settled.json()["execution"]["settlement"]["outcome"] == "executed"
    assert starts(approval["id"]) == 1
    check_promises(served.database, all_ended=False)


async def test_one_whose_workflow_was_deleted_is_lost(served: Stack, temporal_server: TemporalServer) -> None:
    """It is closed as well."""
    approval = await served.pending()
    await operate(temporal_server, "delete", approval)
    ended = await closed(served, approval)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:reconcile"])
    # Deleting terminates it first, and a sweep may see either.
    assert (await last_event(served, approval))["details"]["workflow"] in {"lost", "terminated"}


async def test_many_lost_at_once_are_told_with_the_namespace(
    served: Stack, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """A worker that was led to another Temporal closes what it doesn't find: whoever reads the log can stop it."""
    url = sqlite_template.copy(tmp_path / "assent.db")
    async with (
        time_skipping_environment() as other,
        open_desk(served.temporal, url) as desk,
        desk.worker(sandbox=False, max_cached_workflows=100),
    ):
        requests = [desk.request() for _ in range(20)]
        for request in requests:
            await desk.start(request)
        await eventually("they are assessed", lambda: all(map(desk.approval, requests)), within=30)
        with capture_logs() as logs:
            await Reconcile(desk.database, OpenWorkflows(other.client, desk.task_queue), system_clock, AT_ONCE).sweep()
        (told,) = [line for line in logs if line["event"] == "reconcile.many_lost"]
        assert (told["log_level"], told["lost"], told["namespace"]) == ("error", 20, "default")
        assert "stop the workers and set TEMPORAL_NAMESPACE" in told["error"]
        assert check_promises(desk.database) == {"cancelled": 20}


async def test_a_row_that_cannot_be_read_keeps_no_other_open(
    served: Stack, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Somebody has changed it in the database: that is logged, and the rest is closed."""
    url = sqlite_template.copy(tmp_path / "assent.db")
    async with open_desk(served.temporal, url) as desk:
        requests = [desk.request() for _ in range(3)]
        async with desk.worker(sandbox=False, max_cached_workflows=100):
            handles = [await desk.start(request) for request in requests]
            await eventually("they are assessed", lambda: all(map(desk.approval, requests)), within=30)
        for handle in handles:
            await handle.terminate()
        broken = min(request.approval_id for request in requests)
        plan = update(approvals).where(approvals.c.id == broken).values(plan=literal_column("'{'"))
        with desk.database.write() as connection:
            connection.execute(plan)
        reconcile = Reconcile(desk.database, OpenWorkflows(desk.client, desk.task_queue), system_clock, AT_ONCE)
        statuses = select(approvals.c.status).order_by(approvals.c.id)

        async def look() -> list[str]:
            await reconcile.sweep()
            with desk.database.read() as connection:
                return [*connection.execute(statuses).scalars()]

        with capture_logs() as logs:
            await eventually("the others are closed", look, until=["pending", "cancelled", "cancelled"].__eq__)
        assert broken in {line["approval_id"] for line in logs if line["event"] == "approval.not_closed"}


async def test_a_workflow_of_another_kind_is_not_the_approval_s(served: Stack, temporal_server: TemporalServer) -> None:
    """Whoever reaches Temporal can start one under the id of one that is gone; it keeps nothing open."""
    approval = await served.pending()
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    other = await served.temporal.start_workflow("Another", id=workflow_id_of(approval["id"]), task_queue="nobody")
    assert (await closed(served, approval))["status"] == "cancelled"
    assert (await last_event(served, approval))["details"]["workflow"] == "lost"
    await other.terminate()


async def test_a_reset_changes_nothing(served: Stack, temporal_server: TemporalServer) -> None:
    """One that waits goes on to its proper end, one that ran stays as it ended, and both have run once."""
    waiting, ran = await served.pending(), await served.pending()
    await served.decide(ran)
    ended = await served.ended(ran)
    await reset(served, temporal_server, waiting)
    await reset(served, temporal_server, ran)
    assert (await read(served, waiting))["status"] == "pending"
    assert (await served.decide(waiting)).status_code == httpx2.codes.OK
    assert (await served.ended(waiting))["status"] == "executed"
    again = served.temporal.get_workflow_handle(workflow_id_of(ran["id"]))

    async def status() -> object:
        return (await again.describe()).status

    await eventually("the second run ends", status, until=WorkflowExecutionStatus.COMPLETED.__eq__)
    await reconcile_of(served).sweep()
    assert await read(served, ran) == ended
    assert (starts(waiting["id"]), starts(ran["id"])) == (1, 1)
    check_promises(served.database, all_ended=False)


async def test_two_that_reconcile_at_once_close_once(served: Stack, temporal_server: TemporalServer) -> None:
    """Also when a worker takes over that does not know of the other."""
    approvals = [await served.pending() for _ in range(3)]
    for approval in approvals:
        await operate(temporal_server, "terminate", approval, "--reason", "a test")
    for _ in range(3):
        await asyncio.gather(*(reconcile_of(served).sweep() for _ in range(3)))
    for approval in approvals:
        await closed(served, approval)
        assert await served.actions(approval) == ["approval.requested", "approval.cancelled"]


async def test_one_terminated_before_it_was_assessed_reads_as_cancelled(
    unattended: Stack, temporal_server: TemporalServer
) -> None:
    """It was accepted and has no row: whoever reads, repeats or decides it is told that it has ended."""
    approval = (await unattended.submit(idempotency_key="unassessed")).json()
    assert (await read(unattended, approval))["status"] == "pending"
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    ended = await read(unattended, approval)
    assert (ended["status"], ended["decided_by"], ended["risk"]) == ("cancelled", ["system:reconcile"], None)
    repeated = await unattended.submit(idempotency_key="unassessed")
    assert (repeated.json()["id"], repeated.json()["status"]) == (approval["id"], "cancelled")
    late = await unattended.decide(approval)
    assert late.status_code == httpx2.codes.CONFLICT
    assert "It is cancelled, by system:reconcile." in late.json()["detail"]


async def test_one_that_ended_and_is_not_in_the_record_is_unknown(
    served: Stack, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """A record that was restored from an older backup can't say that nothing ran."""
    approval = await served.pending()
    await served.decide(approval)
    assert (await served.ended(approval))["status"] == "executed"
    older = served.settings.model_copy(update={"database_url": sqlite_template.copy(tmp_path / "assent.db")})
    async with open_stack(older, served.temporal, team=()) as restored:
        ended = (await restored.get(f"/v1/approvals/{approval['id']}", by="admin")).json()
    assert (ended["status"], ended["execution"]["outcome_unknown"]) == ("failed", True)
    assert ended["execution"]["error"] == "Its workflow has ended in Temporal, and this record does not have how."


async def test_nothing_is_closed_by_a_namespace_that_is_not_there(
    served: Stack, temporal_server: TemporalServer
) -> None:
    """It has no workflow either, and that says nothing of any."""
    approval = await served.pending()
    nowhere = await Client.connect(temporal_server.address, namespace="nowhere", data_converter=pydantic_data_converter)
    with pytest.raises(TemporalUnavailableError):
        await Reconcile(
            served.database, OpenWorkflows(nowhere, served.settings.task_queue), system_clock, AT_ONCE
        ).sweep()
    with pytest.raises(TemporalUnavailableError):
        await OpenWorkflows(nowhere, served.settings.task_queue).look(approval["id"])
    assert (await read(served, approval))["status"] == "pending"


async def test_nothing_is_closed_when_temporal_goes_away_during_a_sweep(
    sqlite_template: SqliteTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one look found gone is not closed before another has found the same."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    server = TemporalServer(tmp_path, in_memory=True)
    try:
        server.start()
        async with open_desk(await connect(server), sqlite_template.copy(tmp_path / "assent.db")) as desk:
            request = desk.request()
            async with desk.worker():
                handle = await desk.start(request)
                await eventually("it is assessed", lambda: desk.approval(request))
            await handle.terminate()
            doubting = AT_ONCE.model_copy(update={"doubt": timedelta(seconds=1)})
            sweep = asyncio.create_task(
                Reconcile(desk.database, OpenWorkflows(desk.client, desk.task_queue), system_clock, doubting).sweep()
            )
            await asyncio.sleep(0.5)
            server.kill9()
            # It is asked again for ten seconds before that counts as no answer.
            _, waits = await asyncio.wait([sweep], timeout=3)
            assert sweep in waits or isinstance(sweep.exception(), TemporalUnavailableError)
            sweep.cancel()
            await asyncio.gather(sweep, return_exceptions=True)
            approval = desk.approval(request)
            assert approval is not None
            assert approval.status is ApprovalStatus.PENDING
    finally:
        server.close()


async def test_where_nobody_may_list_workflows_each_is_looked_at(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Such a namespace is slower to sweep, and closes the same."""
    url = sqlite_template.copy(tmp_path / "assent.db")
    async with time_skipping_environment() as environment, open_desk(environment.client, url) as desk:
        lost, waiting = desk.request(), desk.request()
        async with desk.worker():
            handles = [await desk.start(request) for request in (lost, waiting)]
            await eventually("they are assessed", lambda: all(map(desk.approval, (lost, waiting))))
        await handles[0].terminate()
        await Reconcile(
            desk.database, OpenWorkflows(environment.client, desk.task_queue), system_clock, AT_ONCE
        ).sweep()
        assert check_promises(desk.database, all_ended=False) == {"cancelled": 1, "pending": 1}
        await handles[1].terminate()


async def test_any_task_queue_can_be_asked_for(served: Stack) -> None:
    """Whatever it is called, and without what another record has in the same namespace."""
    started = system_clock()
    for queue in ('it\'s "quoted" \\ twice', "' OR '1'='1"):
        listed = await OpenWorkflows(served.temporal, queue).listed(started_before=started)
        assert (listed is not None, listed and listed.running) == (True, set())


async def test_the_eldest_worker_does_it_and_survives_outages(
    served: Stack, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    """Another one waits until the eldest is gone; while the database is away, both go on trying."""
    away = Reconcile(
        Database(f"sqlite:///{tmp_path}/not/there.db"),
        OpenWorkflows(served.temporal, served.settings.task_queue),
        system_clock,
        AT_ONCE,
    )
    with pytest.raises(StorageUnavailableError):
        await away.sweep()
    workers, queue = WorkerStore(served.database), "reconcile"
    for identity in ("eldest", "younger"):
        workers.beat(identity, queue, now=system_clock())
    approval = await served.pending()
    await operate(temporal_server, "terminate", approval, "--reason", "a test")
    running = [
        asyncio.create_task(reconcile.run(identity, queue))
        for reconcile, identity in ((away, "eldest"), (reconcile_of(served), "younger"))
    ]
    try:
        with capture_logs() as logs:
            await eventually(
                "it is tried again", lambda: [each["event"] for each in logs].count("reconcile.missed") > 2
            )
        assert (await read(served, approval))["status"] == "pending"
        workers.leave("eldest")
        ended = await served.ended(approval)
        assert ended["decided_by"] == ["system:reconcile"]
        assert not any(task.done() for task in running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _execution_comes_late(stack: Stack, approval: Approval) -> ExecutionOutcome:
    """Let a worker run the approval's execution for a workflow of its id that knows nothing of how it ended."""
    queue = f"late-{approval['id']}"
    async with Worker(stack.temporal, task_queue=queue, workflows=[Late], workflow_runner=UnsandboxedWorkflowRunner()):
        return await stack.temporal.execute_workflow(
            Late.run,
            args=[approval["id"], stack.settings.task_queue],
            id=workflow_id_of(approval["id"]),
            task_queue=queue,
        )
