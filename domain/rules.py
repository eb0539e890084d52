"""Rules: one line of policy each, as `assent.yaml` writes it. Every rule that matches counts, in whatever order."""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from assent.models import RiskLevel, Verdict
from domain.conditions import Circumstances, Condition
from domain.globs import ANYTHING, any_glob_matches
from domain.operation import DecisionTime, Quorum

MAX_RULES = 1_000
MAX_RULE_REASON = 300
DEFAULT_ALLOWED_RISK = RiskLevel.LOW

_EFFECTS = ("risk", "reason", "verdict", "human", "patterns", "required_approvals", "timeout")

Level = Annotated[RiskLevel, Field(strict=False)]


def _several(written: object) -> object:
    return (written,) if isinstance(written, str) else written


def _compiled(text: str) -> str:
    Condition(text)
    return text


Glob = Annotated[str, Field(min_length=1, max_length=128)]
Globs = Annotated[tuple[Glob, ...], Field(min_length=1, max_length=100, strict=False), BeforeValidator(_several)]
ConditionSource = Annotated[str, AfterValidator(_compiled)]
"""The text of a condition that compiles."""


class Match(BaseModel):
    """Which requests a rule speaks of, by globs; what is left out matches anything."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agent_id: Globs = (ANYTHING,)
    operation_type: Globs = (ANYTHING,)
    resource_type: Globs = (ANYTHING,)

    def describes(self, circumstances: Circumstances) -> bool:
        """Whether the globs fit the request."""
        operation = circumstances.operation
        return (
            any_glob_matches(self.operation_type, operation.type)
            and any_glob_matches(self.resource_type, operation.resource_type)
            and any_glob_matches(self.agent_id, circumstances.agent_id)
        )


class Rule(BaseModel):
    """One rule: whom it speaks of, when, and with which effects. Without a verdict it is neutral."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    match: Match = Match()
    when: ConditionSource | None = None
    risk: Level | None = None
    reason: str | None = Field(default=None, min_length=1, max_length=MAX_RULE_REASON)
    verdict: Annotated[Verdict, Field(strict=False)] | None = None
    max_risk: Level | None = None
    human: Literal["always"] | None = None
    patterns: Literal["allow_critical"] | None = None
    required_approvals: Quorum | None = None
    timeout: DecisionTime | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        problem = self._problem()
        if problem is not None:
            raise ValueError(problem)
        return self

    def _problem(self) -> str | None:
        if all(getattr(self, effect) is None for effect in _EFFECTS):
            return f"it has no effect: give it one of {', '.join(_EFFECTS)}"
        if self.human and self.patterns:
            return "`human: always` keeps patterns out, and `patterns` lets them in: keep one of them"
        allows = self.verdict is Verdict.ALLOW
        if self.max_risk and not allows:
            return "`max_risk` limits what `verdict: allow` lets through: add that"
        if allows and (self.human or self.patterns or (self.required_approvals or 1) > 1):
            return "`verdict: allow` asks nobody, so it cannot go with `human`, `patterns` or more than one approval"
        if (allows or self.patterns) and self.reads_claims:
            effect = "`verdict: allow`" if allows else "`patterns: allow_critical`"
            instead = ", or make a trusted pattern, which says so wherever it is used" if allows else ""
            return (
                f"{effect} cannot depend on `context`, which the agent fills as it likes: "
                f"look at operation.parameters{instead}"
            )
        return None

    @cached_property
    def condition(self) -> Condition | None:
        """The compiled `when`, or None."""
        return None if self.when is None else Condition(self.when)

    @property
    def reads_claims(self) -> bool:
        """Whether it looks at what the agent says of itself."""
        return self.condition is not None and self.condition.reads_claims

    @property
    def allowed_risk(self) -> RiskLevel:
        """The highest risk that a rule with `verdict: allow` lets through."""
        return self.max_risk or DEFAULT_ALLOWED_RISK
