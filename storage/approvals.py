"""The transactions that decide an approval.

Each compares the row's status, writes once, and returns the stored state, which the workflow adopts. A second run of
any of them, after a kill or a lost reply, finds the work done and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from assent.models import ApprovalStatus
from domain.approval import BY_TIMEOUT, ApprovalState, ExecutionOutcome
from domain.audit import AuditEvent, cancel_refused, decision_refused
from domain.ballot import Cancel, Decision, Refusal
from storage.audit import append_event
from storage.database import Database
from storage.opening import Opening, open_approval
from storage.rows import (
    accept,
    ballot_of,
    change,
    insert_decision,
    locked_row,
    move,
    state_of,
    stored_state,
)
from storage.tables import decisions, executions

# Built once: to make a statement costs as much as to run it.
_READ_DECISION = select(decisions.c.content_digest).where(decisions.c.id == bindparam("decision_id"))
_READ_CLAIM = select(executions.c.approval_id).where(executions.c.approval_id == bindparam("claimed_id"))
_FINISH_CLAIM = update(executions).where(executions.c.approval_id == bindparam("claimed_id"))

_NEVER_STARTED = "It never started."
_UNKNOWN = "It started, and nobody knows whether it finished. Check the target system first."


class ApprovalStore:
    """Writes approvals. Every method is one transaction and raises StorageUnavailableError when there is none."""

    def __init__(self, database: Database, *, alerts: bool = False) -> None:
        """Take the database to write to, and whether what waits for people is to be told by alerts."""
        self._database = database
        self._alerts = alerts

    def state(self, approval_id: str) -> ApprovalState:
        """Return the stored state. Raises MissingRowError."""
        with self._database.read() as connection:
            return stored_state(connection, approval_id)

    def open(self, opening: Opening) -> ApprovalState:
        """Write an assessed approval, or keep the row that is there."""
        with self._database.write() as connection:
            open_approval(connection, opening, alerts=self._alerts)
            return stored_state(connection, opening.request.approval_id)

    def expire(self, approval_id: str, *, at: datetime) -> ApprovalState:
        """Close a pending approval whose deadline has passed at `at`; leave any other as it stands."""
        with self._changing(approval_id) as (connection, row):
            if row.status == ApprovalStatus.PENDING and at >= row.expires_at:
                move(connection, row, ApprovalStatus.EXPIRED, by=BY_TIMEOUT, at=at, decided_by=[BY_TIMEOUT])
            return stored_state(connection, approval_id)

    def decide(self, decision: Decision, *, at: datetime) -> ApprovalState:
        """Record an authentic decision once, accepted or refused, and what follows from it."""
        with self._changing(decision.approval_id) as (connection, row):
            known = connection.execute(_READ_DECISION, {"decision_id": decision.decision_id}).scalar_one_or_none()
            if known is not None:
                if known != decision.content_digest():
                    append_event(connection, decision_refused(decision, Refusal.REUSED_ID, at=at))
                return state_of(connection, row)
            ballot = ballot_of(connection, row)
            refusal = ballot.refusal(decision)
            insert_decision(connection, decision, refusal, at=at)
            if refusal is not None:
                append_event(connection, decision_refused(decision, refusal, at=at))
                change(connection, decision.approval_id)
                return stored_state(connection, decision.approval_id)
            accept(connection, row, decision, ballot.status_after(decision), at=at)
            return stored_state(connection, decision.approval_id)

    def cancel(self, cancel: Cancel, *, at: datetime) -> ApprovalState:
        """Close a pending approval as cancelled; tell in the log when it came too late."""
        with self._changing(cancel.approval_id) as (connection, row):
            if row.status == ApprovalStatus.PENDING:
                details = {"cancel_id": cancel.cancel_id, "reason": cancel.reason}
                move(
                    connection,
                    row,
                    ApprovalStatus.CANCELLED,
                    by=cancel.actor,
                    at=at,
                    decided_by=[cancel.actor],
                    details=details,
                )
            elif row.status != ApprovalStatus.CANCELLED:
                status = ApprovalStatus(row.status)
                append_event(connection, cancel_refused(cancel, status, digest=row.digest, at=at))
            return stored_state(connection, cancel.approval_id)

    def finish(self, approval_id: str, outcome: ExecutionOutcome, *, at: datetime) -> ApprovalState:
        """Record how the execution of an approved operation ended; leave any other approval as it stands."""
        with self._changing(approval_id) as (connection, row):
            if row.status == ApprovalStatus.APPROVED:
                claim = connection.execute(_READ_CLAIM, {"claimed_id": approval_id}).one_or_none()
                outcome = _corrected(outcome, claimed=claim is not None)
                connection.execute(
                    _FINISH_CLAIM,
                    {
                        "claimed_id": approval_id,
                        "finished_at": at,
                        "result": outcome.result,
                        "result_digest": outcome.result_digest,
                        "result_bytes": outcome.result_bytes,
                        "error": outcome.error,
                        "outcome_unknown": outcome.outcome_unknown,
                    },
                )
                status = ApprovalStatus.EXECUTED if outcome.succeeded else ApprovalStatus.FAILED
                details: dict[str, Any] = {
                    "outcome_unknown": outcome.outcome_unknown,
                    "result_digest": outcome.result_digest,
                }
                if outcome.refused is not None:
                    details["refusal"] = outcome.refused
                move(connection, row, status, by="system:worker", at=at, details=details)
            return stored_state(connection, approval_id)

    def append(self, audit_event: AuditEvent) -> None:
        """Write an audit event that changes no row, such as a refusal before anything was signalled."""
        with self._database.write() as connection:
            append_event(connection, audit_event)

    @contextmanager
    def _changing(self, approval_id: str) -> Iterator[tuple[Connection, Row[Any]]]:
        with self._database.write() as connection:
            yield connection, locked_row(connection, approval_id)


def _corrected(outcome: ExecutionOutcome, *, claimed: bool) -> ExecutionOutcome:
    """Return `outcome` as the claim allows it to be told.

    Without a claim nothing ran, whatever was reported. With one, a try that was refused knows nothing of the try that
    had started before it.
    """
    if not claimed:
        return ExecutionOutcome(refused=outcome.refused or outcome.error or _NEVER_STARTED)
    if outcome.refused is not None:
        return ExecutionOutcome(error=f"{outcome.refused} {_UNKNOWN}", outcome_unknown=True)
    if outcome.outcome_unknown and outcome.error is None:
        return outcome.model_copy(update={"error": _UNKNOWN})
    return outcome
