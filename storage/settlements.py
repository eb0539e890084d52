"""Settlements: what an admin found out about an execution whose outcome was unknown, once for each approval."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from assent.models import ApprovalStatus, SettledOutcome, Settlement
from domain.audit import Action, AuditEvent, event_id
from domain.errors import NotUnknownError
from storage.audit import append_event
from storage.database import Database
from storage.rows import change, read_row
from storage.tables import executions, settlements


class SettlementStore:
    """Writes settlements. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def settle(self, approval_id: str, settlement: Settlement) -> None:
        """Write what was found, once; the same from the same person again changes nothing. Raises NotUnknownError."""
        with self._database.write() as connection:
            approval = read_row(connection, approval_id, locked=True)
            if approval is None or not _ended_unknown(connection, approval):
                message = "Only a failed approval with `outcome_unknown` is settled, and this one is not. Read it."
                raise NotUnknownError(message)
            stored = settlements_of(connection, [approval_id]).get(approval_id)
            if stored is not None:
                _check_same(stored, settlement)
                return
            values = settlement.model_dump() | {"approval_id": approval_id, "outcome": settlement.outcome.value}
            connection.execute(insert(settlements).values(values))
            append_event(
                connection,
                AuditEvent(
                    event_id=event_id(Action.EXECUTION_SETTLED, approval_id),
                    at=settlement.settled_at,
                    actor=settlement.settled_by,
                    action=Action.EXECUTION_SETTLED,
                    approval_id=approval_id,
                    digest=approval.digest,
                    details={"outcome": settlement.outcome.value, "note": settlement.note},
                ),
            )
            change(connection, approval_id)


def settlements_of(connection: Connection, approval_ids: list[str]) -> dict[str, Settlement]:
    """Return what was found out about those of the approvals that were settled."""
    if not approval_ids:
        return {}
    found = select(settlements).where(settlements.c.approval_id.in_(approval_ids))
    return {row.approval_id: _settlement(row) for row in connection.execute(found)}


def _ended_unknown(connection: Connection, approval: Row[Any]) -> bool:
    unknown = select(executions.c.outcome_unknown).where(executions.c.approval_id == approval.id)
    return approval.status == ApprovalStatus.FAILED and bool(connection.execute(unknown).scalar_one_or_none())


def _check_same(stored: Settlement, settlement: Settlement) -> None:
    if settlement.model_copy(update={"settled_at": stored.settled_at}) != stored:
        message = (
            f"{stored.settled_by} settled this on {stored.settled_at:%Y-%m-%d at %H:%M:%S} UTC as "
            f"{stored.outcome.value}, and it stays so: {stored.note}"
        )
        raise NotUnknownError(message)


def _settlement(row: Row[Any]) -> Settlement:
    return Settlement(
        outcome=SettledOutcome(row.outcome),
        note=row.note,
        settled_by=row.settled_by,
        settled_at=row.settled_at,
    )
