"""Alerts: what they say, when each is due, and how long it is tried again."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from assent.alerts import Alert, AlertedApproval, AlertType
from assent.models import ApprovalStatus
from domain.frozen import Frozen

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
GIVEN_UP_AFTER = timedelta(days=1)

_NAMESPACE = UUID("7d0f4c52-3a1e-5d5c-9d55-0c7b1a0f6a3e")
# Beyond this many doublings the delay is the longest one anyway.
_DOUBLINGS = 10


def alert_id(alert_type: AlertType, approval_id: str) -> str:
    """Return the id that an alert has whenever it is sent, so that its receiver knows a repeat."""
    return str(uuid5(_NAMESPACE, f"{alert_type.value}\x00{approval_id}"))


def half_time(created_at: datetime, expires_at: datetime) -> datetime:
    """Return when half of the time to decide is over."""
    return created_at + (expires_at - created_at) / 2


def delay_after(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many failed attempts.

    Twice as long each time, up to a quarter of an hour. `chance`, from 0 to 1, takes up to half of it away, so that
    what failed together does not come back together.
    """
    doublings = min(attempts - 1, _DOUBLINGS)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY) * (1 - chance / 2)


class DueAlert(Frozen):
    """An alert whose moment has come. `attempts` counts the one that is about to be made."""

    alert_id: str
    type: AlertType
    due_at: datetime
    attempts: int
    approval: AlertedApproval

    def is_wanted(self, now: datetime) -> bool:
        """Whether it still says something: that half of the time is over matters only while people can decide."""
        if self.type is not AlertType.HALF_TIME:
            return True
        return self.approval.status is ApprovalStatus.PENDING and now < self.approval.expires_at

    def body(self, public_url: str | None) -> str:
        """Return what is sent, as JSON, with a link where the dashboard's address is known."""
        page = None if public_url is None else f"{public_url.rstrip('/')}/approvals/{self.approval.id}"
        told = self.approval.model_copy(update={"url": page})
        return Alert(type=self.type, timestamp=self.due_at, data=told).model_dump_json()
