"""Pauses: which one holds a request back, and the words that tell it."""

from collections.abc import Iterable
from datetime import datetime

from assent.models import Pause


def pause_on(pauses: Iterable[Pause], agent_id: str, operation_type: str) -> Pause | None:
    """Return the pause that covers such a request, or None. Of several, the broadest is the one told."""
    covering = [
        pause
        for pause in pauses
        if pause.agent_id in (None, agent_id) and pause.operation_type in (None, operation_type)
    ]
    # Everything, then the agent's, then the operation type's.
    return min(covering, key=lambda pause: (pause.operation_type is not None, pause.agent_id is not None), default=None)


def scope_words(agent_id: str | None, operation_type: str | None) -> str:
    """Return what a scope pauses, as a sentence calls it."""
    if agent_id is not None:
        return f"agent {agent_id}"
    return "everything" if operation_type is None else f"operation type {operation_type}"


def since(pause: Pause) -> str:
    """Return who paused, and when: in our words alone, so that Temporal's UI may show them."""
    return f"by {pause.started_by} since {_written(pause.started_at)}"


def paused_sentence(pause: Pause) -> str:
    """Return who paused what, since when and why. The admin's own words come last."""
    return f"{scope_words(pause.agent_id, pause.operation_type)} is paused {since(pause)}: {pause.reason}"


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
