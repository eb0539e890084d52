"""What a number of days tells of how requests were decided: by whom, how fast, and what became of them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate
from math import ceil

from assent.models import ApprovalStatus, RiskLevel, Verdict
from domain.frozen import Frozen

_RAN = (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTED, ApprovalStatus.FAILED)


class Way(StrEnum):
    """How a request was decided: by people, by nobody, or by the rules that spare people."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ALLOWED_BY_POLICY = "allowed_by_policy"
    ALLOWED_BY_PATTERN = "allowed_by_pattern"
    DENIED_BY_POLICY = "denied_by_policy"


class DecidedCount(Frozen):
    """How many requests of one risk level were decided in one way on one day, in UTC."""

    day: date
    way: Way
    risk_level: RiskLevel
    number: int


class TimeCount(Frozen):
    """How many requests of one risk level took people so many seconds from their arrival to the deciding vote."""

    risk_level: RiskLevel
    seconds: int
    number: int


class ExecutionCount(Frozen):
    """How executions ended. `unknown` of them may or may not have finished; `settled` is how many of those are cleared.

    `failed` are the others that did not work, with those that were refused before they started.
    """

    executed: int = 0
    failed: int = 0
    unknown: int = 0
    settled: int = 0


class InsightDay(Frozen):
    """The decisions of one UTC day. Every way and every risk level is there, with zeros."""

    day: date
    by_way: dict[Way, int]
    by_risk: dict[RiskLevel, int]

    @property
    def total(self) -> int:
        """How many requests were decided."""
        return sum(self.by_way.values())


class DecisionTime(Frozen):
    """How long people took, in seconds: half of the decisions took `p50` or less, nine of ten `p90` or less."""

    decisions: int
    p50: int
    p90: int


class InsightReport(Frozen):
    """What a number of days tells. `days` are all there, the oldest first; so are the ways and the risk levels.

    The times are of what people decided: None, or a level left out, where they decided nothing.
    """

    days: tuple[InsightDay, ...]
    by_way: dict[Way, int]
    by_risk: dict[RiskLevel, int]
    time: DecisionTime | None
    time_by_risk: dict[RiskLevel, DecisionTime]
    executions: ExecutionCount

    @property
    def total(self) -> int:
        """How many requests were decided."""
        return sum(self.by_way.values())

    def share(self, way: Way) -> float:
        """Return which part of all decided requests was decided in this way, from 0 to 1."""
        return self.by_way[way] / self.total if self.total else 0.0


def way_of(status: ApprovalStatus, verdict: Verdict, *, by_pattern: bool = False) -> Way | None:
    """Return how an approval came to its status, or None while it waits; the verdict is what the rules asked for."""
    if status in _RAN:
        if verdict is not Verdict.ALLOW:
            return Way.APPROVED
        return Way.ALLOWED_BY_PATTERN if by_pattern else Way.ALLOWED_BY_POLICY
    if status is ApprovalStatus.REJECTED:
        return Way.DENIED_BY_POLICY if verdict is Verdict.DENY else Way.REJECTED
    return {ApprovalStatus.EXPIRED: Way.EXPIRED, ApprovalStatus.CANCELLED: Way.CANCELLED}.get(status)


def report_of(
    decided: Sequence[DecidedCount],
    times: Iterable[TimeCount],
    executions: ExecutionCount,
    *,
    first: date,
    last: date,
) -> InsightReport:
    """Return the report on the days from `first` to `last`, both of them included."""
    of_day: dict[date, list[DecidedCount]] = {
        first + timedelta(days=number): [] for number in range((last - first).days + 1)
    }
    for each in decided:
        of_day[each.day].append(each)
    seconds: dict[RiskLevel, Counter[int]] = {level: Counter() for level in RiskLevel}
    for length in times:
        seconds[length.risk_level][length.seconds] += length.number
    by_risk = {level: _time(taken) for level, taken in seconds.items()}
    return InsightReport(
        days=tuple(
            InsightDay(day=day, by_way=_by_way(counts), by_risk=_by_risk(counts)) for day, counts in of_day.items()
        ),
        by_way=_by_way(decided),
        by_risk=_by_risk(decided),
        time=_time(sum(seconds.values(), Counter())),
        time_by_risk={level: time for level, time in by_risk.items() if time is not None},
        executions=executions,
    )


def _by_way(decided: Iterable[DecidedCount]) -> dict[Way, int]:
    numbers = dict.fromkeys(Way, 0)
    for each in decided:
        numbers[each.way] += each.number
    return numbers


def _by_risk(decided: Iterable[DecidedCount]) -> dict[RiskLevel, int]:
    numbers = dict.fromkeys(RiskLevel, 0)
    for each in decided:
        numbers[each.risk_level] += each.number
    return numbers


def _time(taken: Counter[int]) -> DecisionTime | None:
    if not taken:
        return None
    return DecisionTime(decisions=taken.total(), p50=_percentile(taken, 50), p90=_percentile(taken, 90))


def _percentile(taken: Counter[int], percent: int) -> int:
    """Return the least of the lengths that so many per cent do not exceed (the nearest rank)."""
    lengths = sorted(taken)
    reached = list(accumulate(taken[seconds] for seconds in lengths))
    return lengths[bisect_left(reached, ceil(reached[-1] * percent / 100))]
