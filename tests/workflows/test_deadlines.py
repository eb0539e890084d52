"""Nobody decided in time means that nothing runs; a decision in time counts, however late it is processed."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from assent.models import Approval, ApprovalStatus
from tests.support.desk import Desk, brief_operations
from tests.support.eventually import eventually
from tests.support.runs import starts

LEVELS = {"note.low": 24, "note.medium": 12, "note.high": 4, "note.critical": 1}


@pytest.mark.parametrize(("operation_type", "hours"), LEVELS.items())
async def test_each_level_expires_after_its_own_time(
    skipping_desk: Desk, time_skipping_env: WorkflowEnvironment, operation_type: str, hours: int
) -> None:
    """24 h, 12 h, 4 h, 1 h: pending a minute before, expired after, by the system's timeout, and nothing ran."""
    async with skipping_desk.worker():
        request = skipping_desk.request(operation_type)
        handle = await skipping_desk.start(request)
        await time_skipping_env.sleep(timedelta(hours=hours, minutes=-1))
        before = skipping_desk.approval(request)
        assert before is not None
        assert before.status is ApprovalStatus.PENDING
        state = await handle.result()
    started = (await handle.describe()).start_time
    assert state.status is ApprovalStatus.EXPIRED
    assert state.expires_at - started == timedelta(hours=hours)
    assert state.decided_by == ("system:timeout",)
    assert starts(request.approval_id) == 0


async def test_a_half_met_quorum_expires(skipping_desk: Desk) -> None:
    """One of two needed approvals is not enough when the time is over."""
    async with skipping_desk.worker():
        request = skipping_desk.request("note.quorum")
        handle = await skipping_desk.start(request)
        await handle.signal("decide", skipping_desk.decision(request, at=datetime.now(UTC)))
        state = await handle.result()
    assert state.status is ApprovalStatus.EXPIRED
    assert state.approvals == 1
    assert starts(request.approval_id) == 0


async def test_a_decision_one_second_late_is_refused(skipping_desk: Desk) -> None:
    """Signed a second after the deadline, it does not count, although its signal came before the timer's."""
    async with skipping_desk.worker():
        request = skipping_desk.request("note.critical")
        handle = await skipping_desk.start(request)
        deadline = (await _assessed(skipping_desk, request.approval_id)).expires_at
        assert deadline is not None
        late = skipping_desk.decision(request, at=deadline + timedelta(seconds=1))
        await handle.signal("decide", late)
        state = await handle.result()
    assert state.status is ApprovalStatus.EXPIRED
    recorded = skipping_desk.approval(request)
    assert recorded is not None
    assert [(one.accepted, one.refusal) for one in recorded.decisions] == [(False, "too_late")]
    assert starts(request.approval_id) == 0


async def test_a_decision_in_time_counts_with_the_worker_down_across_the_deadline(desk: Desk) -> None:
    """Made before the deadline while no worker runs, it is approved and executed once one does, after the deadline."""
    brief = brief_operations(desk, seconds=3)
    request = desk.request("note.brief")
    async with desk.worker(operations=brief):
        handle = await desk.start(request)
        deadline = (await _assessed(desk, request.approval_id)).expires_at
    assert deadline is not None
    await handle.signal("decide", desk.decision(request, at=deadline - timedelta(milliseconds=1)))
    await eventually("the deadline has passed", lambda: datetime.now(UTC) > deadline + timedelta(seconds=2))
    async with desk.worker(operations=brief):
        state = await handle.result()
    assert state.status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1


async def test_a_decision_after_the_deadline_is_refused_with_the_worker_down_across_it(desk: Desk) -> None:
    """Signals are applied before timers; the stamp decides all the same."""
    brief = brief_operations(desk, seconds=2)
    request = desk.request("note.brief")
    async with desk.worker(operations=brief):
        handle = await desk.start(request)
        deadline = (await _assessed(desk, request.approval_id)).expires_at
    assert deadline is not None
    await eventually("the deadline has passed", lambda: datetime.now(UTC) > deadline)
    await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
    async with desk.worker(operations=brief):
        state = await handle.result()
    assert state.status is ApprovalStatus.EXPIRED
    recorded = desk.approval(request)
    assert recorded is not None
    assert [one.refusal for one in recorded.decisions] == ["too_late"]
    assert starts(request.approval_id) == 0


async def test_assessed_after_its_own_deadline_it_is_expired_at_once(desk: Desk) -> None:
    """The deadline counts from the start, so a worker that comes too late finds nothing left to wait for."""
    request = desk.request("note.brief")
    handle = await desk.start(request)
    started = (await handle.describe()).start_time
    await eventually("the deadline has passed", lambda: datetime.now(UTC) > started + timedelta(seconds=3))
    async with desk.worker(operations=brief_operations(desk, seconds=1)):
        state = await handle.result()
    assert state.status is ApprovalStatus.EXPIRED
    assert state.expires_at == started + timedelta(seconds=1)


async def _assessed(desk: Desk, approval_id: str) -> Approval:
    found = await eventually(
        "the approval is assessed", lambda: desk.reads.get(approval_id, now=datetime.now(UTC)), until=bool
    )
    assert found is not None
    return found
