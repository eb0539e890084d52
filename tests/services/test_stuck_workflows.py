"""A workflow whose tasks keep failing in the workers is found, shown and counted, and goes on once they are mended."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from assent.models import Stuck
from domain.approval import workflow_id_of
from domain.operation import ApprovalRequest
from services.open_workflows import OpenWorkflows
from services.reconcile import Pace, Reconcile
from services.wiring import system_clock
from storage.stuck import StuckStore
from tests.api.workers import production_worker
from tests.dashboard.visitors import add_quickly, text_of, visitor_of
from tests.support.desk import Desk, Handle, open_desk
from tests.support.eventually import eventually
from tests.support.module_stack import open_module_stack
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack
from tests.support.temporal import TemporalServer
from workflows.approval import ApprovalWorkflow

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

AT_ONCE = Pace(settled=timedelta(0), doubt=timedelta(0))

# A task that fails is tried again after its time limit, which is 10 s by default.
A_TASK = timedelta(seconds=1)

REPORTED_AFTER = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute"


@workflow.defn(name="ApprovalWorkflow")
class Broken:
    """What a mistaken release makes of every approval."""

    @workflow.run
    async def run(self, request: Any = None) -> None:  # noqa: ANN401  whatever a workflow was started with
        """Fail, in words that an agent might have chosen."""
        message = f"<script>approve me</script> {request}"
        raise RuntimeError(message)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reporting_stack(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Assent without a worker, on a Temporal that reports what is stuck after two failures instead of five."""
    server = TemporalServer(
        tmp_path_factory.mktemp("temporal"),
        in_memory=True,
        flags=("--dynamic-config-value", f"{REPORTED_AFTER}=2"),
    )
    try:
        server.start()
        async with open_module_stack(server, sqlite_template, tmp_path_factory.mktemp("stuck")) as stack:
            yield stack
    finally:
        server.close()


def broken_worker(client: Client, task_queue: str) -> Worker:
    return Worker(client, task_queue=task_queue, workflows=[Broken], workflow_runner=UnsandboxedWorkflowRunner())


def desk_of(stack: Stack) -> Desk:
    return Desk(stack.temporal, stack.database, signing_keys=stack.signing_keys, task_queue=stack.settings.task_queue)


async def start(desk: Desk, request: ApprovalRequest) -> Handle:
    return await desk.client.start_workflow(
        ApprovalWorkflow.run,
        request,
        id=workflow_id_of(request.approval_id),
        task_queue=desk.task_queue,
        task_timeout=A_TASK,
    )


async def swept(desk: Desk, *, stuck: int) -> None:
    """Sweep until so many approvals are stuck."""
    reconcile = Reconcile(desk.database, OpenWorkflows(desk.client, desk.task_queue), system_clock, AT_ONCE)
    store = StuckStore(desk.database)

    async def look() -> int:
        await reconcile.sweep()
        return store.count()

    await eventually("what is stuck is known", look, until=stuck.__eq__, within=30)


async def test_a_stuck_approval_is_shown_until_a_good_worker_takes_over(reporting_stack: Stack) -> None:
    """Reviewers read since when and why, in our words; the decision that was made meanwhile then counts, once."""
    stack, desk = reporting_stack, desk_of(reporting_stack)
    request = desk.request()
    async with production_worker(stack):
        handle = await start(desk, request)
        await eventually("it is assessed", lambda: desk.approval(request))
    async with broken_worker(stack.temporal, desk.task_queue):
        decided_at = datetime.now(UTC)
        await handle.signal("decide", desk.decision(request, at=decided_at))
        await swept(desk, stuck=1)
    found = (await stack.get(f"/v1/approvals/{request.approval_id}")).json()
    stuck = Stuck.model_validate(found["stuck"])
    assert (found["status"], stuck.cause) == ("pending", "The workers' code fails in this workflow.")
    assert abs(stuck.since - decided_at) < timedelta(seconds=10)
    assert (await stack.actions(found))[-1] == "approval.stuck"
    add_quickly(stack, "grace")
    async with visitor_of(stack, "grace") as grace:
        page = await grace.get(f"/approvals/{request.approval_id}")
        assert f"Its workflow has been stuck since {stuck.since:%H:%M}" in text_of(page)
        assert stuck.cause in text_of(page)
        assert found["temporal"]["url"] in page.text
        assert f"Stuck since {stuck.since:%H:%M}" in text_of(await grace.get("/"))
    async with production_worker(stack):
        assert (await stack.ended(found, within=40))["status"] == "executed"
        await swept(desk, stuck=0)
    assert (await stack.actions(found))[-1] == "approval.unstuck"
    assert starts(request.approval_id) == 1
    check_promises(stack.database)


async def test_one_that_ends_is_no_longer_stuck(reporting_stack: Stack) -> None:
    """Such as one that an engineer terminates, before it was ever assessed."""
    stack, desk = reporting_stack, desk_of(reporting_stack)
    request = desk.request()
    handle = await start(desk, request)
    async with broken_worker(stack.temporal, desk.task_queue):
        await swept(desk, stuck=1)
        read = (await stack.get(f"/v1/approvals/{request.approval_id}")).json()
        assert (read["status"], read["stuck"]["cause"]) == ("pending", "The workers' code fails in this workflow.")
        await handle.terminate()
        await swept(desk, stuck=0)
    read = (await stack.get(f"/v1/approvals/{request.approval_id}")).json()
    assert (read["status"], read["stuck"]) == ("cancelled", None)


async def test_where_the_server_reports_nothing_a_task_s_tries_tell(temporal_client: Client, sqlite_url: str) -> None:
    """It has reported nothing yet after three failures; an older one never does."""
    async with open_desk(temporal_client, sqlite_url) as desk:
        request = desk.request()
        handle = await start(desk, request)
        async with broken_worker(desk.client, desk.task_queue):
            await swept(desk, stuck=1)
            looked = await OpenWorkflows(desk.client, desk.task_queue).look(request.approval_id)
        assert looked.stuck is not None
        assert looked.stuck.cause == "This workflow's tasks keep failing."
        await handle.terminate()
        await swept(desk, stuck=0)
