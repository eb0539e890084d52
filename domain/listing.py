"""How approvals are listed: what is wanted, in which order, and where a page ends."""

from datetime import datetime
from enum import StrEnum

from assent.models import ApprovalStatus, RiskLevel
from domain.frozen import Frozen


class Sort(StrEnum):
    """The order of a list: the nearest deadline first, or the newest first."""

    EXPIRES_AT = "expires_at"
    NEWEST = "-created_at"


class ApprovalFilter(Frozen):
    """What a list is restricted to; None restricts nothing."""

    status: ApprovalStatus | None = None
    risk_level: RiskLevel | None = None
    agent_id: str | None = None
    operation_type: str | None = None
    resource_type: str | None = None


class Position(Frozen):
    """The last row of a page: the next page starts after it, whatever was inserted meanwhile."""

    at: datetime
    approval_id: str
