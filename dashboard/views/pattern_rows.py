"""Trusted patterns as a list shows them: what each lets through, its marks, and how much of its day is used."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from assent.models import Role
from assent.policy_models import DailySum, PatternStatus, TrustedPattern
from dashboard.views.words import clock, length
from domain.frozen import Frozen
from domain.globs import ANYTHING, is_literal
from domain.principal import Principal

NEAR = 0.8
"""The part of a day's quota from which on a pattern is marked."""

SOON = timedelta(days=7)

_LABELS = {
    "agent_id": "Agent",
    "operation_type": "Operation",
    "resource_type": "Resource",
    "condition": "Condition",
    "max_risk": "Highest risk",
    "expires_at": "Expires",
    "max_per_day": "A day",
    "max_sum_per_day": "Sum a day",
    "note": "Note",
}


class Mark(Frozen):
    """A word beside a pattern. `about` says more; `warns` that it deserves a second look."""

    word: str
    about: str
    warns: bool = False


class Use(Frozen):
    """How much of one quota the UTC day has used, of `what`: empty for the number of requests."""

    used: float
    limit: float
    what: str = ""

    @property
    def words(self) -> tuple[str, str]:
        """What is used, and of how much."""
        return f"{tidy(self.used):,}", f"{tidy(self.limit):,}"

    @property
    def share(self) -> float:
        """How much of it is used, at most all of it."""
        return min(self.used / self.limit, 1.0)

    @property
    def near(self) -> bool:
        """Whether little of it is left."""
        return self.share >= NEAR


class PatternRow(Frozen):
    """One pattern as it is shown. `may_suspend` and `may_change` are about whoever looks."""

    pattern: TrustedPattern
    who: str
    marks: tuple[Mark, ...]
    uses: tuple[Use, ...]
    may_suspend: bool
    may_change: bool

    @property
    def is_suspended(self) -> bool:
        """Whether somebody has suspended it."""
        return self.pattern.status is PatternStatus.SUSPENDED

    @property
    def in_force(self) -> bool:
        """Whether it lets anything through now."""
        return self.pattern.status is PatternStatus.ACTIVE


class Change(Frozen):
    """One field that a revision changed. Empty: there was nothing, or there is nothing any more."""

    label: str
    before: str
    after: str


class Revision(Frozen):
    """One revision, and what it changed of the one before; nothing for the first."""

    pattern: TrustedPattern
    changes: tuple[Change, ...]


def row_of(pattern: TrustedPattern, principal: Principal, now: datetime) -> PatternRow:
    """Return one pattern as `principal` sees it."""
    uses = tuple(_uses(pattern))
    return PatternRow(
        pattern=pattern,
        who=who(pattern.agent_id),
        marks=tuple(_marks(pattern, uses, now)),
        uses=uses,
        may_suspend=principal.may_decide,
        may_change=principal.role is Role.ADMIN,
    )


def tidy(number: float) -> float:
    """Return a whole number without its decimal point."""
    return int(number) if number.is_integer() else number


def who(agent: str) -> str:
    """Return of which agents a pattern speaks."""
    if agent == ANYTHING:
        return "Every agent"
    return agent if is_literal(agent) else f"Every agent called {agent}"


def revisions_of(revisions: Iterable[TrustedPattern], now: datetime) -> list[Revision]:
    """Return revisions with what each changed, the newest first. They come the oldest first."""
    told: list[Revision] = []
    before: TrustedPattern | None = None
    for each in revisions:
        changes = () if before is None else tuple(_changes(before, each, now))
        told.append(Revision(pattern=each, changes=changes))
        before = each
    return told[::-1]


def _uses(pattern: TrustedPattern) -> Iterator[Use]:
    yield Use(used=pattern.matched_today, limit=pattern.max_per_day)
    if pattern.max_sum_per_day is not None:
        most = pattern.max_sum_per_day
        yield Use(used=pattern.summed_today, limit=most.limit, what=most.parameter)


def _marks(pattern: TrustedPattern, uses: Iterable[Use], now: datetime) -> Iterator[Mark]:
    if pattern.status is PatternStatus.SUSPENDED:
        yield Mark(word="suspended", about="It lets nothing through.")
    if pattern.status is PatternStatus.EXPIRED:
        yield Mark(word="expired", about="Its time is over: it lets nothing through.")
    if pattern.trusts_claims:
        yield Mark(word="trusts claims", about="Its condition reads what the agent says of itself.", warns=True)
    if pattern.broad:
        yield Mark(word="broad", about="It trusts several agents, or one whatever it asks for.", warns=True)
    if any(use.near for use in uses):
        full = any(use.share >= 1 for use in uses)
        about = "The rest of the day, people are asked." if full else "At least 80 % of a day's quota is used."
        yield Mark(word="quota used up" if full else "near quota", about=about, warns=True)
    left = None if pattern.expires_at is None else pattern.expires_at - now
    if left is not None and timedelta(0) < left < SOON:
        about = f"Until {clock(now + left, now)} UTC."
        yield Mark(word=f"expires in {f'{left.days} d' if left.days else length(left)}", about=about)


def _changes(before: TrustedPattern, after: TrustedPattern, now: datetime) -> Iterator[Change]:
    suspended = [each.status is PatternStatus.SUSPENDED for each in (before, after)]
    if suspended[0] != suspended[1]:
        words = ["suspended" if each else "active" for each in suspended]
        yield Change(label="Status", before=words[0], after=words[1])
    for name, label in _LABELS.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Change(label=label, before=_written(old, now), after=_written(new, now))


def _written(value: Any, now: datetime) -> str:  # noqa: ANN401  any field's value
    match value:
        case None:
            return ""
        case datetime():
            return f"{clock(value, now)} UTC"
        case DailySum():
            return f"{value.parameter} up to {tidy(value.limit):,}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
