"""Which pause holds a request back, and how it is told."""

from datetime import UTC, datetime

import pytest

from assent.models import Pause
from domain.pauses import pause_on, paused_sentence, scope_words, since


def pause(agent_id: str | None = None, operation_type: str | None = None) -> Pause:
    """Return a pause that names its scope as its id."""
    return Pause(
        id=f"{agent_id}/{operation_type}",
        agent_id=agent_id,
        operation_type=operation_type,
        reason="The provider is down",
        started_by="admin:ana",
        started_at=datetime(2026, 3, 2, 9, 30, 5, 123_456, tzinfo=UTC),
    )


EVERYTHING = pause()
AGENT = pause(agent_id="billing")
TYPE = pause(operation_type="user.delete")


@pytest.mark.parametrize(
    ("one", "agent_id", "operation_type", "covers"),
    [
        (EVERYTHING, "billing", "user.delete", True),
        (AGENT, "billing", "note.write", True),
        (AGENT, "other", "note.write", False),
        (TYPE, "other", "user.delete", True),
        (TYPE, "other", "user.delete.all", False),
    ],
)
def test_a_pause_covers_its_scope_alone(one: Pause, agent_id: str, operation_type: str, covers: bool) -> None:  # noqa: FBT001
    """Everything, one agent's, or one operation type's, each by its whole name."""
    assert pause_on([one], agent_id, operation_type) == (one if covers else None)


def test_of_several_the_broadest_is_told() -> None:
    """Everything before the agent's before the operation type's, in whatever order they were made."""
    for pauses in ([TYPE, AGENT, EVERYTHING], [EVERYTHING, AGENT, TYPE]):
        assert pause_on(pauses, "billing", "user.delete") is EVERYTHING
    for pauses in ([TYPE, AGENT], [AGENT, TYPE]):
        assert pause_on(pauses, "billing", "user.delete") is AGENT
        assert pause_on(pauses, "other", "user.delete") is TYPE


def test_nothing_is_held_where_nothing_is_paused() -> None:
    """No pause, no hold."""
    assert pause_on([], "billing", "user.delete") is None


def test_a_scope_is_told_in_words() -> None:
    """By what it holds back."""
    assert scope_words(None, None) == "everything"
    assert scope_words("billing", None) == "agent billing"
    assert scope_words(None, "user.delete") == "operation type user.delete"


def test_a_pause_is_told_with_who_when_and_why() -> None:
    """The admin's own words come last, and are left out of what Temporal shows."""
    assert since(AGENT) == "by admin:ana since 2026-03-02 09:30:05 UTC"
    assert paused_sentence(AGENT) == (
        "agent billing is paused by admin:ana since 2026-03-02 09:30:05 UTC: The provider is down"
    )
