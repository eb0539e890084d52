"""Risk levels, the time each gives to reviewers, and what an assessment says."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from assent.models import RiskLevel
from domain.frozen import Frozen

DEFAULT_TIMEOUTS = {
    RiskLevel.LOW: timedelta(hours=24),
    RiskLevel.MEDIUM: timedelta(hours=12),
    RiskLevel.HIGH: timedelta(hours=4),
    RiskLevel.CRITICAL: timedelta(hours=1),
}

NEEDS_DIGEST = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})
"""Levels at which a decision must name the digest of what the reviewer saw."""


class Verdict(StrEnum):
    """What an assessment asks for."""

    ASK = "ask"
    ALLOW = "allow"
    DENY = "deny"


class Assessment(Frozen):
    """What policy says of one request. `timeout` is the time to decide, counted from the workflow's start."""

    verdict: Verdict
    level: RiskLevel
    reasons: tuple[str, ...]
    required_approvals: int = Field(ge=1, le=10)
    timeout: timedelta
