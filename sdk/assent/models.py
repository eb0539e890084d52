"""The words that travel over the wire, defined once for the service and for its clients.

Times are RFC 3339 in UTC. Bodies that clients send refuse fields they do not know; bodies that clients receive ignore
them, so that an older client reads a newer service.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MAX_REASON = 1_000
MAX_COMMENT = 2_000
NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"


class RiskLevel(StrEnum):
    """How much harm an operation can do; it sets how long reviewers have to decide."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Verdict(StrEnum):
    """What policy and trusted patterns ask for."""

    ASK = "ask"
    ALLOW = "allow"
    DENY = "deny"


class ApprovalStatus(StrEnum):
    """Where an approval stands. Everything but `pending` and `approved` is terminal."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXECUTED = "executed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the approval has ended for good."""
        return self not in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)


class Outcome(StrEnum):
    """What one reviewer says."""

    APPROVE = "approve"
    REJECT = "reject"


class SettledOutcome(StrEnum):
    """What an admin found out about an execution whose outcome was unknown."""

    EXECUTED = "executed"
    FAILED = "failed"


class Role(StrEnum):
    """What the holder of a key may do."""

    AGENT = "agent"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Sent(BaseModel):
    """A body that a client sends: exact types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Received(BaseModel):
    """A body that a client receives: later releases may add fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Operation(Sent):
    """What an agent wants done."""

    type: str = Field(min_length=1, max_length=128, examples=["user.delete"])
    resource_type: str = Field(min_length=1, max_length=128, examples=["user"])
    resource_id: str = Field(default="", max_length=255, examples=["42"])
    parameters: dict[str, Any] = Field(default_factory=dict)


class Submission(Sent):
    """One request for approval, as an agent sends it."""

    operation: Operation
    reason: str = Field(min_length=1, max_length=MAX_REASON, examples=["The customer asked for erasure."])
    context: dict[str, Any] = Field(default_factory=dict)
    risk_level: Annotated[RiskLevel, Field(strict=False)] | None = Field(
        default=None, description="The least risk that the agent itself sees. It can only raise what policy says."
    )


class DecisionRequest(Sent):
    """A reviewer's decision, bound to the digest of what the reviewer saw."""

    outcome: Annotated[Outcome, Field(strict=False)]
    comment: str = Field(default="", max_length=MAX_COMMENT)
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class PauseScope(Sent):
    """What to pause or to resume: one agent, one operation type, or, with neither, everything."""

    agent_id: str | None = Field(default=None, min_length=1, max_length=63, examples=["billing-agent"])
    operation_type: str | None = Field(default=None, min_length=1, max_length=128, examples=["user.delete"])

    @model_validator(mode="after")
    def _check_one_kind(self) -> Self:
        if self.agent_id is not None and self.operation_type is not None:
            kind, message = "two_scopes", "Name an agent or an operation type, not both; with neither it is everything"
            raise PydanticCustomError(kind, message)
        return self


class NewPause(PauseScope):
    """A pause to be made. People read the reason wherever they meet the pause."""

    reason: str = Field(min_length=1, max_length=MAX_REASON, examples=["The payment provider is down."])


class NewSettlement(Sent):
    """What was found out about an execution whose outcome is unknown."""

    outcome: Annotated[SettledOutcome, Field(strict=False)]
    note: str = Field(min_length=1, max_length=MAX_COMMENT, examples=["The provider's log shows the refund."])


class NewKey(Sent):
    """A key to be made."""

    name: str = Field(pattern=rf"^{NAME_PATTERN}$", examples=["billing-agent"])
    role: Annotated[Role, Field(strict=False)]
    owner: str | None = Field(default=None, pattern=rf"^{NAME_PATTERN}$")


class Risk(Received):
    """The assessed risk, with the sentences that explain it to the reviewer."""

    level: RiskLevel
    reasons: list[str]


class RuleResult(Received):
    """What one rule of the policy made of a request.

    `error` says why its condition could not be evaluated. Such a rule counts as matched, except that it allows nothing.
    """

    name: str
    matched: bool = True
    error: str | None = None


class PatternUse(Received):
    """The trusted pattern that let an approval through. `trusts_claims`: it relied on what the agent said of itself."""

    id: str
    revision: int
    trusts_claims: bool = False


class Decision(Received):
    """One reviewer's decision as recorded. `refusal` says why it did not count, when it was not accepted."""

    id: str
    reviewer: str
    outcome: Outcome
    comment: str
    decided_at: datetime
    accepted: bool
    refusal: str | None = None


class Settlement(Received):
    """What an admin found in the target system, where Assent itself could not know. The status stays as it ended."""

    outcome: SettledOutcome
    note: str
    settled_by: str
    settled_at: datetime


class Execution(Received):
    """The run of an approved operation. `outcome_unknown`: it started, and nobody knows whether it finished.

    `settlement`: what an admin found out afterwards about an unknown outcome.
    """

    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Any = None
    error: str | None = None
    outcome_unknown: bool = False
    settlement: Settlement | None = None


class Pause(Received):
    """A pause in force: of one agent, of one operation type, or, with neither, of everything."""

    id: str
    agent_id: str | None = None
    operation_type: str | None = None
    reason: str
    started_by: str
    started_at: datetime


class Stuck(Received):
    """Why nothing goes on: the workflow's tasks keep failing in the workers, until an engineer mends what fails."""

    since: datetime
    cause: str


class TemporalLink(Received):
    """Where an engineer finds the workflow. `url` is only told to people."""

    workflow_id: str
    run_id: str | None = None
    url: str | None = None


class Approval(Received):
    """One approval, from pending to a terminal status.

    `risk` and `expires_at` are None until a worker has assessed the request. `overdue`: the deadline has passed, and
    the workflow has not closed the approval yet (a decision made in time may still be on its way). `rules` are those
    of policy `policy_version` that matched, and `pattern` is what let it through without a person, if anything did.
    `pause`: what keeps it from starting, once it is approved. `agent_owner`: the person who answers for the agent.
    `stuck`: why nothing goes on. Decisions are kept meanwhile, and count by the time at which they were made.
    """

    id: str
    status: ApprovalStatus
    overdue: bool = False
    operation: Operation
    agent_id: str
    reason: str
    context: dict[str, Any]
    digest: str
    risk: Risk | None = None
    created_at: datetime
    expires_at: datetime | None = None
    required_approvals: int = 1
    decisions: list[Decision] = Field(default_factory=list)
    decided_by: list[str] = Field(default_factory=list)
    execution: Execution | None = None
    temporal: TemporalLink
    rules: list[RuleResult] = Field(default_factory=list)
    pattern: PatternUse | None = None
    policy_version: str | None = None
    pause: Pause | None = None
    agent_owner: str | None = None
    stuck: Stuck | None = None


class ApprovalPage(Received):
    """One page of a list. `next_cursor` is None on the last page."""

    items: list[Approval]
    next_cursor: str | None = None


class AuditEvent(Received):
    """One immutable line of the audit log."""

    id: str
    at: datetime
    actor: str
    action: str
    approval_id: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class AuditPage(Received):
    """One page of the audit log, oldest first. `next_cursor` is None on the last page."""

    items: list[AuditEvent]
    next_cursor: str | None = None


class Key(Received):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    owner: str | None = None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None


class CreatedKey(Key):
    """A key just made. `key` is shown this once."""

    key: str


class Problem(Received):
    """An error: RFC 9457 problem details. `detail` says what to do next."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
    decided_by: list[str] | None = None
    decision_id: str | None = None
