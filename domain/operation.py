"""An operation as declared and as requested, and the digest that binds what is approved to what runs."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from assent.models import Operation, RiskLevel
from domain.canonical import canonical_json, digest_of
from domain.clock import microseconds
from domain.durations import parse_duration, written_duration
from domain.frozen import Frozen
from domain.signing import Signature
from domain.titles import checked_title


def _between(least: timedelta, most: timedelta) -> AfterValidator:
    def check(duration: timedelta) -> timedelta:
        if not least <= duration <= most:
            message = f"must be from {written_duration(least)} to {written_duration(most)}"
            raise ValueError(message)
        return duration

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
TypeName = Annotated[str, Field(min_length=1, max_length=128, strict=True)]
FunctionPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


DecisionTime = Annotated[Duration, _between(timedelta(minutes=1), timedelta(days=30))]
"""The time that reviewers have."""

Quorum = Annotated[int, Field(ge=1, le=10, strict=True)]
"""How many different people must approve."""


class DataClass(StrEnum):
    """What kind of data an operation touches, from least to most protected."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    REGULATED = "regulated"


class OperationDeclaration(BaseModel):
    """One operation of `assent.yaml`: what may be asked for, what it does at least, and what runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    resource_types: Annotated[tuple[TypeName, ...], Field(min_length=1, strict=False)]
    resource_id: str | None = None
    data_class: Annotated[DataClass, Field(strict=False)] = DataClass.INTERNAL
    risk: Annotated[RiskLevel, Field(strict=False)] | None = None
    required_approvals: Quorum = 1
    timeout: DecisionTime | None = None
    run: FunctionPath
    parameters: FunctionPath
    version: str = Field(min_length=1, max_length=64)
    title: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(checked_title)] | None = None
    idempotent: bool = False
    run_timeout: Annotated[Duration, _between(timedelta(seconds=1), timedelta(days=1))] = timedelta(seconds=60)

    @property
    def identity(self) -> str:
        """What the digest covers of the declaration: the function and its version."""
        return f"{self.run}@{self.version}"

    @property
    def plan(self) -> "ExecutionPlan":
        """How the operation is tried."""
        return ExecutionPlan(idempotent=self.idempotent, run_timeout=self.run_timeout)


IDEMPOTENT_ATTEMPTS = 5
"""Five tries let a target system restart; more would hide that it is down."""


class ExecutionPlan(Frozen):
    """How an approved operation is tried; kept with the approval, so that no later change alters it."""

    idempotent: bool = False
    run_timeout: timedelta = timedelta(seconds=60)

    @property
    def attempts(self) -> int:
        """How often the operation may start. One that is not declared idempotent starts once, ever."""
        return IDEMPOTENT_ATTEMPTS if self.idempotent else 1


class ApprovalRequest(Frozen):
    """A submission that an API has accepted: what starts the workflow. Times are UTC."""

    approval_id: str
    agent_id: str
    agent_owner: str | None
    operation: Operation
    reason: str
    context: dict[str, Any]
    declaration: str
    digest: str
    content_digest: str
    idempotency_key: str | None
    submitted_at: AwareDatetime
    signature: Signature | None = None
    risk_level: RiskLevel | None = None

    @model_validator(mode="after")
    def _is_canonical(self) -> Self:
        canonical_json({"context": self.context, "parameters": self.operation.parameters})
        return self

    def signed_fields(self) -> tuple[str, ...]:
        """All that the API vouches for, in the order that the signature covers."""
        return (
            "submit",
            self.approval_id,
            self.agent_id,
            self.agent_owner or "",
            self.digest,
            self.content_digest,
            self.idempotency_key or "",
            content_digest(self.operation, self.reason, self.context, self.risk_level),
            microseconds(self.submitted_at),
        )


def operation_digest(approval_id: str, agent_id: str, operation: Operation, declaration: str) -> str:
    """Return the digest of everything that will run: what reviewers approve and execution recomputes."""
    return digest_of(
        {
            "approval_id": approval_id,
            "agent_id": agent_id,
            "operation": operation.model_dump(),
            "declaration": declaration,
        }
    )


def content_digest(
    operation: Operation, reason: str, context: dict[str, Any], risk_level: RiskLevel | None = None
) -> str:
    """Return the digest of a submission's content: whether two requests under one idempotency key are the same."""
    content = {"operation": operation.model_dump(), "reason": reason, "context": context}
    # Left out when there is none, so that what was signed before there were any is still what was signed.
    return digest_of(content if risk_level is None else content | {"risk_level": risk_level.value})
