"""Trusted patterns: what lets a frequent, safe operation through without a person, and how far that trust goes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from typing_extensions import override

from assent.models import PatternUse, RiskLevel
from assent.policy_models import DailySum, PatternStatus
from domain.conditions import Circumstances, Condition, ConditionError, EvaluationError
from domain.frozen import Frozen
from domain.globs import glob_matches, is_literal
from domain.principal import person_of
from domain.risk import Assessment, rank

MAX_CANDIDATES = 32
"""How many patterns are tried for one request; more of them than this overlap only by mistake."""


class TrustedPattern(Frozen):
    """One revision of a pattern. `max_risk` is what was asked for; `authors` are the persons who made or widened it.

    Matching is not all: the quotas are counted, and the revision is looked up once more, where an approval is recorded.
    """

    id: str
    revision: int
    agent_id: str
    operation_type: str
    resource_type: str
    condition: str | None
    max_risk: RiskLevel | None
    expires_at: datetime | None
    max_per_day: int
    max_sum_per_day: DailySum | None
    note: str
    suspended: bool
    authors: tuple[str, ...]
    created_by: str
    created_at: datetime
    changed_by: str
    changed_at: datetime

    @cached_property
    def _condition(self) -> Condition | None:
        return None if self.condition is None else Condition(self.condition)

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy that works everything out anew: what the original has cached may not be what it says."""
        copy = super().model_copy(update=update, deep=deep)
        for name in vars(copy).keys() - type(self).model_fields.keys():
            del vars(copy)[name]
        return copy

    @cached_property
    def trusts_claims(self) -> bool:
        """Whether its condition looks at what the agent says of itself."""
        try:
            return self._condition is not None and self._condition.reads_claims
        except ConditionError:
            # Written under an earlier release, and no condition any more: it matches nothing, and nobody knows.
            return True

    @cached_property
    def unconditional(self) -> bool:
        """Whether it asks nothing of a request: it has no condition, or one that does not look at the request."""
        try:
            return self._condition is None or not self._condition.reads_request
        except ConditionError:
            return False

    @property
    def broad(self) -> bool:
        """Whether it trusts several agents, or one of them whatever it asks for."""
        return self.unconditional or not is_literal(self.agent_id)

    @cached_property
    def allowed_risk(self) -> RiskLevel:
        """The highest risk that it lets through."""
        return self.max_risk or (RiskLevel.LOW if self.trusts_claims else RiskLevel.MEDIUM)

    @property
    def definition(self) -> dict[str, Any]:
        """What the log tells of a revision: all but who made it and when, with the marks of what is dangerous."""
        unsaid = {"id", "revision", "authors", "created_by", "created_at", "changed_by", "changed_at"}
        marks = {"max_risk": self.allowed_risk.value, "broad": self.broad, "trusts_claims": self.trusts_claims}
        return self.model_dump(mode="json", exclude=unsaid) | marks

    @property
    def use(self) -> PatternUse:
        """What an approval says of the pattern that let it through."""
        return PatternUse(id=self.id, revision=self.revision, trusts_claims=self.trusts_claims)

    @property
    def actor(self) -> str:
        """What the record calls it where it decides."""
        return f"pattern:{self.id}@{self.revision}"

    def status_at(self, now: datetime) -> PatternStatus:
        """Return whether it lets anything through at `now`."""
        if self.suspended:
            return PatternStatus.SUSPENDED
        expired = self.expires_at is not None and now >= self.expires_at
        return PatternStatus.EXPIRED if expired else PatternStatus.ACTIVE

    def is_of(self, agent_id: str, agent_owner: str | None) -> bool:
        """Whether the agent is one of its authors, or is owned by one."""
        return not {agent_id, person_of(agent_id, agent_owner)}.isdisjoint(self.authors)

    def covers(self, circumstances: Circumstances, level: RiskLevel) -> bool:
        """Whether it speaks of a request of this risk: its globs fit, and all the rest holds."""
        globs = (self.operation_type, self.resource_type, self.agent_id)
        return _fit(globs, circumstances) and self.holds(circumstances, level)

    def holds(self, circumstances: Circumstances, level: RiskLevel) -> bool:
        """Whether a request of this risk that its globs fit is one that it means, of an agent that is not its author's.

        A condition that cannot be evaluated does not match.
        """
        if rank(level) > rank(self.allowed_risk) or self.is_of(circumstances.agent_id, circumstances.agent_owner):
            return False
        try:
            return self._condition is None or self._condition.holds(circumstances)
        except (ConditionError, EvaluationError):
            return False

    def amount(self, circumstances: Circumstances) -> float | None:
        """Return what the request adds to the day's sum, 0 without one; None when that cannot be said."""
        if self.max_sum_per_day is None:
            return 0.0
        value = circumstances.operation.parameters.get(self.max_sum_per_day.parameter)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # A negative number would make room for others.
        return float(value) if 0 <= value <= self.max_sum_per_day.limit else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatch:
    """A pattern that speaks of a request, and what the request would add to the day's sum."""

    pattern: TrustedPattern
    amount: float

    def has_room(self, uses: int, total: float) -> bool:
        """Whether the day's quotas take one more after `uses` that add up to `total`."""
        most = self.pattern.max_sum_per_day
        return uses < self.pattern.max_per_day and (most is None or total + self.amount <= most.limit)


class PatternBook:
    """The patterns that are not suspended, by their globs: each set of globs is held against a request once."""

    def __init__(self, patterns: Iterable[TrustedPattern] = ()) -> None:
        """Take the patterns."""
        self._by_globs: dict[_Globs, list[TrustedPattern]] = defaultdict(list)
        for pattern in patterns:
            self._by_globs[pattern.operation_type, pattern.resource_type, pattern.agent_id].append(pattern)

    def matches(self, assessment: Assessment, circumstances: Circumstances, *, now: datetime) -> list[PatternMatch]:
        """Return the patterns that would let a request through, the oldest first: the order in which they are tried.

        A pattern overrides `ask` and nothing else: what the policy keeps for people, no pattern is asked about.
        """
        if not assessment.open_to_patterns:
            return []
        found = [
            PatternMatch(pattern=pattern, amount=amount)
            for globs, patterns in self._by_globs.items()
            if _fit(globs, circumstances)
            for pattern in patterns
            if pattern.status_at(now) is PatternStatus.ACTIVE
            and pattern.holds(circumstances, assessment.level)
            and (amount := pattern.amount(circumstances)) is not None
        ]
        return sorted(found, key=lambda match: match.pattern.id)[:MAX_CANDIDATES]


_Globs = tuple[str, str, str]
"""What a pattern's operation type, resource type and agent must fit."""


def _fit(globs: _Globs, circumstances: Circumstances) -> bool:
    operation = circumstances.operation
    return (
        glob_matches(globs[0], operation.type)
        and glob_matches(globs[1], operation.resource_type)
        and glob_matches(globs[2], circumstances.agent_id)
    )
