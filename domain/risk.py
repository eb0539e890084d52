"""Risk levels, the time each gives to reviewers, and what an assessment says."""

from collections.abc import Iterable
from datetime import timedelta

from pydantic import Field

from assent.models import RiskLevel, RuleResult, Verdict
from domain.frozen import Frozen

DEFAULT_TIMEOUTS = {
    RiskLevel.LOW: timedelta(hours=24),
    RiskLevel.MEDIUM: timedelta(hours=12),
    RiskLevel.HIGH: timedelta(hours=4),
    RiskLevel.CRITICAL: timedelta(hours=1),
}

_LEVELS = tuple(RiskLevel)

NEEDS_DIGEST = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})
"""Levels at which a decision must name the digest of what the reviewer saw."""


def rank(level: RiskLevel) -> int:
    """Return where `level` stands, from 0 for `low`: levels as words do not sort by the harm they stand for."""
    return _LEVELS.index(level)


def urgency(level: RiskLevel) -> int:
    """Return where `level` stands in a list of the gravest first, from 0 for `critical`."""
    return len(_LEVELS) - 1 - rank(level)


def highest(levels: Iterable[RiskLevel]) -> RiskLevel:
    """Return the highest of `levels`, of which there is at least one."""
    return max(levels, key=rank)


class Assessment(Frozen):
    """What policy says of one request. `timeout` is the time to decide, counted from the workflow's start.

    `rules` are those that matched, by name. `decided_by` names the rules that allow or deny it. `open_to_patterns`: a
    trusted pattern may let it through instead of a person.
    """

    verdict: Verdict
    level: RiskLevel
    reasons: tuple[str, ...]
    required_approvals: int = Field(ge=1, le=10)
    timeout: timedelta
    rules: tuple[RuleResult, ...] = ()
    decided_by: tuple[str, ...] = ()
    open_to_patterns: bool = False
    policy_version: str | None = None
