"""Charts as SVG, made of numbers alone. Widths are in per cent, so a chart fits any screen and its text keeps its size.

Colours come from classes: each part has the `kind` of what it stands for.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import ceil, log

from markupsafe import Markup, escape

from dashboard.views.words import length
from domain.frozen import Frozen

PLOT = 190
"""The height of a bar chart's plot in pixels."""

LEAST = 2.0
"""How many pixels a part has at least: one among a thousand still shows."""

_TOP = 16
_BELOW = 26
_AXIS = 42
_HEIGHT = _TOP + PLOT + _BELOW
_MOST_STEPS = 5
_MOST_LABELS = 7
_GAP = 1.0
# A bar takes so much of its place; where there are few, less, or they would be walls.
_WIDE, _SLIM, _FEW = 0.72, 0.36, 10
_ROW = 52
_THOUSAND, _SHORTENED_FROM = 1_000, 10_000

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIMES = (1, 10, _MINUTE, 10 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY)


class Series(Frozen):
    """One kind of thing that is counted: how many of it there were at each place, left to right."""

    kind: str
    label: str
    numbers: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many there were in all."""
        return sum(self.numbers)


class TimeRange(Frozen):
    """How long something took, in seconds: half of it `p50` or less, nine of ten `p90` or less."""

    kind: str
    label: str
    p50: int
    p90: int


def stacked_bars(name: str, labels: Sequence[str], series: Sequence[Series], *, title: str, about: str) -> Markup:
    """Return a bar for each label, in which the series stand on each other, the first at the bottom.

    `name` is the chart's own on its page. `title` and `about` tell what it shows to whoever does not see it.
    """
    places = range(len(labels))
    ticks = ticks_up_to(max((sum(each.numbers[place] for each in series) for place in places), default=0))
    slot = 100 / max(len(labels), 1)
    bars = [
        _column(labels[place], [(each, each.numbers[place]) for each in series], place * slot, slot, top=ticks[-1])
        for place in places
    ]
    drawn = _drawing(name, _HEIGHT, [*_gridlines(ticks), *bars, *_days_below(labels, slot)], title, about)
    return _tag("div", _axis(ticks), drawn, class_="plot")


def time_ranges(name: str, rows: Sequence[TimeRange], *, title: str, about: str) -> Markup:
    """Return a bar for each row, from what half of it took at most to what nine of ten took at most.

    Times grow by steps to the right, so that seconds and days fit on one scale. There is at least one row.
    """
    ticks = times_around(rows)
    height = len(rows) * _ROW + _BELOW
    drawn = [_range(row, number * _ROW, ticks) for number, row in enumerate(rows)]
    below = [
        _tag("text", length_of(tick), x=_percent(_place(tick, ticks)), y=height - 6, text_anchor=_anchor(tick, ticks))
        for tick in ticks
    ]
    return _tag("div", _drawing(name, height, [*drawn, *below], title, about), class_="plot")


def ticks_up_to(most: int) -> tuple[int, ...]:
    """Return round whole numbers, in equal steps from 0 to `most` or a little more."""
    step = 1
    while step * _MOST_STEPS < most:
        # 1, 2, 5, 10, 20, 50 and so on.
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return tuple(step * number for number in range(max(ceil(most / step), 1) + 1))


def times_around(rows: Sequence[TimeRange]) -> tuple[int, ...]:
    """Return the round times, in seconds and at least two, between which all of `rows` lie."""
    shortest, longest = min(row.p50 for row in rows), max(row.p90 for row in rows)
    first = max((number for number, time in enumerate(_TIMES[:-1]) if time <= shortest), default=0)
    last = next((number for number, time in enumerate(_TIMES) if time >= longest), len(_TIMES) - 1)
    return _TIMES[first : max(last, first + 1) + 1]


def _column(label: str, counted: Sequence[tuple[Series, int]], left: float, slot: float, *, top: int) -> Markup:
    share = _SLIM if slot * _FEW >= 100 else _WIDE  # noqa: PLR2004  the whole width
    x, width = left + slot * (1 - share) / 2, slot * share
    told = ", ".join(f"{each.label.lower()} {number:,}" for each, number in counted if number)
    parts: list[Markup] = []
    y = float(_TOP + PLOT)
    for each, number in counted:
        if not number:
            continue
        height = max(PLOT * number / top, LEAST)
        y -= height
        # A gap tells the parts apart as well, where there is room for one.
        shown = height - _GAP if height > 2 * LEAST else height
        parts.append(_tag("rect", class_=each.kind, x=_percent(x), y=y, width=_percent(width), height=shown))
    over = _tag("rect", class_="over", x=_percent(left), y=_TOP, width=_percent(slot), height=PLOT)
    return _tag("g", _tag("title", f"{label}: {told or 'nothing'}"), over, *parts, class_="per-day")


def _axis(ticks: Sequence[int]) -> Markup:
    numbers = [
        _tag("text", _shortened(tick), x=_AXIS - 10, y=_level(tick, ticks) + 4, text_anchor="end") for tick in ticks
    ]
    return _tag("svg", *numbers, class_="bars-axis", width=_AXIS, height=_HEIGHT, aria_hidden="true")


def _gridlines(ticks: Sequence[int]) -> Iterable[Markup]:
    for tick in ticks:
        y = _level(tick, ticks)
        yield _tag("line", class_="gridline" if tick else "base", x1=0, x2="100%", y1=y, y2=y)


def _days_below(labels: Sequence[str], slot: float) -> Iterable[Markup]:
    """Label the last bar, and as many before it as have room, evenly."""
    every = max(ceil(len(labels) / _MOST_LABELS), 1)
    for place in range(len(labels) - 1, -1, -every):
        yield _tag("text", labels[place], x=_percent((place + 0.5) * slot), y=_HEIGHT - 6, text_anchor="middle")


def _range(row: TimeRange, y: int, ticks: Sequence[int]) -> Markup:
    half, most = length_of(row.p50), length_of(row.p90)
    p50, p90 = _place(row.p50, ticks), _place(row.p90, ticks)
    lines = [
        _tag("line", class_="gridline", x1=x, x2=x, y1=y + 22, y2=y + 46)
        for x in (_percent(_place(tick, ticks)) for tick in ticks)
    ]
    return _tag(
        "g",
        _tag("title", f"{row.label}: half within {half}, nine of ten within {most}"),
        _tag("text", row.label, class_="label", x=0, y=y + 14),
        _tag("text", f"p50 {half} · p90 {most}", x="100%", y=y + 14, text_anchor="end"),
        *lines,
        _tag("rect", class_="span", x=_percent(p50), y=y + 30, width=_percent(p90 - p50), height=8),
        _tag("line", class_="half", x1=_percent(p50), x2=_percent(p50), y1=y + 25, y2=y + 43),
        _tag("line", class_="most", x1=_percent(p90), x2=_percent(p90), y1=y + 28, y2=y + 40),
        class_=f"range {row.kind}",
    )


def _drawing(name: str, height: int, drawn: Iterable[Markup], title: str, about: str) -> Markup:
    return _tag(
        "svg",
        _tag("title", title, id=f"{name}-title"),
        _tag("desc", about, id=f"{name}-about"),
        *drawn,
        class_="bars-chart",
        width="100%",
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-about",
    )


def _tag(element: str, /, *inside: str, **attributes: str | float) -> Markup:
    """Return an element. What stands inside is escaped unless it is markup; `text_anchor` stands for `text-anchor`."""
    # Hundreds stand in one chart: joining text that is escaped takes a fifth of what formatting markup does.
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_written(value))}"' for name, value in attributes.items()
    )
    content = "".join(escape(each) for each in inside)
    return Markup(f"<{element}{written}>{content}</{element}>")  # noqa: S704  all of it is escaped above


def _written(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _percent(share: float) -> str:
    return f"{_written(float(share))}%"


def _level(number: int, ticks: Sequence[int]) -> float:
    """Return how far below the top a number stands, in pixels."""
    return _TOP + PLOT * (1 - number / ticks[-1])


def _place(seconds: int, ticks: Sequence[int]) -> float:
    """Return how far to the right a time stands, in per cent."""
    within = min(max(seconds, ticks[0]), ticks[-1])
    return 100 * log(within / ticks[0]) / log(ticks[-1] / ticks[0])


def _anchor(tick: int, ticks: Sequence[int]) -> str:
    return {ticks[0]: "start", ticks[-1]: "end"}.get(tick, "middle")


def length_of(seconds: int) -> str:
    """Return a number of seconds as people read it."""
    return length(timedelta(seconds=seconds))


def _shortened(number: int) -> str:
    return f"{number:,}" if number < _SHORTENED_FROM else f"{number / _THOUSAND:,.15g}k"
