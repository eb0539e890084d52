"""Insights in words and pictures: the report's numbers as series, figures and charts."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from assent.models import RiskLevel
from dashboard.views.charts import Series, TimeRange, length_of, stacked_bars, time_ranges
from dashboard.views.words import capital
from domain.frozen import Frozen
from domain.insights import InsightReport, Way

# From the bottom of a bar up: what went through, then what did not.
_WAYS = {
    Way.APPROVED: "Approved by people",
    Way.ALLOWED_BY_PATTERN: "Let through by patterns",
    Way.ALLOWED_BY_POLICY: "Let through by policy",
    Way.REJECTED: "Rejected by people",
    Way.DENIED_BY_POLICY: "Denied by policy",
    Way.EXPIRED: "Expired",
    Way.CANCELLED: "Cancelled",
}


@dataclass(frozen=True, slots=True)
class DailyChart:
    """A chart of days. `series` are all that could be there, for the table; the legend leaves out what never was."""

    drawing: Markup
    series: tuple[Series, ...]

    @property
    def legend(self) -> tuple[Series, ...]:
        """What the picture has."""
        return tuple(each for each in self.series if each.total)


class TimesRow(Frozen):
    """How long people took at one level, in words."""

    level: str
    decisions: int
    half: str
    most: str


@dataclass(frozen=True, slots=True)
class TimesChart:
    """How long people took by risk, with the same as rows of a table."""

    drawing: Markup
    rows: tuple[TimesRow, ...]


class Figure(Frozen):
    """One number above the charts, with what it counts and what stands beside it."""

    label: str
    number: str
    beside: str = ""


def figures_of(report: InsightReport) -> tuple[Figure, ...]:
    """Return the numbers that tell most."""
    time, executions = report.time, report.executions
    people = report.by_way[Way.APPROVED] + report.by_way[Way.REJECTED]
    return (
        Figure(label="Decisions", number=f"{report.total:,}", beside=f"{people:,} by people"),
        Figure(
            label="Median time to decision",
            number="none" if time is None else length_of(time.p50),
            beside="" if time is None else f"nine of ten within {length_of(time.p90)}",
        ),
        Figure(
            label="Let through by patterns",
            number=percent(report.share(Way.ALLOWED_BY_PATTERN)),
            beside=f"{report.by_way[Way.ALLOWED_BY_PATTERN]:,} of {report.total:,}",
        ),
        Figure(
            label="Let through by policy",
            number=percent(report.share(Way.ALLOWED_BY_POLICY)),
            beside=f"{report.by_way[Way.ALLOWED_BY_POLICY]:,} of {report.total:,}",
        ),
        Figure(
            label="Expired",
            number=f"{report.by_way[Way.EXPIRED]:,}",
            beside=f"{percent(report.share(Way.EXPIRED))} of all: nobody decided in time",
        ),
        Figure(
            label="Failed when they ran",
            number=f"{executions.failed + executions.unknown:,}",
            beside=_unknown(executions.unknown, executions.settled) or f"{executions.executed:,} executed",
        ),
    )


def by_way(report: InsightReport) -> DailyChart:
    """Return the decisions of each day by how they were made."""
    series = tuple(
        Series(kind=f"way-{way.value}", label=label, numbers=tuple(day.by_way[way] for day in report.days))
        for way, label in _WAYS.items()
    )
    return _daily("by-way", "Decisions per day by outcome", report, series)


def by_risk(report: InsightReport) -> DailyChart:
    """Return the decisions of each day by risk."""
    series = tuple(
        Series(
            kind=f"risk-{level.value}",
            label=f"{capital(level.value)} risk",
            numbers=tuple(day.by_risk[level] for day in report.days),
        )
        for level in RiskLevel
    )
    return _daily("by-risk", "Decisions per day by risk", report, series)


def times(report: InsightReport) -> TimesChart | None:
    """Return how long people took by risk, or None where they decided nothing."""
    rows = [
        TimeRange(kind=f"risk-{level.value}", label=f"{capital(level.value)} risk", p50=time.p50, p90=time.p90)
        for level, time in report.time_by_risk.items()
    ]
    if not rows:
        return None
    about = "; ".join(
        f"{row.label}: half within {length_of(row.p50)}, nine of ten {length_of(row.p90)}" for row in rows
    )
    return TimesChart(
        drawing=time_ranges("times", rows, title="Time to decision by risk", about=f"{about}."),
        rows=tuple(
            TimesRow(
                level=capital(level.value), decisions=time.decisions, half=length_of(time.p50), most=length_of(time.p90)
            )
            for level, time in report.time_by_risk.items()
        ),
    )


def percent(share: float) -> str:
    """Return a share as whole per cent. A little is never called none, and almost all is never called all."""
    if 0 < share < 0.01:  # noqa: PLR2004  one per cent
        return "< 1 %"
    if 0.99 < share < 1:  # noqa: PLR2004  as above
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")


def _daily(name: str, title: str, report: InsightReport, series: Sequence[Series]) -> DailyChart:
    days = [f"{day.day.day} {day.day:%b}" for day in report.days]
    counted = ", ".join(f"{each.label.lower()} {each.total:,}" for each in series if each.total)
    about = f"From {days[0]} to {days[-1]}, {report.total:,} in all: {counted}."
    return DailyChart(drawing=stacked_bars(name, days, series, title=title, about=about), series=tuple(series))


def _unknown(unknown: int, settled: int) -> str:
    if not unknown:
        return ""
    return f"{unknown:,} of them unknown" + (f", {settled:,} settled" if settled else "")
