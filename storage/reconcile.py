"""The record against what Temporal has: which approvals are open, and the end of one that has lost its workflow."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from assent.models import ApprovalStatus
from domain.approval import BY_RECONCILE
from domain.lost import END_SENTENCES, WorkflowEnd
from storage.database import Database
from storage.rows import move, read_row
from storage.tables import approvals, executions

_OPEN = approvals.c.status.in_([status.value for status in ApprovalStatus if not status.is_terminal])
_UNKNOWN = "It had started, and nobody knows whether it finished. Check the target system first."


class ReconcileStore:
    """Reads what is open, and closes what nothing else would. Raises StorageUnavailableError without a database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def compare(self, running: AbstractSet[str], *, created_before: datetime) -> tuple[list[str], set[str]]:
        """Compare the open approvals with the ids of those whose workflows run.

        Return the open ones of which none runs, among those created before a time, and the running ones that are not
        open.
        """
        missing, not_open = [], set(running)
        query = select(approvals.c.id, (approvals.c.created_at < created_before).label("settled")).where(_OPEN)
        with self._database.read() as connection:
            for approval_id, settled in connection.execute(query):
                if approval_id in running:
                    not_open.discard(approval_id)
                elif settled:
                    missing.append(approval_id)
        return missing, not_open

    def open_after(self, approval_id: str, *, created_before: datetime, limit: int) -> list[str]:
        """Return open approvals created before a time, in the order of their ids, beyond `approval_id`."""
        query = (
            select(approvals.c.id)
            .where(_OPEN, approvals.c.id > approval_id, approvals.c.created_at < created_before)
            .order_by(approvals.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [*connection.execute(query).scalars()]

    def overdue(self, *, expired_before: datetime, limit: int) -> list[str]:
        """Return open approvals whose deadline was before a time, the oldest first."""
        query = (
            select(approvals.c.id)
            .where(_OPEN, approvals.c.expires_at < expired_before)
            .order_by(approvals.c.expires_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [*connection.execute(query).scalars()]

    def close(self, approval_id: str, end: WorkflowEnd, *, at: datetime) -> ApprovalStatus | None:
        """Close an open approval whose workflow has come to `end`; return its status, or None when it was closed.

        What never started is cancelled. What has a claim has failed, and nobody knows how far it came.
        """
        with self._database.write() as connection:
            row = read_row(connection, approval_id, locked=True)
            if row is None or ApprovalStatus(row.status).is_terminal:
                return None
            details: dict[str, Any] = {"workflow": end.value, "reason": END_SENTENCES[end]}
            if _finish_unknown(connection, row, end, at=at):
                details |= {"outcome_unknown": True, "result_digest": None}
                move(connection, row, ApprovalStatus.FAILED, by=BY_RECONCILE, at=at, details=details)
                return ApprovalStatus.FAILED
            cancelled = ApprovalStatus.CANCELLED
            move(connection, row, cancelled, by=BY_RECONCILE, at=at, decided_by=[BY_RECONCILE], details=details)
            return cancelled


def _finish_unknown(connection: Connection, row: Row[Any], end: WorkflowEnd, *, at: datetime) -> bool:
    """Write to the claim that its end is not known; return False when there is none."""
    claim = update(executions).where(executions.c.approval_id == row.id)
    error = f"{END_SENTENCES[end]} {_UNKNOWN}"
    return connection.execute(claim.values(finished_at=at, error=error, outcome_unknown=True)).rowcount > 0
