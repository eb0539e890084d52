"""What a page says of an approval's state is what is known, and no more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assent.models import (
    Approval,
    ApprovalStatus,
    Decision,
    Execution,
    Operation,
    Outcome,
    Pause,
    Risk,
    RiskLevel,
    SettledOutcome,
    Settlement,
    Stuck,
    TemporalLink,
)
from dashboard.views.states import lost, state_of
from dashboard.views.words import decided, decision_time

NOW = datetime(2030, 1, 1, 14, 2, tzinfo=UTC)
ADA = ["reviewer:ada"]
STUCK = "Its workflow has been stuck since 14:02: an engineer has to look at it in Temporal."
VOTE = {"id": "d", "reviewer": "ada", "comment": "", "decided_at": NOW, "accepted": True}


def approval(status: ApprovalStatus, **fields: Any) -> Approval:  # noqa: ANN401  any field
    given: dict[str, Any] = {
        "id": "1",
        "operation": Operation(type="user.delete", resource_type="user", resource_id="42"),
        "agent_id": "agent",
        "reason": "asked",
        "context": {},
        "digest": "d" * 64,
        "risk": Risk(level=RiskLevel.LOW, reasons=[]),
        "created_at": NOW,
        "expires_at": NOW,
        "temporal": TemporalLink(workflow_id="approval-1"),
    }
    return Approval.model_validate(given | {"status": status} | fields)


def pause() -> Pause:
    return Pause(id="p", reason="Stop.", started_by="admin:iris", started_at=NOW)


def stuck() -> Stuck:
    return Stuck(since=NOW, cause="The workers' code fails in this workflow.")


def settled() -> Settlement:
    return Settlement(outcome=SettledOutcome.EXECUTED, note="It is gone.", settled_by="admin:iris", settled_at=NOW)


@pytest.mark.parametrize(
    ("status", "fields", "worker", "sentence"),
    [
        ("pending", {}, True, "Waiting for a decision."),
        ("pending", {"overdue": True}, True, "The deadline has passed. It is being closed; nothing runs."),
        ("pending", {}, False, "No worker is running. Requests are safe; nothing runs; deadlines still count."),
        ("approved", {"decided_by": ADA}, True, "Approved by ada. Running now."),
        ("approved", {"decided_by": ADA}, False, "Approved by ada. No worker is running, so it has not started."),
        (
            "approved",
            {"decided_by": ADA, "execution": Execution(started_at=NOW)},
            False,
            "Approved by ada. Running now.",
        ),
        (
            "approved",
            {"decided_by": ADA, "pause": pause()},
            True,
            "Approved by ada. Paused by iris, 14:02. It has not started.",
        ),
        ("pending", {"stuck": stuck()}, True, STUCK),
        ("pending", {"stuck": stuck()}, False, STUCK),
        ("pending", {"stuck": stuck(), "overdue": True}, True, f"The deadline has passed; nothing runs. {STUCK}"),
        ("approved", {"stuck": stuck(), "decided_by": ADA}, True, f"Approved by ada. {STUCK}"),
        ("executed", {}, True, "Done: delete user 42."),
        ("rejected", {"decided_by": ADA}, True, "Rejected by ada. Nothing ran."),
        ("rejected", {"decided_by": ["policy:no-deletes"]}, True, "Rejected by the rule no-deletes. Nothing ran."),
        ("expired", {}, True, "Expired at 14:02. Nothing ran."),
        ("cancelled", {"decided_by": ["agent:agent"]}, True, "Cancelled by agent. Nothing ran."),
        (
            "cancelled",
            {"decided_by": ["system:reconcile"]},
            True,
            "Cancelled: its workflow was terminated or lost in Temporal. No start is recorded.",
        ),
        ("failed", {"execution": Execution(error="Refused.")}, True, "Refused at its start. Nothing ran."),
        ("failed", {"execution": Execution(started_at=NOW, error="No such user.")}, True, "It ran and failed."),
        (
            "failed",
            {"execution": Execution(started_at=NOW, outcome_unknown=True)},
            True,
            "It started, and we don't know whether it finished. Check the target system first.",
        ),
        (
            "failed",
            {"execution": Execution(outcome_unknown=True)},
            True,
            "It started, and we don't know whether it finished. Check the target system first.",
        ),
        (
            "failed",
            {"execution": Execution(started_at=NOW, outcome_unknown=True, settlement=settled())},
            True,
            "Its end was unknown. Iris found: executed.",
        ),
    ],
)
def test_each_state_has_its_sentence(status: str, fields: dict[str, Any], worker: bool, sentence: str) -> None:  # noqa: FBT001
    """In the words of the screen's design."""
    found = state_of(approval(ApprovalStatus(status), **fields), "delete user 42", NOW, worker=worker)

    assert found.sentence == sentence


def test_why_it_failed_stands_beside_it() -> None:
    """The error is the operation's own text."""
    failed = approval(ApprovalStatus.FAILED, execution=Execution(started_at=NOW, error="No such user."))

    assert state_of(failed, "x", NOW, worker=True).detail == "No such user."


def test_why_it_is_stuck_stands_beside_it() -> None:
    """In words of our own."""
    found = state_of(approval(ApprovalStatus.PENDING, stuck=stuck()), "x", NOW, worker=True)

    assert (found.tone, found.detail) == ("unknown", "The workers' code fails in this workflow.")


@pytest.mark.parametrize(("outcome", "verb"), [(Outcome.APPROVE, "approved"), (Outcome.REJECT, "rejected")])
def test_the_loser_of_a_race_is_told_who_won(outcome: Outcome, verb: str) -> None:
    """By name, and by how much."""
    vote = Decision.model_validate(VOTE | {"outcome": outcome})
    decided = approval(ApprovalStatus.APPROVED, decisions=[vote])

    assert lost(decided, NOW + timedelta(seconds=3)) == f"Ada {verb} this 3 s before you. Yours did not count."


def test_whoever_is_late_is_told_so() -> None:
    """The deadline won."""
    assert lost(approval(ApprovalStatus.EXPIRED), NOW) == "Expired at 14:02. Nothing ran. Yours did not count."


def test_nobody_was_first_where_nobody_decided() -> None:
    """Then the refusal's own sentence is told."""
    assert lost(approval(ApprovalStatus.PENDING), NOW) is None
    assert lost(approval(ApprovalStatus.CANCELLED), NOW) is None
    one_of_two = Decision.model_validate(VOTE | {"outcome": Outcome.APPROVE})
    assert lost(approval(ApprovalStatus.CANCELLED, decisions=[one_of_two], required_approvals=2), NOW) is None


@pytest.mark.parametrize("status", ApprovalStatus)
def test_a_time_to_decision_needs_a_decision(status: ApprovalStatus) -> None:
    """One vote of two decided nothing when the time ran out or the agent took it back."""
    vote = Decision.model_validate(VOTE | {"outcome": Outcome.APPROVE, "decided_at": NOW + timedelta(minutes=3)})
    people_decided = status in {
        ApprovalStatus.APPROVED,
        ApprovalStatus.REJECTED,
        ApprovalStatus.EXECUTED,
        ApprovalStatus.FAILED,
    }

    assert decision_time(approval(status, decisions=[vote])) == ("3 min" if people_decided else "")
    assert not decision_time(approval(status))


def test_a_row_past_its_deadline_does_not_wait() -> None:
    """It is not decided any more, whatever the record says until its workflow has closed it."""
    assert decided(approval(ApprovalStatus.PENDING, overdue=True)) == "Deadline passed"
    assert decided(approval(ApprovalStatus.PENDING)) == "Waiting"
