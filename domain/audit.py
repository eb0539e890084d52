"""Audit events: one immutable line for every change of state, every refusal and every change of a key."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from pydantic import Field

from assent.models import ApprovalStatus
from domain.ballot import Cancel, Decision, Refusal
from domain.frozen import Frozen

_NAMESPACE = UUID("0193f1a4-6f0e-7c1b-9a53-6f1d5c1c2b7e")


class Action(StrEnum):
    """What an audit event tells."""

    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REJECTED = "approval.rejected"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_CANCELLED = "approval.cancelled"
    APPROVAL_EXECUTED = "approval.executed"
    APPROVAL_FAILED = "approval.failed"
    APPROVAL_STUCK = "approval.stuck"
    APPROVAL_UNSTUCK = "approval.unstuck"
    DECISION_RECORDED = "decision.recorded"
    DECISION_REFUSED = "decision.refused"
    CANCEL_REFUSED = "cancel.refused"
    EXECUTION_STARTED = "execution.started"
    EXECUTION_REFUSED = "execution.refused"
    EXECUTION_SETTLED = "execution.settled"
    ACCESS_REFUSED = "access.refused"
    SUBMISSION_REFUSED = "submission.refused"
    SUBMISSION_CONFLICT = "submission.conflict"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    POLICY_LOADED = "policy.loaded"
    PATTERN_CREATED = "pattern.created"
    PATTERN_CHANGED = "pattern.changed"
    PATTERN_SUSPENDED = "pattern.suspended"
    PATTERN_DELETED = "pattern.deleted"
    PAUSE_STARTED = "pause.started"
    PAUSE_ENDED = "pause.ended"
    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    PERSON_DISABLED = "person.disabled"
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    SESSION_REFUSED = "session.refused"


class AuditEvent(Frozen):
    """One line of the log. `at` is UTC; `details` hold ids, names and digests, never an operation's parameters."""

    event_id: str
    at: datetime
    actor: str
    action: Action
    approval_id: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


def event_id(action: Action, *subject: str) -> str:
    """Return the id of the event that tells `action` of `subject`: the same for every retry, so it is written once."""
    return str(uuid5(_NAMESPACE, "\x00".join((action.value, *subject))))


def decision_refused(decision: Decision, refusal: Refusal, *, at: datetime) -> AuditEvent:
    """Return the event that tells why a decision did not count."""
    return AuditEvent(
        event_id=event_id(Action.DECISION_REFUSED, decision.approval_id, decision.decision_id, refusal.value),
        at=at,
        actor=str(decision.principal),
        action=Action.DECISION_REFUSED,
        approval_id=decision.approval_id,
        digest=decision.digest,
        details={
            "decision_id": decision.decision_id,
            "outcome": decision.outcome.value,
            "refusal": refusal.value,
        },
    )


def cancel_refused(cancel: Cancel, status: ApprovalStatus, *, digest: str, at: datetime) -> AuditEvent:
    """Return the event that tells of a cancel that came too late."""
    return AuditEvent(
        event_id=event_id(Action.CANCEL_REFUSED, cancel.approval_id, cancel.cancel_id),
        at=at,
        actor=cancel.actor,
        action=Action.CANCEL_REFUSED,
        approval_id=cancel.approval_id,
        digest=digest,
        details={"status": status.value, "refusal": Refusal.ALREADY_DECIDED.value},
    )
