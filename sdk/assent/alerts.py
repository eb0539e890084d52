"""What Assent tells a `notify` URL: one signed POST for each alert, in the form of Standard Webhooks.

A receiver proves the signature first, then reads the body: `Alert.model_validate_json(body)`.
"""

from datetime import datetime
from enum import StrEnum

from assent.models import ApprovalStatus, Received, RiskLevel


class AlertType(StrEnum):
    """What has happened: somebody is asked, half of the time to decide is over, or the approval has ended."""

    REQUESTED = "approval.requested"
    HALF_TIME = "approval.half_time"
    ENDED = "approval.ended"


class AlertedApproval(Received):
    """The approval as it is when the alert is sent: names, times and Assent's own words, nothing that an agent wrote.

    `title` is made of the operation's declared type and resource type, such as `delete user`. `decided_by` names who
    decided, as in an approval. `outcome_unknown`: it started, and nobody knows whether it finished. `url` is the
    approval's page for reviewers, where the service knows its own address.
    """

    id: str
    status: ApprovalStatus
    title: str
    operation_type: str
    resource_type: str
    agent_id: str
    risk_level: RiskLevel
    required_approvals: int
    created_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    decided_by: list[str]
    outcome_unknown: bool = False
    url: str | None = None


class Alert(Received):
    """The body of the POST. `timestamp` is the moment that it tells of, however late it is sent."""

    type: AlertType
    timestamp: datetime
    data: AlertedApproval
