"""The alerts that are still to be sent: written with what they tell of, taken by one sender at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, select, update

from assent.alerts import AlertedApproval, AlertType
from assent.models import Operation
from domain.alerts import GIVEN_UP_AFTER, LONGEST_DELAY, DueAlert, alert_id, half_time
from domain.titles import title_of
from storage.database import Database
from storage.tables import alerts, approvals, executions

# Built once: to make a statement costs as much as to run it.
_INSERT = alerts.insert()
_IS_DUE = alerts.c.next_try_at <= bindparam("now")
_ANY_DUE = select(alerts.c.id).where(_IS_DUE).limit(1)
# Whoever comes second passes over what the first has locked, and finds it taken afterwards.
_TAKE = (
    select(
        alerts.c.id.label("alert_id"),
        alerts.c.type,
        alerts.c.due_at,
        alerts.c.attempts,
        approvals.c.id,
        approvals.c.status,
        approvals.c.operation_type,
        approvals.c.resource_type,
        approvals.c.agent_id,
        approvals.c.risk_level,
        approvals.c.required_approvals,
        approvals.c.created_at,
        approvals.c.expires_at,
        approvals.c.closed_at,
        approvals.c.decided_by,
        executions.c.outcome_unknown,
    )
    .select_from(alerts.join(approvals).outerjoin(executions, executions.c.approval_id == approvals.c.id))
    .where(_IS_DUE)
    .order_by(alerts.c.next_try_at)
    .limit(bindparam("limit"))
    .with_for_update(of=alerts, skip_locked=True)
)
# By the attempt as well: a sender that was away for longer than its lease changes nothing of the next one's.
_POSTPONE = (
    update(alerts)
    .where(alerts.c.id == bindparam("alert_id"), alerts.c.attempts == bindparam("attempt"))
    .values(next_try_at=bindparam("later"))
)


def plan_alerts(connection: Connection, approval_id: str, *, created_at: datetime, expires_at: datetime) -> None:
    """Write, with a new approval that waits for people, the alert of now and the one of half its time."""
    moments = {AlertType.REQUESTED: created_at, AlertType.HALF_TIME: half_time(created_at, expires_at)}
    connection.execute(_INSERT, [_row(approval_id, alert_type, at) for alert_type, at in moments.items()])


def plan_end_alert(connection: Connection, approval_id: str, *, at: datetime) -> None:
    """Write, with an approval's end, the alert that tells of it."""
    connection.execute(_INSERT, _row(approval_id, AlertType.ENDED, at))


class AlertStore:
    """Hands out the alerts that are due. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def take(self, limit: int, *, now: datetime, until: datetime) -> list[DueAlert]:
        """Return at most `limit` alerts that are due, the one that has waited longest first.

        They are the caller's until `until`; those that it has not settled by then are due again.
        """
        # Mostly there is nothing to do, and to find that out takes no lock.
        with self._database.read() as connection:
            if connection.execute(_ANY_DUE, {"now": now}).first() is None:
                return []
        with self._database.write() as connection:
            taken = [_due(row) for row in connection.execute(_TAKE, {"now": now, "limit": limit})]
            if taken:
                held = update(alerts).where(alerts.c.id.in_([alert.alert_id for alert in taken]))
                connection.execute(held.values(attempts=alerts.c.attempts + 1, next_try_at=until))
            return taken

    def settle(self, done: Sequence[DueAlert], again: Sequence[tuple[DueAlert, datetime]]) -> None:
        """Forget the alerts that are `done`, and keep those of `again` until they are due at the time beside them."""
        with self._database.write() as connection:
            if done:
                connection.execute(delete(alerts).where(alerts.c.id.in_([alert.alert_id for alert in done])))
            if again:
                later = [
                    {"alert_id": alert.alert_id, "attempt": alert.attempts, "later": moment} for alert, moment in again
                ]
                connection.execute(_POSTPONE, later)

    def give_up(self, *, now: datetime) -> int:
        """Forget the alerts that nobody could send for a day; return how many those were."""
        stale = delete(alerts).where(alerts.c.due_at < now - GIVEN_UP_AFTER, _may_be_late(now))
        with self._database.write() as connection:
            return connection.execute(stale).rowcount

    def waiting(self, *, now: datetime) -> int:
        """Return how many alerts should have been sent by now."""
        query = select(func.count()).where(alerts.c.due_at <= now, _may_be_late(now))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()


def _may_be_late(now: datetime) -> ColumnElement[bool]:
    # The index is that of the next try, which is never further ahead than this once an alert is due.
    return alerts.c.next_try_at <= now + LONGEST_DELAY


def _row(approval_id: str, alert_type: AlertType, at: datetime) -> dict[str, Any]:
    return {
        "id": alert_id(alert_type, approval_id),
        "approval_id": approval_id,
        "type": alert_type.value,
        "due_at": at,
        "next_try_at": at,
        "attempts": 0,
    }


def _due(row: Row[*tuple[Any, ...]]) -> DueAlert:
    return DueAlert(
        alert_id=row.alert_id,
        type=AlertType(row.type),
        due_at=row.due_at,
        attempts=row.attempts + 1,
        approval=AlertedApproval(
            id=row.id,
            status=row.status,
            # Without what an agent wrote: neither the resource's id nor the parameters that the declared title names.
            title=title_of(Operation(type=row.operation_type, resource_type=row.resource_type)),
            operation_type=row.operation_type,
            resource_type=row.resource_type,
            agent_id=row.agent_id,
            risk_level=row.risk_level,
            required_approvals=row.required_approvals,
            created_at=row.created_at,
            expires_at=row.expires_at,
            closed_at=row.closed_at,
            decided_by=row.decided_by,
            outcome_unknown=bool(row.outcome_unknown),
        ),
    )
