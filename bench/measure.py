"""Measuring, and telling what was measured."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence

MILLISECONDS = 1_000.0


def times(run: Callable[[], object], rounds: int) -> list[float]:
    """Return how many milliseconds each of `rounds` runs took, after a tenth as many that do not count."""
    for _ in range(rounds // 10):
        run()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        taken.append((time.perf_counter() - started) * MILLISECONDS)
    return taken


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of `values` do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def say(line: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def verdict(measured: float, limit: float, unit: str) -> str:
    """Return whether a limit is kept, in words."""
    return f"limit {limit:g} {unit}: {'kept' if measured <= limit else 'MISSED'}"


def say_times(name: str, values: Sequence[float], cpu: float, limit: float) -> None:
    """Print p50 and p95 of milliseconds, and whether both keep a limit, or the p50 alone.

    `cpu` is how many milliseconds of it a core was busy: the one that other programs on the machine hardly change.
    """
    p50, p95 = percentile(values, 50), percentile(values, 95)
    but = " by the p50 alone" if p50 <= limit < p95 else ""
    kept = verdict(p50, limit, "ms")
    say(f"  {name:32}  p50 {p50:.1f} ms, p95 {p95:.1f} ms ({kept}{but}); CPU {cpu:.1f} ms")


def table(title: str, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Print p50 and p99 of each row's milliseconds, and how many times the first row's p50 it takes."""
    first = percentile(rows[0][1], 50)
    say(f"\n{title}\n")
    say(f"  {'':58}  {'p50 ms':>9}  {'p99 ms':>9}  {'ratio':>7}")
    for name, values in rows:
        p50 = percentile(values, 50)
        say(f"  {name:58}  {p50:9.3f}  {percentile(values, 99):9.3f}  {p50 / first:7.2f}")
