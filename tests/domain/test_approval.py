"""An approval's life: which status follows which, and how an execution's end is read."""

from typing import Any

import pytest

from assent.models import ApprovalStatus, RiskLevel
from domain.approval import ApprovalState, ExecutionOutcome, approval_id_of, check_transition, workflow_id_of
from domain.errors import IllegalTransitionError
from domain.operation import ExecutionPlan
from tests.domain.samples import APPROVAL_ID, DEADLINE

LEGAL = {
    ("pending", "approved"),
    ("pending", "rejected"),
    ("pending", "expired"),
    ("pending", "cancelled"),
    ("approved", "executed"),
    ("approved", "failed"),
    ("approved", "cancelled"),
}


@pytest.mark.parametrize("new", list(ApprovalStatus))
@pytest.mark.parametrize("old", list(ApprovalStatus))
def test_only_these_changes_are_legal(old: ApprovalStatus, new: ApprovalStatus) -> None:
    """Pending is decided once, approved is executed once or never, and what has ended stays as it ended."""
    if (old.value, new.value) in LEGAL:
        check_transition(old, new)
        return
    with pytest.raises(IllegalTransitionError) as refused:
        check_transition(old, new)
    assert refused.value.detail == f"An approval that is {old.value} cannot become {new.value}."


def test_a_terminal_status_is_one_that_nothing_follows() -> None:
    """The word on the wire and the rule mean the same."""
    assert {status for status in ApprovalStatus if not status.is_terminal} == {old for old, _ in LEGAL}


def test_an_approval_has_one_workflow() -> None:
    """Its id is the approval's, so that no second workflow can speak for it."""
    assert workflow_id_of(APPROVAL_ID) == f"approval-{APPROVAL_ID}"


@pytest.mark.parametrize(
    ("outcome", "succeeded"),
    [
        ({}, True),
        ({"result": "null", "result_digest": "0" * 64, "result_bytes": 4}, True),
        ({"error": "RuntimeError: no"}, False),
        ({"error": ""}, False),
        ({"refused": "The key of billing-agent was revoked."}, False),
        ({"refused": ""}, False),
        ({"outcome_unknown": True}, False),
        ({"result": "1", "outcome_unknown": True}, False),
    ],
)
def test_only_an_operation_that_is_known_to_have_ended_well_succeeded(
    outcome: dict[str, Any], *, succeeded: bool
) -> None:
    """A failure, a refusal and an end that nobody knows are no success, whatever else is there."""
    assert ExecutionOutcome(**outcome).succeeded is succeeded


def test_a_state_from_before_a_field_was_added_is_still_read() -> None:
    """Open workflows hold states without the newer fields, and later releases may add some that this one ignores."""
    state = ApprovalState.model_validate(
        {
            "approval_id": APPROVAL_ID,
            "status": "pending",
            "operation_type": "user.delete",
            "resource_type": "user",
            "risk_level": "high",
            "required_approvals": 1,
            "approvals": 0,
            "expires_at": DEADLINE.isoformat(),
            "added_later": 1,
        }
    )
    assert (state.risk_level, state.plan, state.decided_by) == (RiskLevel.HIGH, ExecutionPlan(), ())
    assert not state.outcome_unknown


@pytest.mark.parametrize(
    ("workflow_id", "approval_id"),
    [
        ("approval-01a2142f-cab6-70cf-a117-51b778da32bb", "01a2142f-cab6-70cf-a117-51b778da32bb"),
        ("01a2142f-cab6-70cf-a117-51b778da32bb", None),
        ("approval-quokka", None),
        ("approval-01a2142f-cab6-70cf-a117-51b778da32bb\n", None),
        ("", None),
    ],
)
def test_a_workflow_names_its_approval_by_its_id(workflow_id: str, approval_id: str | None) -> None:
    """Whoever reaches Temporal may choose an id: what has not the form of ours names no approval."""
    assert approval_id_of(workflow_id) == approval_id
