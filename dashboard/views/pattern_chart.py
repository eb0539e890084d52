"""What a backtest found, as a picture: how much would go through of all there was, and what people made of that."""

from collections.abc import Iterable

from assent.policy_models import Backtest
from domain.frozen import Frozen

WIDTH = 1000.0
LEAST = 8.0
"""How wide a part is at least, of the whole width: one rejection among a hundred thousand shows."""


class Part(Frozen):
    """One part of a bar, or one line of the table beside it. `share` is from 0 to 1; `x` and `width` are of WIDTH."""

    kind: str
    label: str
    number: int
    share: float
    x: float
    width: float


class BacktestChart(Frozen):
    """Two bars: all that was considered, and below it, over the whole width, what the pattern would let through."""

    considered: tuple[Part, ...]
    outcomes: tuple[Part, ...]

    @property
    def through(self) -> Part:
        """What the pattern would let through."""
        return self.considered[0]


def chart_of(backtest: Backtest) -> BacktestChart:
    """Return the picture of a backtest."""
    humans, through = backtest.humans, backtest.would_approve
    rest = through - humans.approved - humans.rejected - humans.expired
    return BacktestChart(
        considered=_bar(
            (
                ("through", "It would let through", through),
                ("others", "It would leave to people", backtest.considered - through),
            )
        ),
        outcomes=_bar(
            (
                ("approved", "People approved", humans.approved),
                ("rejected", "People rejected", humans.rejected),
                ("expired", "Nobody decided in time", humans.expired),
                ("others", "Not decided by people", rest),
            )
        ),
    )


def _bar(parts: Iterable[tuple[str, str, int]]) -> tuple[Part, ...]:
    """Return the parts of one bar, left to right: each what it needs to be seen, and of the rest as it is many."""
    parts = tuple(parts)
    total = sum(number for _, _, number in parts)
    rest = WIDTH - LEAST * sum(number > 0 for _, _, number in parts)
    made: list[Part] = []
    x = 0.0
    for kind, label, number in parts:
        share = number / total if total else 0.0
        width = LEAST + rest * share if number else 0.0
        made.append(Part(kind=kind, label=label, number=number, share=share, x=round(x, 2), width=round(width, 2)))
        x += width
    return tuple(made)
