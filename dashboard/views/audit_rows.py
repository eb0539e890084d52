"""The audit log as a page shows it: by day, each line with who did what, and the rest of what it tells."""

import json
import re
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from assent.models import AuditEvent as AuditLine
from dashboard.views.words import refusal
from domain.frozen import Frozen

_SHORT = 90
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORDS = {True: "yes", False: "no", None: "none"}


class Detail(Frozen):
    """One thing that a line tells besides. What is long stands behind a summary; a digest is shown by its beginning."""

    label: str
    text: str
    is_long: bool
    is_digest: bool


class AuditRow(Frozen):
    """One line. `role` is what the actor is, where the record says it: `reviewer`, `system`."""

    line: AuditLine
    role: str
    details: tuple[Detail, ...]


class AuditDay(Frozen):
    """The lines of one UTC day that stand on the page, in the page's order."""

    day: date
    rows: tuple[AuditRow, ...]


def days_of(lines: Sequence[AuditLine]) -> tuple[AuditDay, ...]:
    """Return a page of the log by days, in its own order."""
    return tuple(
        AuditDay(day=day, rows=tuple(_row(line) for line in together))
        for day, together in groupby(lines, key=lambda line: line.at.date())
    )


def _row(line: AuditLine) -> AuditRow:
    return AuditRow(
        line=line,
        role=line.actor.partition(":")[0],
        details=tuple(_detail(name, value) for name, value in line.details.items()),
    )


def _detail(name: str, value: Any) -> Detail:  # noqa: ANN401  any JSON value
    text = refusal(value) if name == "refusal" and isinstance(value, str) else _text(value)
    return Detail(
        label=name.replace("_", " "),
        text=text,
        is_long=len(text) > _SHORT or "\n" in text,
        is_digest=_DIGEST.fullmatch(text) is not None,
    )


def _text(value: Any) -> str:  # noqa: ANN401  as above
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return _WORDS[value]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "none"
    flat = json.dumps(value, ensure_ascii=False)
    return flat if len(flat) <= _SHORT else json.dumps(value, indent=2, ensure_ascii=False)
