"""What the workflow does around an execution that does not go the usual way."""

import threading
import time
from datetime import UTC, datetime, timedelta

from temporalio.exceptions import ApplicationError

from assent.models import ApprovalStatus
from operations.registry import OperationRegistry
from tests.support.desk import Desk, Handle
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.sqlite import locked
from workflows.activity_options import EXECUTION_HEARTBEAT


async def test_a_cancel_in_temporal_comes_too_late_for_what_runs(desk: Desk) -> None:
    """It interrupts nothing: the operation ends, and so does the workflow, as completed."""
    request = desk.request("note.slow", {"seconds": 2.0})
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await eventually("it runs", lambda: starts(request.approval_id))
        await handle.cancel()
        state = await handle.result()
    assert state.status is ApprovalStatus.EXECUTED
    check_promises(desk.database)


async def test_an_operation_that_may_run_long_shows_as_approved(desk: Desk) -> None:
    """Among the search attributes, for as long as it runs."""
    declared = desk.operations.find("note.slow")
    assert declared is not None
    declaration = declared.declaration.model_copy(update={"run_timeout": timedelta(minutes=5)})
    desk.operations = OperationRegistry({"note.slow": declared.model_copy(update={"declaration": declaration})})
    request = desk.request("note.slow", {"seconds": 3.0})
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await eventually("it runs", lambda: starts(request.approval_id))

        async def shown() -> object:
            attributes = (await handle.describe()).typed_search_attributes
            return next(pair.value for pair in attributes if pair.key.name == "ApprovalStatus")

        await eventually("it shows as approved", shown, until=lambda status: status == "approved")
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    assert await shown() == "executed"


async def test_an_execution_records_its_own_end(desk: Desk) -> None:
    """Which saves the workflow a step: its last task has the stored approval, and records nothing."""
    request = desk.request("note.high")
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
        assert await _records(handle) == 2
    check_promises(desk.database)


async def test_an_end_that_cannot_be_recorded_at_once_is_not_lost(desk: Desk) -> None:
    """The database is locked when the operation ends: the workflow holds its result until it can be written."""
    request = desk.request("note.slow", {"seconds": 1.0})
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await eventually("it runs", lambda: starts(request.approval_id))
        with locked(desk.database.url):

            async def reported() -> bool:
                events = (await handle.fetch_history()).events
                return any(event.HasField("activity_task_completed_event_attributes") for event in events)

            await eventually("its end is told to Temporal", reported)
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    ended = desk.approval(request)
    assert ended is not None
    assert ended.execution is not None
    assert ended.execution.result == "done"
    assert starts(request.approval_id) == 1
    check_promises(desk.database)


async def _records(handle: Handle) -> int:
    """Return how many local activities there were."""
    return sum(event.HasField("marker_recorded_event_attributes") for event in (await handle.fetch_history()).events)


async def test_an_execution_that_somebody_fails_by_hand_has_an_unknown_outcome(desk: Desk) -> None:
    """Temporal's word for the activity is not the operation's end: it had started, and nobody knows the rest."""
    request = desk.request("note.slow", {"seconds": 4.0})
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await eventually("it runs", lambda: starts(request.approval_id))
        running = (await handle.describe()).raw_description.pending_activities[0].activity_id
        activity = desk.client.get_async_activity_handle(
            workflow_id=handle.id, run_id=handle.result_run_id, activity_id=running
        )
        await activity.fail(ApplicationError("failed by hand", non_retryable=True))
        state = await handle.result()
    assert state.status is ApprovalStatus.FAILED
    assert state.outcome_unknown is True
    assert starts(request.approval_id) == 1
    check_promises(desk.database)


class StallingClock:
    """The worker's clock, which holds up the whole worker when an execution first asks for the time."""

    def __init__(self, seconds: float) -> None:
        self._worker = threading.get_ident()
        self._seconds = seconds

    def __call__(self) -> datetime:
        # Records ask on threads of their own.
        if threading.get_ident() == self._worker and self._seconds:
            seconds, self._seconds = self._seconds, 0
            time.sleep(seconds)
        return datetime.now(UTC)


async def test_an_execution_that_lay_too_long_in_a_busy_worker_claims_nothing(desk: Desk) -> None:
    """Temporal has given it up by then, so it leaves the claim to the attempt that is counted on: that one runs."""
    request = desk.request("note.high")
    stalling = StallingClock(EXECUTION_HEARTBEAT.total_seconds() + 2)
    async with desk.worker(clock=stalling):
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        state = await handle.result()
        history = await handle.fetch_history()
    (started,) = [
        event.activity_task_started_event_attributes
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
    ]
    assert started.last_failure.message == "activity Heartbeat timeout"
    assert state.status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1
    check_promises(desk.database)


async def test_a_worker_whose_clock_is_ahead_runs_what_it_is_given(desk: Desk) -> None:
    """It takes each execution for late and asks; Temporal's answer counts, not the clock."""
    request = desk.request("note.high")
    async with desk.worker(clock=lambda: datetime.now(UTC) + timedelta(minutes=1)):
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1
