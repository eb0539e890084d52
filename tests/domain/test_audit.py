"""Audit events: each change is told once, however often its activity is tried, and tells no operation's parameters."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assent.models import Outcome, Role
from domain.audit import Action, AuditEvent, decision_refused, event_id
from domain.ballot import Refusal
from tests.domain.samples import APPROVAL_ID, DEADLINE, DIGEST, OTHER_ID, SUBMITTED_AT, vote

# Subjects are ids and names, and no id or name holds a NUL.
subjects = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=1, max_size=4
)
actions = st.sampled_from(Action)


@pytest.mark.parametrize("action", list(Action))
def test_a_retry_tells_the_same_event(action: Action) -> None:
    """The id depends on nothing but the action and its subject, so the second write finds the first."""
    first = event_id(action, APPROVAL_ID, "decision-of-ana")
    assert event_id(action, APPROVAL_ID, "decision-of-ana") == first
    assert event_id(action, OTHER_ID, "decision-of-ana") != first


@given(actions, subjects, actions, subjects)
def test_another_action_or_subject_is_another_event(
    action: Action, subject: list[str], other_action: Action, other_subject: list[str]
) -> None:
    """No two things that happened share an id, so none is lost; parts do not run into each other."""
    assume((action, subject) != (other_action, other_subject))
    assert event_id(action, *subject) != event_id(other_action, *other_subject)


def test_no_part_of_a_subject_runs_into_the_next() -> None:
    """Where one id ends and the next begins counts."""
    assert len({event_id(Action.KEY_CREATED, *subject) for subject in (("ab", "c"), ("a", "bc"), ("abc",))}) == 3


def test_an_event_id_never_changes_between_releases() -> None:
    """A retry by a newer worker must find what the older one wrote."""
    expected = "1e1c1714-8c09-56a9-8fb5-b34a4ba572a5"
    assert event_id(Action.APPROVAL_REQUESTED, APPROVAL_ID) == expected


def test_a_refused_decision_is_told_with_its_reason() -> None:
    """Who, when, on which approval, with which digest, and why it did not count; not the comment."""
    decision = vote("ana-phone", owner="ana", role=Role.ADMIN, outcome=Outcome.REJECT, comment="secret")
    told = decision_refused(decision, Refusal.TOO_LATE, at=DEADLINE)
    assert told == AuditEvent(
        event_id=event_id(Action.DECISION_REFUSED, APPROVAL_ID, "decision-of-ana-phone", "too_late"),
        at=DEADLINE,
        actor="admin:ana-phone",
        action=Action.DECISION_REFUSED,
        approval_id=APPROVAL_ID,
        digest=DIGEST,
        details={"decision_id": "decision-of-ana-phone", "outcome": "reject", "refusal": "too_late"},
    )
    assert "secret" not in told.model_dump_json()


def test_a_refused_decision_is_told_once_for_each_reason() -> None:
    """A retry at another time is the same event; another decision, approval or reason is another one."""
    decision = vote()
    told = decision_refused(decision, Refusal.TOO_LATE, at=DEADLINE).event_id
    assert decision_refused(decision, Refusal.TOO_LATE, at=SUBMITTED_AT).event_id == told
    assert decision_refused(decision, Refusal.WRONG_DIGEST, at=DEADLINE).event_id != told
    assert decision_refused(vote("ben"), Refusal.TOO_LATE, at=DEADLINE).event_id != told
    assert decision_refused(vote(approval_id=OTHER_ID), Refusal.TOO_LATE, at=DEADLINE).event_id != told
