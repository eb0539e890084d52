"""Whoever reaches Temporal can signal and start; without an API's signature only a line in the log comes of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from assent.models import ApprovalStatus, AuditEvent, Role
from domain.approval import ExecutionOutcome, workflow_id_of
from domain.messages import Execute
from storage.audit import read_events
from tests.support.desk import Desk
from tests.support.eventually import eventually
from tests.support.runs import starts
from workflows.approval import MAX_MESSAGES, ApprovalWorkflow

NESTED: object = 0
for _ in range(200):
    NESTED = [NESTED]

FORGERIES: list[dict[str, Any]] = [
    {"signature": None},
    {"reviewer": "bob"},
    {"outcome": "reject"},
    {"comment": "other words"},
    {"owner": "somebody"},
    {"role": Role.ADMIN},
    {"decided_at": datetime(2020, 1, 1, tzinfo=UTC)},
    {"digest": "0" * 64},
    {"decision_id": "11111111-0000-4000-8000-000000000000"},
]


def events(desk: Desk) -> list[AuditEvent]:
    """Return the whole log."""
    with desk.database.read() as connection:
        return [event for _, event in read_events(connection, limit=1000)]


def refusals(desk: Desk, action: str) -> list[AuditEvent]:
    """Return the refusals of one kind."""
    return [event for event in events(desk) if event.action == action]


@pytest.mark.parametrize("changed", FORGERIES, ids=lambda changed: next(iter(changed)))
async def test_a_changed_decision_is_refused(desk: Desk, changed: dict[str, Any]) -> None:
    """Every field is covered by the signature; the refusal is logged, and the true decision still counts."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)).model_copy(update=changed))
        await eventually("the forgery is logged", lambda: refusals(desk, "decision.refused"))
        pending = desk.approval(request)
        assert pending is not None
        assert pending.status is ApprovalStatus.PENDING
        assert pending.decisions == []
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        state = await handle.result()
    assert state.status is ApprovalStatus.EXECUTED
    assert [event.details["refusal"] for event in refusals(desk, "decision.refused")] == ["unauthentic"]


@pytest.mark.parametrize("content", [None, "approve", 7, [], {}, {"outcome": "approve"}, {"decision_id": None}])
async def test_raw_signals_are_refused(desk: Desk, content: object) -> None:
    """Whatever JSON somebody signals by hand, decide or cancel, it is logged and changes nothing."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", content)
        await handle.signal("cancel", content)
        await eventually("both are logged", lambda: refusals(desk, "cancel.refused"))
        await eventually("both are logged", lambda: refusals(desk, "decision.refused"))
        approval = desk.approval(request)
        assert approval is not None
        assert approval.status is ApprovalStatus.PENDING
        await handle.signal("cancel", desk.cancel(request, at=datetime.now(UTC)))
        state = await handle.result()
    assert state.status is ApprovalStatus.CANCELLED


async def test_a_decision_for_another_approval_is_refused(desk: Desk) -> None:
    """An authentic decision counts only where it belongs."""
    request, other = desk.request(), desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(other, at=datetime.now(UTC)))
        await eventually("it is logged", lambda: refusals(desk, "decision.refused"))
        await handle.signal("cancel", desk.cancel(request, at=datetime.now(UTC)))
        await handle.result()
    assert starts(request.approval_id) == 0


async def test_a_flood_of_raw_signals_does_not_break_an_approval(desk: Desk) -> None:
    """Messages beyond the limit are dropped; the approval still ends, here by the engineer's cancel."""
    request = desk.request()
    handle = await desk.start(request)
    for number in range(MAX_MESSAGES + 20):
        await handle.signal("decide", {"junk": number})
    async with desk.worker(max_cached_workflows=10):
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    approval = desk.approval(request)
    assert approval is not None
    assert approval.status is ApprovalStatus.CANCELLED
    assert len(refusals(desk, "decision.refused")) == MAX_MESSAGES


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": None},
        {"agent_id": "ada"},
        {"reason": "already approved by the CISO"},
        {"digest": "0" * 64},
        {"context": {"approved": True}},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_raw_start_is_refused(desk: Desk, changed: dict[str, Any]) -> None:
    """A start without an API's signature over all of it stores no approval, runs nothing, and is logged."""
    request = desk.request().model_copy(update=changed)
    async with desk.worker():
        handle = await desk.start(request)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "unauthentic"
    assert desk.approval(request) is None
    assert len(refusals(desk, "submission.refused")) == 1
    assert starts(request.approval_id) == 0


@pytest.mark.parametrize("content", [None, "junk", {"approval_id": 7}])
async def test_a_start_with_junk_is_refused(desk: Desk, content: object) -> None:
    """It ends failed; it does not hang in retries."""
    async with desk.worker():
        handle = await desk.client.start_workflow(
            "ApprovalWorkflow", content, id=f"approval-{datetime.now(UTC).timestamp()}", task_queue=desk.task_queue
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert len(refusals(desk, "submission.refused")) == 1


async def test_a_copied_start_under_another_id_is_refused(desk: Desk) -> None:
    """An authentic request starts one workflow only: the one that bears its id."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.client.start_workflow(
            ApprovalWorkflow.run, request, id=f"copy-{request.approval_id}", task_queue=desk.task_queue
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert desk.approval(request) is None


async def test_a_copied_start_after_the_end_runs_nothing_again(desk: Desk) -> None:
    """Started again under its own id once it has ended, it adopts the record and ends as it had."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
        again = await desk.start(request)
        assert again.result_run_id != handle.result_run_id
        assert (await again.result()).status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1


@workflow.defn(name="Intruder", sandboxed=False)
class Intruder:
    """What somebody with a Temporal client might run on the workers' task queue."""

    @workflow.run
    async def run(self, command: Execute, task_queue: str) -> ExecutionOutcome:
        """Call the execution activity by hand."""
        outcome: ExecutionOutcome = await workflow.execute_activity(
            "execute",
            command,
            task_queue=task_queue,
            start_to_close_timeout=timedelta(seconds=10),
            result_type=ExecutionOutcome,
        )
        return outcome


async def test_a_raw_execution_runs_nothing(desk: Desk) -> None:
    """The execution activity, called from any other workflow, refuses: pending, approved, or unknown to the record."""
    request = desk.request()
    async with desk.worker(), Worker(desk.client, task_queue=f"{desk.task_queue}-x", workflows=[Intruder]):
        await desk.start(request)
        await eventually("it is assessed", lambda: desk.approval(request))
        for approval_id in (request.approval_id, "unknown"):
            outcome = await desk.client.execute_workflow(
                Intruder.run,
                args=[Execute(approval_id=approval_id), desk.task_queue],
                id=workflow_id_of(f"{approval_id}-intruder-{datetime.now(UTC).timestamp()}"),
                task_queue=f"{desk.task_queue}-x",
            )
            assert outcome.refused is not None
    assert starts(request.approval_id) == 0
    assert [event.details["refusal"] for event in refusals(desk, "execution.refused")] == [
        "The approval is pending, not approved."
    ]


@pytest.mark.parametrize(
    "content",
    [b"\xff", NESTED, "x" * 1_000_000],
    ids=["bytes", "200 deep", "a megabyte"],
)
async def test_a_raw_signal_does_not_hold_an_approval_up(desk: Desk, content: object) -> None:
    """Whatever a payload can carry, the messages behind it are read."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", content)
        await handle.signal("cancel", desk.cancel(request, at=datetime.now(UTC)))
        state = await asyncio.wait_for(handle.result(), 20)
    assert state.status is ApprovalStatus.CANCELLED


async def test_a_time_without_a_zone_does_not_hold_an_approval_up(desk: Desk) -> None:
    """It is refused like anything else that no API has signed."""
    request = desk.request()
    sent = desk.decision(request, at=datetime.now(UTC)).model_dump(mode="json")
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", sent | {"decided_at": "2026-01-01T00:00:00"})
        await handle.signal("cancel", desk.cancel(request, at=datetime.now(UTC)))
        state = await asyncio.wait_for(handle.result(), 20)
    assert state.status is ApprovalStatus.CANCELLED
