"""A trusted pattern made from one approval: as narrow as the request itself, for a person to widen by hand."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from assent.models import Approval, Operation, RiskLevel
from assent.policy_models import NewTrustedPattern
from domain.condition_text import MAX_BYTES
from domain.frozen import Frozen
from domain.risk import rank
from domain.visible import is_hidden

PER_DAY = 10
LASTS = timedelta(days=30)
MAX_PINNED = 200
"""The longest text, in characters, that must be the same; of a longer one, only the length is limited."""

_AND = " &&\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that the engine takes for something else, also behind a dot.
_RESERVED = frozenset({"false", "in", "null", "true"})
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class NarrowPattern(Frozen):
    """A proposal. `hints` are sentences on what it leaves open and what a person may want to change."""

    wanted: NewTrustedPattern
    hints: tuple[str, ...] = ()


class _Line(Frozen):
    """One line of a condition, with what it looks at. `open` says what it leaves open, if anything."""

    path: str
    text: str
    open: str = ""


def narrow_pattern(approval: Approval, *, now: datetime) -> NarrowPattern:
    """Return the narrowest pattern that would have let `approval` through, had its risk not been above medium."""
    level = None if approval.risk is None else approval.risk.level
    above = level is not None and rank(level) > rank(RiskLevel.MEDIUM)
    lines, left_out = _fitting(_lines(approval.operation))
    wanted = NewTrustedPattern(
        agent_id=approval.agent_id,
        operation_type=approval.operation.type,
        resource_type=approval.operation.resource_type,
        condition=_AND.join(line.text for line in lines),
        max_risk=None if above else level,
        expires_at=now + LASTS,
        max_per_day=PER_DAY,
        note=f"Made from approval {approval.id}.",
    )
    hints = [line.open for line in lines if line.open]
    hints += [f"{line.path} may be anything: with it, the condition would be too long." for line in left_out]
    if level is not None and above:
        hints.append(_of_risk(level))
    return NarrowPattern(wanted=wanted, hints=tuple(hints))


def literal(text: str) -> str:
    """Return `text` as a CEL string that shows every character: what hides is written as an escape."""
    return "'" + "".join(_ESCAPES.get(each) or (_escape(each) if is_hidden(each) else each) for each in text) + "'"


def _of_risk(level: RiskLevel) -> str:
    if level is RiskLevel.CRITICAL:
        return (
            "This request was of critical risk. The policy keeps that for people, unless a rule says "
            "`patterns: allow_critical`."
        )
    return (
        f"This request was of {level.value} risk, which the pattern does not let through as it stands. "
        "Choose the highest risk yourself."
    )


def _fitting(lines: Iterator[_Line]) -> tuple[list[_Line], list[_Line]]:
    """Return the lines that a condition has room for, and the others."""
    taken: list[_Line] = []
    left_out: list[_Line] = []
    size = 0
    for line in lines:
        needed = len(line.text.encode()) + (len(_AND) if taken else 0)
        if size + needed > MAX_BYTES:
            left_out.append(line)
        else:
            taken.append(line)
            size += needed
    return taken, left_out


def _lines(operation: Operation) -> Iterator[_Line]:
    target = "operation.resource_id"
    hint = (
        f"It lets through {operation.resource_type} {operation.resource_id} alone. Without the line of {target}, any."
    )
    pinned = f"{target} == {literal(operation.resource_id)}"
    yield _Line(path=target, text=pinned, open=hint if operation.resource_id else "")
    for name, value in operation.parameters.items():
        yield from _of_value("operation.parameters", name, value)


def _of_value(parent: str, name: str, value: Any) -> Iterator[_Line]:  # noqa: ANN401  any JSON value
    """Yield what holds `value` where it is, or below it."""
    path = f"{parent}.{name}" if _NAME.fullmatch(name) and name not in _RESERVED else f"{parent}[{literal(name)}]"
    match value:
        case dict():
            yield _Line(path=path, text=f"size({path}) == {len(value)}")
            for inner, each in value.items():
                yield from _of_value(path, inner, each)
        case list():
            hint = f"{path} may have any {len(value)} entries, or fewer." if value else ""
            yield _Line(path=path, text=f"size({path}) <= {len(value)}", open=hint)
        case str() if len(value) > MAX_PINNED:
            hint = f"{path} may be any text of up to {len(value):,} characters."
            yield _Line(path=path, text=f"size({path}) <= {len(value)}", open=hint)
        case str():
            yield _Line(path=path, text=f"{path} == {literal(value)}")
        case bool() | None:
            yield _Line(path=path, text=f"{path} == {_WORDS[value]}")
        case _ if value > 0 and not _identifies(name):
            # Not zero, and nothing below it: such a number often stands for all of them.
            hint = f"{path} may be any number above 0, up to {value}."
            yield _Line(path=path, text=f"{path} > 0 && {path} <= {value}", open=hint)
        case _:
            yield _Line(path=path, text=f"{path} == {value}")


_WORDS = {True: "true", False: "false", None: "null"}


def _identifies(name: str) -> bool:
    """Whether a number of this name says which one, rather than how much."""
    return name.lower() == "id" or name.endswith(("_id", "Id"))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"  # noqa: PLR2004  what four digits can say
