"""Parse JSON strictly: what two readers could understand differently is refused.

Of two equal keys one wins, and which one differs from reader to reader; a number beyond 2^53-1 is rounded by some and
not by others. What a reviewer approves must be what runs.

Source: RFC 7493 (I-JSON), kept to where it removes such doubt.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, islice
from math import isinf

from pydantic import JsonValue

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
"""The largest integer up to which every integer is a different IEEE 754 double."""

_SHOWN = 60
"""How many characters of the sender's own text an answer repeats."""

_BOM = b"\xef\xbb\xbf"
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_PLAIN_KEY = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{_SHOWN - 1}}}")


class StrictJsonError(ValueError):
    """What was sent is not strict JSON. `detail` says where, and what to do next."""

    def __init__(self, detail: str) -> None:
        """Take the sentences for whoever sent it."""
        super().__init__(detail)
        self.detail = detail


def parse_strict(body: bytes, *, max_depth: int = MAX_DEPTH, called: str = "The body") -> JsonValue:
    """Parse `body`, which refusals call as `called` says, or raise StrictJsonError.

    What passes is equal to what `json.loads` makes of the same bytes. Integers keep within ±(2^53-1). A number with a
    fraction or an exponent is an IEEE 754 double, rounded to the nearest one as everywhere. Beyond ±(2^53-1), where a
    rounded digit is a whole unit, it must be the number that its double is written as: `1e17` passes,
    `9007199254740993.0` does not.
    """
    text = _decode(body, called)
    _refuse_deep_nesting(text, max_depth, called)
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        message = (
            f"{called} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}. Send one JSON document."
        )
        raise StrictJsonError(message) from error
    found = _first_refused(value)
    if found is not None:
        path, reason = found
        message = f"${path}: {reason}"
        raise StrictJsonError(message)
    parsed: JsonValue = value
    return parsed


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the parsed tree for a value that was refused: only the whole tree can tell where that is."""

    reason: str


def _decode(body: bytes, called: str) -> str:
    if body.startswith(_BOM):
        message = f"{called} starts with a byte order mark. Send UTF-8 without one."
        raise StrictJsonError(message)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{called} is not UTF-8 at byte {error.start}. Encode the JSON as UTF-8."
        raise StrictJsonError(message) from error


def _refuse_deep_nesting(text: str, max_depth: int, called: str) -> None:
    """Count brackets outside strings from left to right; the parser, which recurses, never sees what is too deep.

    Text that is no JSON may be miscounted from its first error on, which is as far as the parser goes.
    """
    brackets = (token for token in _STRING_OR_BRACKET.findall(text) if token in _LEVELS)
    for index, depth in enumerate(accumulate(map(_LEVELS.__getitem__, brackets))):
        if depth > max_depth:
            places = (found.start() for found in _STRING_OR_BRACKET.finditer(text) if found[0] in _LEVELS)
            place = next(islice(places, index, None))
            message = f"{called} nests deeper than {max_depth} levels at character {place}. Flatten it."
            raise StrictJsonError(message)


def _integer(written: str) -> int | _Refused:
    # The length comes first: Python refuses, and takes long over, integers of thousands of digits.
    if len(written) <= len(str(-MAX_INTEGER)) and abs(value := int(written)) <= MAX_INTEGER:
        return value
    return _Refused(
        f"The integer {_shown(written)} is outside ±{MAX_INTEGER}, where readers round it differently. "
        "Send it as a string."
    )


def _double(written: str) -> float | _Refused:
    value = float(written)
    if isinf(value):
        return _Refused(f"The number {_shown(written)} is too large for a double. Send it as a string.")
    if abs(value) > MAX_INTEGER and Decimal(written) != Decimal(repr(value)):
        return _Refused(f"The number {_shown(written)} would be rounded to {value!r}. Send it as a string.")
    return value


def _constant(written: str) -> _Refused:
    return _Refused(f"{written} is not JSON. Send null, or leave the member out.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | _Refused:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return _Refused(f"The key {_quoted(twice)} is there twice. Send each key once.")


def _first_refused(value: object) -> tuple[str, str] | None:
    """Return the path of the first refused value, from `value` on, and why it is refused."""
    if isinstance(value, str):
        return _refused_text(value, "string")
    if isinstance(value, _Refused):
        return "", value.reason
    if isinstance(value, dict):
        for key, member in value.items():
            found = _refused_text(key, "key") or _first_refused(member)
            if found is not None:
                return f"{_step(key)}{found[0]}", found[1]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found = _first_refused(item)
            if found is not None:
                return f"[{index}]{found[0]}", found[1]
    return None


def _refused_text(text: str, what: str) -> tuple[str, str] | None:
    found = _UNKEEPABLE.search(text)
    if found is None:
        return None
    name = "a NUL character" if found[0] == "\x00" else "half of a surrogate pair"
    return "", f"The {what} contains {name}, which cannot be stored. Remove it."


def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{_quoted(key)}]"


def _quoted(key: str) -> str:
    """Write a key in ASCII, so that it cannot disguise the sentence that it stands in."""
    return json.dumps(key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…")


def _shown(written: str) -> str:
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}… ({len(written)} characters)"
