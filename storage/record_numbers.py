"""How much waits at a moment, in numbers for whoever watches over the service."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from assent.models import ApprovalStatus, RiskLevel
from domain.frozen import Frozen
from storage.alerts import AlertStore
from storage.database import Database
from storage.tables import approvals, pauses, stuck_approvals

_WITH_STATUS = select(func.count()).select_from(approvals)
_PENDING = approvals.c.status == ApprovalStatus.PENDING.value


class RecordNumbers(Frozen):
    """What waits at one moment. `oldest_pending` is the longest time that anything has waited for a decision."""

    pending: dict[RiskLevel, int]
    oldest_pending: timedelta
    overdue: int
    approved: int
    stuck: int
    alerts: int
    pauses: int


class NumberReads:
    """Counts what waits. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._alerts = AlertStore(database)

    def numbers(self, now: datetime) -> RecordNumbers:
        """Return what waits at `now`."""
        alerts = self._alerts.waiting(now=now)
        with self._database.read() as connection:
            oldest = connection.execute(select(func.min(approvals.c.created_at)).where(_PENDING)).scalar_one()
            overdue = _WITH_STATUS.where(_PENDING, approvals.c.expires_at <= now)
            approved = _WITH_STATUS.where(approvals.c.status == ApprovalStatus.APPROVED.value)
            in_force = select(func.count()).select_from(pauses).where(pauses.c.ended_at.is_(None))
            return RecordNumbers(
                pending=_pending_by_risk(connection),
                # The clocks of two machines may differ by a little.
                oldest_pending=timedelta(0) if oldest is None else max(now - oldest, timedelta(0)),
                overdue=connection.execute(overdue).scalar_one(),
                approved=connection.execute(approved).scalar_one(),
                stuck=connection.execute(select(func.count()).select_from(stuck_approvals)).scalar_one(),
                alerts=alerts,
                pauses=connection.execute(in_force).scalar_one(),
            )


def _pending_by_risk(connection: Connection) -> dict[RiskLevel, int]:
    counted = select(approvals.c.risk_level, func.count()).where(_PENDING).group_by(approvals.c.risk_level)
    found = {RiskLevel(level): number for level, number in connection.execute(counted)}
    return {level: found.get(level, 0) for level in RiskLevel}
