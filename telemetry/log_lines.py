"""One log line for each audit event, with ids, names and words of our own; never what people or agents wrote."""

from collections.abc import Sequence
from typing import Any

import structlog

from domain.audit import Action, AuditEvent
from storage.appended import Appended

_SESSION = ("session_id", "person", "by", "why")
_KEY = ("key_id", "name", "role", "owner")
_PERSON = ("name", "role", "changed")
_PATTERN = ("pattern_id", "revision")
_PAUSE = ("pause_id", "agent_id", "operation_type")

_TOLD: dict[Action, tuple[str, ...]] = {
    Action.APPROVAL_REQUESTED: ("operation", "risk", "verdict", "policy_version", "rules", "failed_rules"),
    Action.APPROVAL_CANCELLED: ("cancel_id",),
    Action.APPROVAL_FAILED: ("outcome_unknown",),
    # Its cause is a sentence of ours, by what Temporal reports: nothing that a failure said.
    Action.APPROVAL_STUCK: ("since", "cause"),
    Action.APPROVAL_UNSTUCK: ("since",),
    Action.DECISION_RECORDED: ("decision_id", "outcome"),
    Action.DECISION_REFUSED: ("decision_id", "outcome", "refusal"),
    Action.CANCEL_REFUSED: ("status", "refusal"),
    # Not its `refusal`: that is a sentence, which may quote what was asked for.
    Action.EXECUTION_REFUSED: ("status",),
    Action.EXECUTION_SETTLED: ("outcome",),
    # Not the path, which the caller has written.
    Action.ACCESS_REFUSED: ("method",),
    Action.SUBMISSION_REFUSED: ("refusal", "run_id"),
    Action.KEY_CREATED: _KEY,
    Action.KEY_REVOKED: _KEY,
    Action.POLICY_LOADED: ("version",),
    Action.PATTERN_CREATED: _PATTERN,
    Action.PATTERN_CHANGED: _PATTERN,
    Action.PATTERN_SUSPENDED: _PATTERN,
    Action.PATTERN_DELETED: _PATTERN,
    Action.PAUSE_STARTED: _PAUSE,
    Action.PAUSE_ENDED: _PAUSE,
    Action.PERSON_ADDED: _PERSON,
    Action.PERSON_CHANGED: _PERSON,
    Action.PERSON_DISABLED: _PERSON,
    Action.SESSION_STARTED: _SESSION,
    Action.SESSION_ENDED: _SESSION,
    Action.SESSION_REFUSED: ("by", "name"),
}
"""The details that are told of each action. Whatever else an event holds stays in the record."""

_ERRORS = frozenset({Action.APPROVAL_STUCK})
"""What an engineer has to look at; the others are the service's daily work."""

_log = structlog.get_logger("assent.events")


def log_events(appended: Sequence[Appended]) -> None:
    """Write a line for each event, called by its action."""
    for event, _wait in appended:
        tell = _log.error if event.action in _ERRORS else _log.info
        tell(event.action.value, **_line(event))


def _line(event: AuditEvent) -> dict[str, Any]:
    line: dict[str, Any] = {"approval_id": event.approval_id, "actor": event.actor, "digest": event.digest}
    line |= {name: event.details.get(name) for name in _TOLD.get(event.action, ())}
    return {name: value for name, value in line.items() if value is not None}
