"""Approvals whose workflows are stuck: which, since when and why, until they go on."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select

from assent.models import Stuck
from domain.approval import BY_RECONCILE
from domain.audit import Action, AuditEvent, event_id
from storage.audit import append_event
from storage.database import Database, insert_once
from storage.rows import change
from storage.tables import approvals, stuck_approvals

# Built once: to make a statement costs as much as to run it.
_READ = select(stuck_approvals).where(stuck_approvals.c.approval_id.in_(bindparam("ids", expanding=True)))


class StuckStore:
    """Reads and writes what is stuck. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def count(self) -> int:
        """Return how many approvals are stuck."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(stuck_approvals)).scalar_one()

    def ids(self) -> list[str]:
        """Return the approvals that are stuck."""
        with self._database.read() as connection:
            return [*connection.execute(select(stuck_approvals.c.approval_id)).scalars()]

    def begin(self, approval_id: str, stuck: Stuck, *, at: datetime) -> None:
        """Write and tell that an approval is stuck, unless that is known."""
        with self._database.write() as connection:
            if insert_once(connection, stuck_approvals, {"approval_id": approval_id, **stuck.model_dump()}):
                _tell(connection, Action.APPROVAL_STUCK, approval_id, stuck, at=at)

    def end(self, approval_id: str, *, at: datetime) -> None:
        """Write and tell that an approval is no longer stuck, unless it was not."""
        ended = delete(stuck_approvals).where(stuck_approvals.c.approval_id == approval_id).returning(stuck_approvals)
        with self._database.write() as connection:
            row = connection.execute(ended).one_or_none()
            if row is not None:
                stuck = Stuck(since=row.since, cause=row.cause)
                _tell(connection, Action.APPROVAL_UNSTUCK, approval_id, stuck, at=at)


def stuck_of(connection: Connection, approval_ids: Sequence[str]) -> dict[str, Stuck]:
    """Return since when and why those of the approvals are stuck that are."""
    found = connection.execute(_READ, {"ids": approval_ids})
    return {row.approval_id: Stuck(since=row.since, cause=row.cause) for row in found}


def _tell(connection: Connection, action: Action, approval_id: str, stuck: Stuck, *, at: datetime) -> None:
    digest = connection.execute(select(approvals.c.digest).where(approvals.c.id == approval_id)).scalar_one_or_none()
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, approval_id, stuck.since.isoformat()),
            at=at,
            actor=BY_RECONCILE,
            action=action,
            approval_id=approval_id,
            digest=digest,
            details={"since": stuck.since.isoformat(), "cause": stuck.cause},
        ),
    )
    if digest is not None:
        change(connection, approval_id)
