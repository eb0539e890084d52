"""What policy and patterns decide by themselves: at once, never after the deadline, and told in Temporal."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from assent.models import Approval, ApprovalStatus, RiskLevel, Verdict
from domain.operation import ApprovalRequest
from domain.policy import Policy
from domain.rules import Rule
from storage.keys import KeyStore
from storage.patterns import PatternStore
from storage.tables import approvals
from tests.support.desk import Desk, Handle
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.runs import starts

NOW = datetime.now(UTC)
BRIEF = timedelta(seconds=1)
MOST_HISTORY_EVENTS = 25


async def details(handle: Handle) -> str:
    """Return what the Temporal UI says of a workflow."""
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    told: str = metadata.current_details
    return told


def recorded(desk: Desk, request: ApprovalRequest) -> Approval:
    found = desk.approval(request)
    assert found is not None
    return found


def verdict(desk: Desk, request: ApprovalRequest) -> str:
    """Return the verdict that is sealed."""
    with desk.database.read() as connection:
        row = connection.execute(approvals.select().where(approvals.c.id == request.approval_id)).one()
        sealed: str = row.verdict
        return sealed


def brief_policy(desk: Desk) -> Policy:
    """Return the rules, with less time to decide than a file could give."""
    return Policy(desk.operations.declarations, desk.file.rules, dict.fromkeys(RiskLevel, BRIEF))


async def test_a_denied_request_ends_at_once(desk: Desk) -> None:
    """Rejected by the rule; Temporal says that nobody was asked and that nothing ran."""
    request = desk.request("note.denied")
    async with desk.worker():
        handle = await desk.start(request)
        state = await handle.result()
        told = await details(handle)
    assert (state.status, state.decided_by) == (ApprovalStatus.REJECTED, ("policy:denied-notes",))
    assert "- Approvals: nobody was asked" in told
    assert "- Decided by: policy:denied-notes" in told
    assert told.endswith("It was rejected. Nothing ran.")
    assert starts(request.approval_id) == 0
    assert check_promises(desk.database) == {"rejected": 1}


async def test_an_allowed_request_runs_at_once(desk: Desk) -> None:
    """Approved by the rule and executed, in a short history."""
    request = desk.request("note.allowed")
    async with desk.worker():
        handle = await desk.start(request)
        state = await handle.result()
        told = await details(handle)
        history = await handle.fetch_history()
    assert (state.status, state.decided_by) == (ApprovalStatus.EXECUTED, ("policy:allowed-notes",))
    assert "- Approvals: nobody was asked" in told
    assert starts(request.approval_id) == 1
    assert len(history.events) <= MOST_HISTORY_EVENTS
    assert verdict(desk, request) == Verdict.ALLOW
    assert check_promises(desk.database) == {"executed": 1}


async def test_a_pattern_lets_a_request_through(desk: Desk) -> None:
    """The record, the workflow's state and Temporal name its revision; the use is counted once."""
    pattern = desk.trust("note.high")
    request = desk.request("note.high")
    async with desk.worker():
        handle = await desk.start(request)
        state = await handle.result()
        told = await details(handle)
    assert (state.status, state.decided_by) == (ApprovalStatus.EXECUTED, (pattern.actor,))
    assert f"- Decided by: {pattern.actor}" in told
    (used,) = PatternStore(desk.database).all(today=NOW)
    assert used.matched == 1
    assert (recorded(desk, request).pattern, verdict(desk, request)) == (pattern.use, Verdict.ALLOW)
    assert check_promises(desk.database) == {"executed": 1}


@pytest.mark.parametrize("operation_type", ["note.allowed", "note.high"])
async def test_nothing_is_let_through_after_the_deadline(desk: Desk, operation_type: str) -> None:
    """A request that no worker saw in time expires, whatever rules and patterns say of it, and nothing runs."""
    desk.trust("note.high")
    request = desk.request(operation_type)
    handle = await desk.start(request)
    await asyncio.sleep(BRIEF.total_seconds() + 0.5)
    policy = brief_policy(desk)
    async with desk.worker(policy=lambda: policy):
        state = await handle.result()
    assert (state.status, state.decided_by) == (ApprovalStatus.EXPIRED, ("system:timeout",))
    # What waits, or has ended, is never sealed as allowed: nobody can turn its row into one that runs.
    assert verdict(desk, request) == Verdict.ASK
    assert check_promises(desk.database) == {"expired": 1}


async def test_what_a_revoked_agent_asked_for_is_not_allowed(desk: Desk) -> None:
    """Its requests end as cancelled, also those that a rule or a pattern would let through."""
    desk.trust("note.high")
    (key,) = [key for key in KeyStore(desk.database).all() if key.name == "agent"]
    KeyStore(desk.database).revoke(key.id, by="system:test", at=NOW)
    requests = [desk.request(operation_type) for operation_type in ("note.allowed", "note.high")]
    async with desk.worker():
        states = [await (await desk.start(request)).result() for request in requests]
    assert [state.status for state in states] == [ApprovalStatus.CANCELLED] * 2
    assert [verdict(desk, request) for request in requests] == [Verdict.ASK] * 2
    assert check_promises(desk.database) == {"cancelled": 2}


async def test_a_change_of_policy_does_not_alter_an_open_approval(desk: Desk) -> None:
    """What is pending keeps its risk, its deadline and its rules, and stays for people."""
    request = desk.request("note.high")
    current = [desk.file.policy()]
    async with desk.worker(policy=lambda: current[0]):
        handle = await desk.start(request)
        await eventually("it is assessed", lambda: desk.approval(request))
        before = recorded(desk, request)
        current[0] = Policy(
            desk.operations.declarations, [Rule(name="all", verdict=Verdict.ALLOW, max_risk=RiskLevel.CRITICAL)]
        )
        later = desk.request("note.high")
        assert (await (await desk.start(later)).result()).decided_by == ("policy:all",)
        assert recorded(desk, request) == before
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        state = await handle.result()
    assert state.decided_by == ("reviewer:ada",)
    assert recorded(desk, request).policy_version == before.policy_version != recorded(desk, later).policy_version
