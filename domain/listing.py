"""How approvals are listed: what is wanted, in which order, where a page ends, and what a queue tells of itself."""

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
    """The order of a list: the nearest deadline first, the newest first, or the highest risk first.

    Of the same risk, the nearest deadline comes first.
    """

    EXPIRES_AT = "expires_at"
    NEWEST = "-created_at"
    RISK = "-risk_level"


class ApprovalFilter(Frozen):
    """What a list is restricted to; None restricts nothing. `q`: words that all occur somewhere in an approval."""

    status: ApprovalStatus | None = None
    risk_level: RiskLevel | None = None
    agent_id: str | None = None
    operation_type: str | None = None
    resource_type: str | None = None
    q: str | None = None


class Position(Frozen):
    """The last row of a page: the next page starts after it, whatever was inserted meanwhile.

    `at` is the time that the list is ordered by; `risk_level` is set where the risk comes before it.
    """

    at: Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
    approval_id: str = Field(max_length=64, pattern=r"^[0-9a-f-]+$")
    risk_level: RiskLevel | None = None


class QueueSummary(Frozen):
    """What waits for a decision and can still get one.

    `waiting` is counted up to a limit, and `capped` says that there are more. `next_expires_at` is the nearest deadline
    among them. `last_decided_at` is when an approval last ended, `any_ever` whether there has ever been one.
    `position` is that of the newest audit event: a follower of the feed who starts from it misses nothing.
    """

    waiting: int
    capped: bool = False
    next_expires_at: datetime | None = None
    last_decided_at: datetime | None = None
    any_ever: bool = False
    position: int = 0


class ChangedApproval(Frozen):
    """An approval of which something was told just now, as it stands. `arrived`: it is new, and waits.

    `at` is when that was told; `closed_at` is None until the approval has ended.
    """

    id: str
    status: ApprovalStatus
    arrived: bool
    risk_level: RiskLevel
    agent_id: str
    operation_type: str
    decided_by: tuple[str, ...]
    at: datetime
    closed_at: datetime | None = None


class SimilarRequest(Frozen):
    """Another request for the same type of operation on the same type of resource."""

    id: str
    agent_id: str
    resource_id: str
    status: ApprovalStatus
    created_at: datetime
    decided_by: tuple[str, ...]


class ApprovalHistory(Frozen):
    """What became of the requests beside this one: its agent's, those of them of the same type, and similar ones.

    The numbers are of the last 30 days, by status, without this request. `capped`: they are of the agent's newest
    requests only, because there are too many to count. `similar` are anybody's, of any age, the newest first.
    """

    agent: dict[ApprovalStatus, int]
    same_operation: dict[ApprovalStatus, int]
    similar: tuple[SimilarRequest, ...]
    capped: bool = False
