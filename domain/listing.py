"""How approvals are listed: what is wanted, in which order, and where a page ends."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from assent.models import ApprovalStatus, RiskLevel
from domain.frozen import Frozen

# Every database can hold what lies between, in any time zone.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


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

    at: Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
    approval_id: str = Field(max_length=64, pattern=r"^[0-9a-f-]+$")
