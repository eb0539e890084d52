"""The words about policy and trusted patterns that travel over the wire, for the service and for its clients."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from assent.models import Operation, Received, Risk, RiskLevel, RuleResult, Sent, Submission, Verdict

MAX_NOTE = 1_000
DEFAULT_PER_DAY = 50
AGENT_GLOB_PATTERN = r"^[a-z0-9*][a-z0-9._*-]{0,62}$"

AgentGlob = Annotated[str, Field(pattern=AGENT_GLOB_PATTERN, examples=["billing-agent"])]
TypeGlob = Annotated[str, Field(min_length=1, max_length=128, examples=["data.export"])]
ConditionText = Annotated[str, Field(min_length=1, examples=["operation.parameters.limit < 100"])]
Level = Annotated[RiskLevel, Field(strict=False)]
Moment = Annotated[AwareDatetime, Field(strict=False)]
PerDay = Annotated[int, Field(ge=1, le=1_000_000)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]


class Trial(Submission):
    """A submission to be assessed and not stored. `agent_id`: as which agent, for people; else the caller itself."""

    agent_id: str | None = Field(default=None, min_length=1, max_length=63)


class Assessment(Received):
    """What would become of a submission. `expires_in`: the seconds that reviewers would have.

    `rules` are all rules of the policy; `pattern` is the id of the trusted pattern that would let it through.
    """

    verdict: Verdict
    risk: Risk
    expires_in: int
    required_approvals: int
    rules: list[RuleResult]
    pattern: str | None = None
    policy_version: str


class PolicyRule(Received):
    """One rule in force. `trusts_claims`: its condition looks at what an agent says of itself."""

    name: str
    match: dict[str, list[str]]
    when: str | None = None
    risk: RiskLevel | None = None
    reason: str | None = None
    verdict: Verdict | None = None
    max_risk: RiskLevel | None = None
    human: str | None = None
    patterns: str | None = None
    required_approvals: int | None = None
    timeout: str | None = None
    trusts_claims: bool = False


class PolicyOperation(Received):
    """What an operation declares of itself; `risk` None means the default, medium. `title`: what reviewers read."""

    type: str
    resource_types: list[str]
    data_class: str
    risk: RiskLevel | None = None
    required_approvals: int = 1
    timeout: str | None = None
    title: str | None = None


class Policy(Received):
    """The rules in force. `timeouts` are the levels' own times; `problem`: why the file as it stands was refused."""

    version: str
    rules: list[PolicyRule]
    timeouts: dict[RiskLevel, str]
    operations: list[PolicyOperation]
    problem: str | None = None


class DailySum(Sent):
    """How much one numeric parameter may add up to in a day; up to 2**52, sums of whole numbers are exact."""

    parameter: str = Field(min_length=1, max_length=128, examples=["amount_cents"])
    limit: float = Field(gt=0, le=2**52, allow_inf_nan=False)


class NewTrustedPattern(Sent):
    """A pattern to be made, or tried on the history. Globs know `*` only; days are UTC days.

    `max_risk` is `medium` unless said, and `low` when the condition reads `context`. `broad` must be true for a pattern
    with a wildcard in its agent or without a condition.
    """

    agent_id: AgentGlob
    operation_type: TypeGlob
    resource_type: TypeGlob
    condition: ConditionText | None = None
    max_risk: Level | None = None
    expires_at: Moment | None = None
    max_per_day: PerDay = DEFAULT_PER_DAY
    max_sum_per_day: DailySum | None = None
    note: Note = ""
    broad: bool = False


class NewStatus(StrEnum):
    """What a person may set a pattern's status to."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class PatternStatus(StrEnum):
    """Whether a pattern lets anything through."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"


class PatternChange(Sent):
    """What to change of a pattern; what is left out stays. `broad` says again that a broad pattern is meant."""

    agent_id: AgentGlob | None = None
    operation_type: TypeGlob | None = None
    resource_type: TypeGlob | None = None
    condition: ConditionText | None = None
    max_risk: Level | None = None
    expires_at: Moment | None = None
    max_per_day: PerDay | None = None
    max_sum_per_day: DailySum | None = None
    note: Note | None = None
    broad: bool = False
    status: Annotated[NewStatus, Field(strict=False)] | None = None


class TrustedPattern(Received):
    """A trusted pattern. `broad` and `trusts_claims` mark what is dangerous about it, and `warnings` say why.

    `matched` counts the approvals that it let through, `matched_today` those of the UTC day; `summed_today` is what the
    parameter of its daily sum has added up to on that day.
    """

    id: str
    revision: int
    status: PatternStatus
    agent_id: str
    operation_type: str
    resource_type: str
    condition: str | None = None
    max_risk: RiskLevel
    expires_at: datetime | None = None
    max_per_day: int
    max_sum_per_day: DailySum | None = None
    note: str = ""
    broad: bool
    trusts_claims: bool
    created_by: str
    created_at: datetime
    changed_by: str
    changed_at: datetime
    matched: int = 0
    matched_today: int = 0
    last_matched_at: datetime | None = None
    warnings: list[str] = Field(default_factory=list)
    summed_today: float = 0


class PatternList(Received):
    """Every trusted pattern that was not deleted, the newest first."""

    items: list[TrustedPattern]


class Humans(Received):
    """What people made of the requests that a pattern would have let through."""

    approved: int = 0
    rejected: int = 0
    expired: int = 0


class RejectedExample(Received):
    """A request that the pattern would have let through, and that a person rejected."""

    id: str
    agent_id: str
    operation: Operation
    reason: str
    context: dict[str, Any]
    created_at: datetime
    decided_by: list[str]


class Backtest(Received):
    """What a pattern would have let through of the stored history. `considered`: the requests looked at.

    `failed`: how many of those that it would have approved ended as failed. `rejected_examples`: the newest 20.
    """

    considered: int
    would_approve: int
    humans: Humans
    failed: int
    rejected_examples: list[RejectedExample] = Field(default_factory=list)
