"""The comparison as tables of Markdown, which a terminal shows as well."""

from collections.abc import Iterator, Sequence

from bench.engine.subject import CLIENT
from bench.engine.subjects import API, POSTGRES, TEMPORAL, WORKER
from bench.engine.summary import Summary

_PROCESSES = (WORKER, API, CLIENT, TEMPORAL, POSTGRES)


def tables(summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield the lines of all tables."""
    yield from markdown(
        ("", "approvals/s", "lowest-highest", "ratio", "submit p50", "p99", "decide to executed p50", "p99"),
        [
            (
                each.name,
                f"{each.throughput:.1f}",
                f"{each.lowest:.1f}-{each.highest:.1f}",
                f"{each.ratio:.2f}",
                *(f"{taken:.0f} ms" for taken in (each.submit_p50, each.submit_p99)),
                *(f"{taken:.0f} ms" for taken in (each.executed_p50, each.executed_p99)),
            )
            for each in summaries
        ],
    )
    yield ""
    yield from markdown(
        ("CPU ms an approval", *_PROCESSES, "all"),
        [(each.name, *_by_process(each.cpu, ".1f"), f"{sum(each.cpu.values()):.1f}") for each in summaries],
    )
    yield ""
    yield from markdown(
        ("MB of memory at the end", *_PROCESSES),
        [(each.name, *_by_process(each.memory, ".0f")) for each in summaries],
    )
    yield ""
    yield from markdown(
        ("an approval", "history events", "Temporal actions", "rows written on PostgreSQL"),
        [
            (each.name, *("" if count is None else f"{count:.1f}" for count in (each.events, each.actions, each.rows)))
            for each in summaries
        ],
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column is words, the others are numbers."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    yield _row(head, widths)
    yield _row(["-" * (widths[0]), *(f"{'-' * (width - 1)}:" for width in widths[1:])], widths)
    for row in rows:
        yield _row(row, widths)


def _by_process(values: dict[str, float], form: str) -> Iterator[str]:
    for name in _PROCESSES:
        yield format(values[name], form) if name in values else ""


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join([first, *others])} |"
