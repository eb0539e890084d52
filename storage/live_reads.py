"""The newest part of the audit log, as those follow it who look at a page while things happen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from assent.models import ApprovalStatus, RiskLevel
from domain.audit import Action
from domain.frozen import Frozen
from domain.listing import ChangedApproval, QueueSummary
from storage.database import Database
from storage.queue_reads import read_summary
from storage.tables import approvals, audit_events

LATE = 500
"""On PostgreSQL an event may become visible after so many later ones: its position is taken before it commits."""

LATE_FOR_ONE = 50
"""The same for somebody who has just read a page, and would be told again what the page shows."""

AT_ONCE = 1_000
"""How many events are told at a time."""

_CHANGES = frozenset(
    {
        Action.APPROVAL_REQUESTED,
        Action.APPROVAL_APPROVED,
        Action.APPROVAL_REJECTED,
        Action.APPROVAL_EXPIRED,
        Action.APPROVAL_CANCELLED,
        Action.APPROVAL_EXECUTED,
        Action.APPROVAL_FAILED,
        Action.APPROVAL_STUCK,
        Action.APPROVAL_UNSTUCK,
        Action.DECISION_RECORDED,
        Action.EXECUTION_STARTED,
        Action.EXECUTION_SETTLED,
    }
)
"""The others tell of what was refused, and leave the approval as it stood."""


class Tail(Frozen):
    """What waits, and which approvals changed since the last look. `more`: the rest must be read at once."""

    summary: QueueSummary
    changed: tuple[ChangedApproval, ...] = ()
    more: bool = False


class LogTail:
    """Follows the audit log from its end on, or from a position, and tells each event once.

    For one thread at a time. Raises StorageUnavailableError when there is no database.
    """

    def __init__(self, database: Database, after: int | None = None) -> None:
        """Take the database, and the position of the last event that is known already."""
        self._database = database
        self._position = after
        self._told: set[int] = set()
        # SQLite has one writer at a time: there, positions become visible in order.
        self._late = 0 if database.is_sqlite else LATE if after is None else LATE_FOR_ONE

    def read(self, now: datetime) -> Tail:
        """Return what waits at `now`, and what changed since the last call; the first one only finds the end."""
        with self._database.read() as connection:
            summary = read_summary(connection, now)
            if self._position is None:
                self._remember(self._events(connection, summary.position), summary.position)
                return Tail(summary=summary)
            events = self._events(connection, self._position)
            new = [row for row in events if row.seq not in self._told]
            tail = Tail(
                summary=summary,
                changed=_changed(connection, [row for row in new if row.action in _CHANGES]),
                more=len(new) >= AT_ONCE,
            )
        self._remember(events, max([self._position, *(row.seq for row in new)]))
        return tail

    def _events(self, connection: Connection, position: int) -> list[Row[Any]]:
        """Return the events from shortly before `position` on; what was told of them already is among them."""
        query = (
            select(audit_events.c.seq, audit_events.c.action, audit_events.c.approval_id, audit_events.c.at)
            .where(audit_events.c.seq > position - self._late)
            .order_by(audit_events.c.seq)
            .limit(AT_ONCE + len(self._told))
        )
        return [*connection.execute(query)]

    def _remember(self, events: Sequence[Row[Any]], position: int) -> None:
        self._position = position
        self._told.update(row.seq for row in events)
        self._told = {seq for seq in self._told if seq > position - self._late}


def _changed(connection: Connection, events: Sequence[Row[Any]]) -> tuple[ChangedApproval, ...]:
    """Return the approvals that these events tell of, in the order in which each was last told of."""
    if not events:
        return ()
    new = {row.approval_id for row in events if row.action == Action.APPROVAL_REQUESTED}
    last_told = {row.approval_id: (row.seq, row.at) for row in events}
    columns = (
        approvals.c.id,
        approvals.c.status,
        approvals.c.risk_level,
        approvals.c.agent_id,
        approvals.c.operation_type,
        approvals.c.decided_by,
        approvals.c.closed_at,
    )
    rows = connection.execute(select(*columns).where(approvals.c.id.in_(list(last_told)))).all()
    return tuple(
        ChangedApproval(
            id=row.id,
            status=ApprovalStatus(row.status),
            arrived=row.id in new and row.status == ApprovalStatus.PENDING,
            risk_level=RiskLevel(row.risk_level),
            agent_id=row.agent_id,
            operation_type=row.operation_type,
            decided_by=tuple(row.decided_by),
            at=last_told[row.id][1],
            closed_at=row.closed_at,
        )
        for row in sorted(rows, key=lambda row: last_told[row.id][0])
    )
