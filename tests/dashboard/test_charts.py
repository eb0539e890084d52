"""Charts: each number where it belongs, told in words too, and nothing of a label becomes markup."""

import xml.etree.ElementTree as ET
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from assent.models import RiskLevel
from dashboard.views.charts import LEAST, PLOT, Series, TimeRange, stacked_bars, ticks_up_to, time_ranges, times_around
from dashboard.views.insight_charts import by_risk, by_way, figures_of, percent, times
from domain.insights import DecidedCount, ExecutionCount, InsightReport, TimeCount, Way, report_of

FIRST = date(2026, 2, 27)
counts = st.integers(0, 10**7)


def drawn(markup: Markup) -> ET.Element:
    """Return a chart as a browser would understand it: what is not well-formed fails here."""
    return ET.fromstring(markup)  # noqa: S314  our own


def bars(series: list[Series], labels: list[str]) -> ET.Element:
    """Return a chart of bars."""
    return drawn(stacked_bars("c", labels, series, title="A title", about="About it"))


def parts(chart: ET.Element) -> list[list[tuple[str, float, float]]]:
    """Return what stands in each bar, from the bottom up: its kind, its lower edge and its height in pixels."""
    return [
        [
            (part.attrib["class"], float(part.attrib["y"]) + float(part.attrib["height"]), float(part.attrib["height"]))
            for part in column.iter("rect")
            if part.attrib["class"] != "over"
        ]
        for column in chart.iter("g")
    ]


def report(*decided: tuple[int, Way, RiskLevel, int], **options: object) -> InsightReport:
    """Return a report on four days, of numbers on days after the first."""
    return report_of(
        [
            DecidedCount(day=FIRST + timedelta(days=day), way=way, risk_level=level, number=number)
            for day, way, level, number in decided
        ],
        options.get("times", ()),  # type: ignore[arg-type]
        options.get("executions", ExecutionCount()),  # type: ignore[arg-type]
        first=FIRST,
        last=FIRST + timedelta(days=3),
    )


def test_bars_stand_on_each_other() -> None:
    """The first series at the bottom, each as high as it is many, and nothing where nothing was."""
    series = [Series(kind="a", label="A", numbers=(10, 0, 5)), Series(kind="b", label="B", numbers=(10, 0, 0))]
    first, second, third = parts(bars(series, ["1 Mar", "2 Mar", "3 Mar"]))
    assert [kind for kind, _, _ in first] == ["a", "b"]
    assert [bottom for _, bottom, _ in first] == pytest.approx([16 + PLOT, 16 + PLOT / 2], abs=1.5)
    assert [height for _, _, height in first] == pytest.approx([PLOT / 2, PLOT / 2], abs=1.5)
    assert second == []
    assert [kind for kind, _, _ in third] == ["a"]
    assert third[0][2] == pytest.approx(PLOT / 4, abs=1.5)


@given(st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=90))
def test_whatever_the_numbers_all_of_them_show(numbers: list[tuple[int, int, int]]) -> None:
    """What there is at all is seen; it stays within the picture; parts never cover each other."""
    series = [Series(kind=f"s{place}", label="S", numbers=tuple(each[place] for each in numbers)) for place in range(3)]
    for column, shown in zip(numbers, parts(bars(series, ["d"] * len(numbers))), strict=True):
        assert [kind for kind, _, _ in shown] == [f"s{place}" for place in range(3) if column[place]]
        assert all(height >= LEAST for _, _, height in shown)
        assert all(bottom - height >= 0 for _, bottom, height in shown)
        assert all(upper <= lower - height + 0.02 for (_, lower, height), (_, upper, _) in pairwise(shown))


def test_a_chart_is_an_image_with_words() -> None:
    """Its title and what it shows are its name; each bar says its day and numbers; labels are text."""
    chart = bars([Series(kind="a", label="<b>A", numbers=(1_200,))], ["<1 & Mar>"])
    (svg,) = [each for each in chart.iter("svg") if each.attrib.get("role") == "img"]
    named = {each.attrib["id"]: each.text for each in svg if "id" in each.attrib}
    assert [named[word] for word in svg.attrib["aria-labelledby"].split()] == ["A title", "About it"]
    (column,) = chart.iter("g")
    assert column.findtext("title") == "<1 & Mar>: <b>a 1,200"
    assert "<1 & Mar>" in [text.text for text in svg.iter("text")]
    (empty,) = bars([Series(kind="a", label="A", numbers=(0,))], ["1 Mar"]).iter("g")
    assert empty.findtext("title") == "1 Mar: nothing"


@pytest.mark.parametrize(("days", "shown"), [(1, 1), (7, 7), (8, 4), (30, 6), (90, 7), (366, 7)])
def test_labels_have_room(days: int, shown: int) -> None:
    """Not every day is named, but the last always is."""
    labels = [f"day {number}" for number in range(days)]
    chart = bars([Series(kind="a", label="A", numbers=(1,) * days)], labels)
    told = [text.text for text in chart.iter("text") if text.attrib["text-anchor"] == "middle"]
    assert len(told) == shown
    assert told[0] == labels[-1]


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (5, (0, 1, 2, 3, 4, 5)),
        (6, (0, 2, 4, 6)),
        (11, (0, 5, 10, 15)),
        (43, (0, 10, 20, 30, 40, 50)),
        (51, (0, 20, 40, 60)),
        (1_001, (0, 500, 1_000, 1_500)),
    ],
)
def test_the_axis_has_round_numbers(most: int, ticks: tuple[int, ...]) -> None:
    """Whole ones, in equal steps."""
    assert ticks_up_to(most) == ticks


@given(counts)
def test_the_axis_reaches_as_far_as_it_must(most: int) -> None:
    """Few lines, and not much room above."""
    ticks = ticks_up_to(most)
    assert 2 <= len(ticks) <= 6
    assert ticks[-1] >= most
    assert ticks[-2] < max(most, 1)


def test_large_numbers_fit_beside_the_axis() -> None:
    """Thousands are shortened once they are many."""
    chart = bars([Series(kind="a", label="A", numbers=(60_000,))], ["1 Mar"])
    told = [text.text for text in chart.iter("text") if text.attrib["text-anchor"] == "end"]
    assert told == ["0", "20k", "40k", "60k"]


@pytest.mark.parametrize(
    ("rows", "ticks"),
    [
        ([(0, 0)], (1, 10)),
        ([(10, 10)], (10, 60)),
        ([(45, 3_000), (60, 90)], (10, 60, 600, 3_600)),
        ([(90_000, 40_000_000)], (86_400, 604_800, 2_592_000, 31_536_000)),
        ([(40_000_000, 40_000_000)], (2_592_000, 31_536_000)),
    ],
)
def test_times_lie_between_round_times(rows: list[tuple[int, int]], ticks: tuple[int, ...]) -> None:
    """As few as hold them all, and two at least."""
    assert times_around([TimeRange(kind="a", label="A", p50=p50, p90=p90) for p50, p90 in rows]) == ticks


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), min_size=1, max_size=4))
def test_ranges_go_from_the_median_to_nine_of_ten(pairs: list[tuple[int, int]]) -> None:
    """Within the picture, whatever the times."""
    rows = [TimeRange(kind="a", label="A", p50=min(pair), p90=max(pair)) for pair in pairs]
    for span in (each for each in drawn(time_ranges("t", rows, title="T", about="A")).iter("rect")):
        x, width = (float(span.attrib[name].removesuffix("%")) for name in ("x", "width"))
        assert x >= 0
        assert width >= 0
        assert x + width <= 100.02


def test_a_range_says_its_times() -> None:
    """In the picture, and to whoever does not see it."""
    rows = [TimeRange(kind="risk-low", label="Low risk", p50=45, p90=3_900)]
    chart = drawn(time_ranges("t", rows, title="T", about="A"))
    (group,) = chart.iter("g")
    assert group.findtext("title") == "Low risk: half within 45 s, nine of ten within 1 h 5 min"
    told = [text.text for text in chart.iter("text")]
    assert told == ["Low risk", "p50 45 s · p90 1 h 5 min", "10 s", "1 min", "10 min", "1 h", "6 h"]


def test_insights_become_series() -> None:
    """Each way and each level, on its day; the picture's words state the numbers; the legend has what there was."""
    found = report((0, Way.APPROVED, RiskLevel.LOW, 3), (3, Way.EXPIRED, RiskLevel.HIGH, 2))
    ways, risks = by_way(found), by_risk(found)
    assert {each.kind: each.numbers for each in ways.series if each.total} == {
        "way-approved": (3, 0, 0, 0),
        "way-expired": (0, 0, 0, 2),
    }
    assert len(ways.series) == len(Way)
    assert [each.label for each in ways.legend] == ["Approved by people", "Expired"]
    assert [(each.kind, each.total) for each in risks.series] == [
        ("risk-low", 3),
        ("risk-medium", 0),
        ("risk-high", 2),
        ("risk-critical", 0),
    ]
    about = "From 27 Feb to 2 Mar, 5 in all: approved by people 3, expired 2."
    assert next(each.text for each in drawn(ways.drawing).iter("desc")) == about


def test_times_are_told_by_level() -> None:
    """Only where people decided something."""
    assert times(report((0, Way.EXPIRED, RiskLevel.LOW, 1))) is None
    taken = [TimeCount(risk_level=RiskLevel.HIGH, seconds=seconds, number=1) for seconds in (60, 120)]
    shown = times(report((0, Way.APPROVED, RiskLevel.HIGH, 2), times=taken))
    assert shown is not None
    assert [(row.level, row.decisions, row.half, row.most) for row in shown.rows] == [("High", 2, "1 min", "2 min")]


def test_the_figures_tell_most() -> None:
    """Numbers with what stands beside them; where people decided nothing, there is no time."""
    found = report(
        (0, Way.APPROVED, RiskLevel.LOW, 5),
        (1, Way.ALLOWED_BY_PATTERN, RiskLevel.LOW, 3),
        (1, Way.ALLOWED_BY_POLICY, RiskLevel.LOW, 1),
        (2, Way.EXPIRED, RiskLevel.LOW, 1),
        times=[TimeCount(risk_level=RiskLevel.LOW, seconds=90, number=5)],
        executions=ExecutionCount(executed=6, failed=1, unknown=2, settled=1),
    )
    assert [(figure.number, figure.beside) for figure in figures_of(found)] == [
        ("10", "5 by people"),
        ("1 min", "nine of ten within 1 min"),
        ("30 %", "3 of 10"),
        ("10 %", "1 of 10"),
        ("1", "10 % of all: nobody decided in time"),
        ("3", "2 of them unknown, 1 settled"),
    ]
    nothing = figures_of(report(executions=ExecutionCount(executed=4, unknown=0)))
    assert [(figure.number, figure.beside) for figure in nothing][1] == ("none", "")
    assert nothing[-1].beside == "4 executed"
    unsettled = figures_of(report(executions=ExecutionCount(unknown=1)))
    assert unsettled[-1].beside == "1 of them unknown"


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0, "0 %"), (0.001, "< 1 %"), (0.01, "1 %"), (0.345, "34 %"), (0.99, "99 %"), (0.999, "> 99 %"), (1.0, "100 %")],
)
def test_a_share_is_never_called_none_or_all_that_is_not(share: float, told: str) -> None:
    """Rounding says so."""
    assert percent(share) == told
