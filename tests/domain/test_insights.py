"""The report on a number of days: every day, every way, and how long people took."""

from collections.abc import Sequence
from datetime import date

import pytest

from assent.models import ApprovalStatus, RiskLevel, Verdict
from domain.insights import (
    DecidedCount,
    DecisionTime,
    ExecutionCount,
    InsightReport,
    TimeCount,
    Way,
    report_of,
    way_of,
)

FIRST, LAST = date(2026, 2, 27), date(2026, 3, 2)


def make_report(
    decided: Sequence[DecidedCount] = (),
    times: Sequence[TimeCount] = (),
    executions: ExecutionCount | None = None,
    *,
    first: date = FIRST,
) -> InsightReport:
    return report_of(decided, times, executions or ExecutionCount(), first=first, last=LAST)


def count(day: date, way: Way, number: int, level: RiskLevel = RiskLevel.LOW) -> DecidedCount:
    return DecidedCount(day=day, way=way, risk_level=level, number=number)


def took(*seconds: int, level: RiskLevel = RiskLevel.HIGH) -> list[TimeCount]:
    return [TimeCount(risk_level=level, seconds=each, number=1) for each in seconds]


def test_days_without_decisions_are_there() -> None:
    """With zeros for every way and level, over the end of a month."""
    report = make_report()
    assert [day.day.isoformat() for day in report.days] == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
    for day in report.days:
        assert (day.by_way, day.by_risk) == (dict.fromkeys(Way, 0), dict.fromkeys(RiskLevel, 0))
        assert day.total == 0
    assert (report.total, report.time, report.time_by_risk) == (0, None, {})
    assert report.share(Way.ALLOWED_BY_PATTERN) == 0
    assert [day.day for day in make_report(first=LAST).days] == [LAST]


def test_decisions_are_counted_by_way_and_by_level() -> None:
    """On their own day, and in sum."""
    report = make_report(
        [
            count(FIRST, Way.APPROVED, 2),
            count(FIRST, Way.APPROVED, 3, RiskLevel.HIGH),
            count(FIRST, Way.EXPIRED, 1, RiskLevel.HIGH),
            count(LAST, Way.ALLOWED_BY_PATTERN, 4),
        ]
    )
    first, last = report.days[0], report.days[-1]
    assert (first.by_way[Way.APPROVED], first.by_way[Way.EXPIRED], first.by_way[Way.REJECTED]) == (5, 1, 0)
    assert (first.by_risk[RiskLevel.LOW], first.by_risk[RiskLevel.HIGH], first.total) == (2, 4, 6)
    assert (last.by_way[Way.ALLOWED_BY_PATTERN], last.total) == (4, 4)
    assert (report.by_way[Way.APPROVED], report.by_way[Way.EXPIRED], report.total) == (5, 1, 10)
    assert (report.by_risk[RiskLevel.LOW], report.by_risk[RiskLevel.HIGH]) == (6, 4)
    assert (report.share(Way.ALLOWED_BY_PATTERN), report.share(Way.ALLOWED_BY_POLICY)) == (0.4, 0)


@pytest.mark.parametrize(
    ("seconds", "p50", "p90"),
    [
        ([7], 7, 7),
        ([0], 0, 0),
        ([1, 9], 1, 9),
        ([9, 1, 5], 5, 9),
        (list(range(1, 11)), 5, 9),
        (list(range(1, 12)), 6, 10),
        ([3] * 99 + [1_000], 3, 3),
        ([3] * 89 + [1_000] * 11, 3, 1_000),
    ],
)
def test_times_are_those_that_half_and_nine_of_ten_do_not_exceed(seconds: list[int], p50: int, p90: int) -> None:
    """By the nearest rank: each is a time that a decision really took."""
    assert make_report(times=took(*seconds)).time == DecisionTime(decisions=len(seconds), p50=p50, p90=p90)


def test_times_are_told_overall_and_by_level() -> None:
    """A level that people decided nothing of is left out; equal times are counted together."""
    report = make_report(
        times=[
            TimeCount(risk_level=RiskLevel.LOW, seconds=10, number=3),
            *took(100),
            TimeCount(risk_level=RiskLevel.LOW, seconds=10, number=1),
        ]
    )
    assert report.time == DecisionTime(decisions=5, p50=10, p90=100)
    assert report.time_by_risk == {
        RiskLevel.LOW: DecisionTime(decisions=4, p50=10, p90=10),
        RiskLevel.HIGH: DecisionTime(decisions=1, p50=100, p90=100),
    }


def test_executions_are_told_as_they_were_counted() -> None:
    """Nothing is added to them."""
    executions = ExecutionCount(executed=3, failed=2, unknown=1, settled=1)
    assert make_report(executions=executions).executions == executions


@pytest.mark.parametrize(
    ("status", "verdict", "by_pattern", "way"),
    [
        (ApprovalStatus.PENDING, Verdict.ASK, False, None),
        (ApprovalStatus.PENDING, Verdict.ALLOW, False, None),
        *(
            (status, verdict, by_pattern, way)
            for status in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTED, ApprovalStatus.FAILED)
            for verdict, by_pattern, way in (
                (Verdict.ASK, False, Way.APPROVED),
                (Verdict.ALLOW, False, Way.ALLOWED_BY_POLICY),
                (Verdict.ALLOW, True, Way.ALLOWED_BY_PATTERN),
            )
        ),
        (ApprovalStatus.REJECTED, Verdict.ASK, False, Way.REJECTED),
        (ApprovalStatus.REJECTED, Verdict.DENY, False, Way.DENIED_BY_POLICY),
        (ApprovalStatus.EXPIRED, Verdict.ASK, False, Way.EXPIRED),
        (ApprovalStatus.EXPIRED, Verdict.ALLOW, False, Way.EXPIRED),
        (ApprovalStatus.CANCELLED, Verdict.ASK, False, Way.CANCELLED),
        (ApprovalStatus.CANCELLED, Verdict.DENY, False, Way.CANCELLED),
    ],
)
def test_an_approval_came_to_its_status_in_one_way(
    status: ApprovalStatus, verdict: Verdict, way: Way | None, *, by_pattern: bool
) -> None:
    """What the rules asked for tells people's decisions from those that nobody had to make."""
    assert way_of(status, verdict, by_pattern=by_pattern) is way
