"""The audit log as a file: CSV that a spreadsheet opens without running anything, or JSON by the line."""

import csv
import io
from collections.abc import AsyncIterator, Sequence

from assent.models import AuditEvent as AuditLine
from domain.canonical import canonical_json

CSV_COLUMNS = ("id", "at", "actor", "action", "approval_id", "digest", "details")

# A spreadsheet takes a cell that starts with one of these for a formula. Source: OWASP, CSV Injection.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


async def csv_lines(pages: AsyncIterator[Sequence[AuditLine]]) -> AsyncIterator[str]:
    """Yield a table of the events, a heading and then a page at a time; `details` are JSON in one cell.

    Every cell is quoted. One that a spreadsheet would take for a formula begins with an apostrophe.
    """
    yield _table([CSV_COLUMNS])
    async for page in pages:
        yield _table([_cells(line) for line in page])


async def jsonl_lines(pages: AsyncIterator[Sequence[AuditLine]]) -> AsyncIterator[str]:
    """Yield the events as `GET /v1/audit` gives them, one canonical JSON object a line, a page at a time."""
    async for page in pages:
        yield "".join(f"{canonical_json(line.model_dump(mode='json')).decode()}\n" for line in page)


def _cells(line: AuditLine) -> list[str]:
    told = line.model_dump(mode="json") | {"details": canonical_json(line.details).decode()}
    return [_as_text(told[column] or "") for column in CSV_COLUMNS]


def _as_text(cell: str) -> str:
    # Some programs leave out what is blank before they look.
    is_formula = cell.startswith(_STARTS_A_FORMULA) or cell.lstrip().startswith(_STARTS_A_FORMULA)
    return f"'{cell}" if is_formula else cell


def _table(rows: Sequence[Sequence[str]]) -> str:
    table = io.StringIO(newline="")
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows(rows)
    return table.getvalue()
