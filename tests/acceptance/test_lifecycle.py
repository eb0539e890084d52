"""One approval, end to end: what each caller is told, what runs, and what the record says."""

from datetime import datetime

import httpx2
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus

from tests.support.runs import starts
from tests.support.stack import Stack

MOST_HISTORY_EVENTS = 25


async def test_an_approved_operation_runs_once_as_approved(running: Stack) -> None:
    """Submitted, approved, executed: with the parameters that were shown, defaults filled in."""
    approval = await running.pending("note.high")
    assert approval["status"] == "pending"
    assert approval["risk"]["level"] == "high"
    assert approval["operation"]["parameters"] == {"text": "hello"}
    assert approval["temporal"]["url"] is None

    decided = await running.decide(approval)
    assert decided.status_code == httpx2.codes.OK, decided.text
    assert decided.json()["decisions"][0]["reviewer"] == "ada"

    ended = await running.ended(approval)
    assert ended["status"] == "executed"
    assert ended["decided_by"] == ["reviewer:ada"]
    assert ended["execution"]["result"] == {"said": "hello", "on": "7", "key": approval["id"]}
    assert ended["temporal"]["url"].endswith(f"/{approval['temporal']['workflow_id']}/{approval['temporal']['run_id']}")
    assert starts(approval["id"]) == 1
    assert await running.actions(approval) == [
        "approval.requested",
        "decision.recorded",
        "approval.approved",
        "execution.started",
        "approval.executed",
    ]


async def test_an_engineer_reads_it_in_temporal(running: Stack) -> None:
    """The workflow has a title, search attributes, details in plain words, and a short history."""
    approval = await running.pending("note.critical")
    handle = running.temporal.get_workflow_handle(approval["temporal"]["workflow_id"])
    description = await handle.describe()
    assert await description.static_summary() == "note.critical on note"
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.current_details.startswith("**pending**, critical risk: `note.critical` on `note`")
    await running.decide(approval)
    await running.ended(approval)
    await handle.result()
    description = await handle.describe()
    assert description.status is WorkflowExecutionStatus.COMPLETED
    attributes = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    ours = {
        "ApprovalStatus": "executed",
        "AgentId": "agent",
        "OperationType": "note.critical",
        "ResourceType": "note",
        "RiskLevel": "critical",
        "ExpiresAt": datetime.fromisoformat(approval["expires_at"]),
    }
    assert {name: attributes.get(name) for name in ours} == ours
    history = await handle.fetch_history()
    assert len(history.events) <= MOST_HISTORY_EVENTS


async def test_a_rejected_operation_never_runs(running: Stack) -> None:
    """One reject ends it; the agent reads the comment."""
    approval = await running.pending("note.medium")
    decided = await running.decide(approval, "reject", comment="Not on a Friday.")
    assert decided.json()["status"] == "rejected"
    seen = (await running.get(f"/v1/approvals/{approval['id']}", by="agent")).json()
    assert seen["decisions"][0]["comment"] == "Not on a Friday."
    assert seen["execution"] is None
    assert starts(approval["id"]) == 0


async def test_a_quorum_of_two_needs_two_persons(running: Stack) -> None:
    """The first approval counts and waits; the same person's second is refused; another person's approves."""
    approval = await running.pending("note.quorum")
    first = await running.decide(approval, by="ada")
    assert (first.status_code, first.json()["status"]) == (httpx2.codes.OK, "pending")
    again = await running.decide(approval, by="ada")
    assert again.status_code == httpx2.codes.CONFLICT
    assert "already voted" in again.json()["detail"]
    second = await running.decide(approval, by="bob")
    assert second.status_code == httpx2.codes.OK
    ended = await running.ended(approval)
    assert ended["status"] == "executed"
    assert ended["decided_by"] == ["reviewer:ada", "reviewer:bob"]


async def test_a_failing_operation_ends_failed(running: Stack) -> None:
    """The operation's error is the record's, and it is tried once."""
    approval = await running.pending("note.fail")
    await running.decide(approval)
    ended = await running.ended(approval)
    assert ended["status"] == "failed"
    assert ended["execution"]["error"] == "RuntimeError: the target system said no"
    assert ended["execution"]["outcome_unknown"] is False
    assert starts(approval["id"]) == 1


async def test_an_idempotent_operation_is_tried_again(running: Stack) -> None:
    """One that is declared idempotent fails twice, then works, under the same key."""
    approval = await running.pending("note.flaky", parameters={"times": 2})
    await running.decide(approval)
    ended = await running.ended(approval, within=40)
    assert ended["status"] == "executed"
    assert ended["execution"]["result"] == 3


async def test_an_operation_that_hangs_has_an_unknown_outcome(running: Stack) -> None:
    """What outlives its time is not called failed as if nothing had happened."""
    approval = await running.pending("note.hang", parameters={"seconds": 3})
    await running.decide(approval)
    ended = await running.ended(approval)
    assert ended["status"] == "failed"
    assert ended["execution"]["outcome_unknown"] is True
    assert "did not finish within 1 s" in ended["execution"]["error"]
    assert starts(approval["id"]) == 1


async def test_a_huge_result_is_cut_with_its_digest(running: Stack) -> None:
    """Ten megabytes neither brick the workflow nor run the operation again."""
    approval = await running.pending("note.big")
    await running.decide(approval)
    ended = await running.ended(approval)
    assert ended["status"] == "executed"
    assert ended["execution"]["result"]["truncated"] is True
    assert ended["execution"]["result"]["bytes"] == 10_000_002
    assert starts(approval["id"]) == 1


async def test_a_pending_approval_is_cancelled_by_its_agent(running: Stack) -> None:
    """Its agent or an admin cancels what is pending, and nothing else."""
    approval = await running.pending()
    cancelled = await running.http.post(f"/v1/approvals/{approval['id']}/cancel", headers=running.bearer("agent"))
    assert (cancelled.status_code, cancelled.json()["status"]) == (httpx2.codes.OK, "cancelled")
    again = await running.http.post(f"/v1/approvals/{approval['id']}/cancel", headers=running.bearer("admin"))
    assert again.status_code == httpx2.codes.CONFLICT
    late = await running.decide(approval)
    assert late.status_code == httpx2.codes.CONFLICT
    assert late.json()["decided_by"] == ["agent:agent"]


async def test_a_cancel_in_the_temporal_ui_ends_cancelled(running: Stack) -> None:
    """An engineer's cancel is honoured while the approval is pending, and the workflow shows as cancelled."""
    approval = await running.pending()
    handle = running.temporal.get_workflow_handle(approval["temporal"]["workflow_id"])
    await handle.cancel()
    ended = await running.ended(approval)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:temporal"])
