"""An approved operation that is paused waits before its claim, whatever approved it, and runs once it is resumed."""

import uuid
from datetime import UTC, datetime

from assent.models import ApprovalStatus, Pause, PauseScope
from domain.operation import ApprovalRequest
from services.wiring import system_clock
from storage.keys import KeyStore
from storage.pauses import PauseStore
from tests.support.desk import Desk, Handle
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.runs import starts

WRITES = PauseScope(operation_type="note.low")


def pause(desk: Desk, scope: PauseScope = WRITES) -> Pause:
    """Start a pause."""
    pause = Pause(
        id=str(uuid.uuid4()),
        agent_id=scope.agent_id,
        operation_type=scope.operation_type,
        reason="The provider is down.",
        started_by="admin:ana",
        started_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    )
    PauseStore(desk.database).start(pause)
    return pause


def resume(desk: Desk, scope: PauseScope = WRITES) -> None:
    """End it."""
    PauseStore(desk.database).end(scope, by="admin:ana", at=system_clock())


async def held(handle: Handle, *, tries: int = 1) -> str:
    """Wait until the execution has been held this often, and return what Temporal shows of it."""

    async def failure() -> tuple[int, str]:
        pending = (await handle.describe()).raw_description.pending_activities
        # The attempt that is counted is the one to come.
        return (pending[0].attempt - 1, pending[0].last_failure.message) if pending else (0, "")

    _, message = await eventually("it is held", failure, until=lambda seen: seen[0] >= tries, within=20)
    return message


def claimed(desk: Desk, request: ApprovalRequest) -> bool:
    """Whether the record shows that it has started."""
    approval = desk.approval(request)
    assert approval is not None
    return approval.execution is not None


async def test_an_approved_operation_waits_until_it_is_resumed(desk: Desk) -> None:
    """Look after look it has no claim, Temporal says who paused it and not why, and in the end it runs once."""
    pause(desk)
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        message = await held(handle, tries=2)
        assert message == "Paused by admin:ana since 2026-03-02 09:30:00 UTC: it has not started."
        assert not claimed(desk, request)
        resume(desk)
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1
    check_promises(desk.database)


async def test_what_a_pattern_lets_through_waits_as_well(desk: Desk) -> None:
    """It is approved as it is assessed, and does not start."""
    desk.trust("note.low")
    pause(desk, PauseScope(agent_id="agent"))
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await held(handle)
        approval = desk.approval(request)
        assert approval is not None
        assert (approval.status, approval.pattern is not None) == (ApprovalStatus.APPROVED, True)
        assert approval.pause is not None
        assert not claimed(desk, request)
        resume(desk, PauseScope(agent_id="agent"))
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    check_promises(desk.database)


async def test_it_is_held_across_a_workers_end(desk: Desk) -> None:
    """What is held lives in Temporal and in the record, and in no worker."""
    pause(desk)
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await held(handle)
    resume(desk)
    async with desk.worker():
        assert (await handle.result()).status is ApprovalStatus.EXECUTED
    assert starts(request.approval_id) == 1
    check_promises(desk.database)


async def test_what_must_no_longer_run_is_refused_while_it_is_held(desk: Desk) -> None:
    """Everything is proven again at each look: after its agent's key is revoked it does not wait for a resume."""
    pause(desk)
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await held(handle)
        keys = KeyStore(desk.database)
        (key_id,) = [key.id for key in keys.all() if key.name == "agent"]
        keys.revoke(key_id, by="admin:ana", at=system_clock())
        state = await handle.result()
    assert state.status is ApprovalStatus.FAILED
    assert starts(request.approval_id) == 0
    check_promises(desk.database)
