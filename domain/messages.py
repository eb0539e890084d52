"""What a workflow tells its activities. Each names the approval by the workflow's own id, never by what was sent."""

from datetime import datetime
from enum import StrEnum

from domain.approval import ExecutionOutcome
from domain.frozen import Frozen


class Assess(Frozen):
    """Assess the request that a workflow was started with, as JSON text; None when it was no JSON.

    `started_at` is when Temporal accepted the start.
    """

    approval_id: str
    run_id: str
    started_at: datetime
    request: str | None = None


class SignalKind(StrEnum):
    """What a queued message asks for."""

    DECIDE = "decide"
    CANCEL = "cancel"
    TEMPORAL_CANCEL = "temporal-cancel"


class RecordSignal(Frozen):
    """Take one message from the inbox, as JSON text, to the record; None when it was no JSON. `at` is workflow time."""

    approval_id: str
    kind: SignalKind
    at: datetime
    content: str | None = None


class RecordExpiry(Frozen):
    """Record that no decision came in time. `at` is the workflow's time, at or after the deadline."""

    approval_id: str
    at: datetime


class Execute(Frozen):
    """Run the approved operation: the stored one, since nothing of it travels here."""

    approval_id: str


class RecordOutcome(Frozen):
    """Record how the execution ended."""

    approval_id: str
    at: datetime
    outcome: ExecutionOutcome
