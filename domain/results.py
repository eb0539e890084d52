"""What the record keeps of an operation's result or error: bounded, and always storable."""

import json
from typing import Any

from domain.canonical import sha256_hex
from domain.frozen import Frozen

MAX_RESULT_BYTES = 64 * 1024
MAX_RESULT_DEPTH = 100
MAX_ERROR_CHARACTERS = 2_000

_ROOM_FOR_THE_REST = 1_024


class RecordedResult(Frozen):
    """A result as JSON text, with the SHA-256 and the size in bytes of all of it."""

    text: str
    digest: str
    size: int


def recorded_result(result: Any) -> RecordedResult:  # noqa: ANN401  an operation may return any JSON
    """Return what is kept of `result`. A long one is cut and says so; one that is not JSON is only described."""
    try:
        whole = json.dumps(result, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        deep = too_deep(result)  # only now: what could be written holds no circle, and ends
    except (TypeError, ValueError, RecursionError) as error:
        whole = json.dumps({"not_json": type(result).__name__, "problem": storable(str(error))})
        deep = False
    encoded = whole.encode("utf-8", "replace")
    digest = sha256_hex(encoded)
    text = encoded.decode()
    if len(encoded) > MAX_RESULT_BYTES or deep:
        # Escaping may double the text.
        beginning = encoded[: (MAX_RESULT_BYTES - _ROOM_FOR_THE_REST) // 2].decode("utf-8", "ignore")
        cut = {"truncated": True, "bytes": len(encoded), "sha256": digest, "beginning": beginning}
        text = json.dumps(cut, ensure_ascii=False)
    return RecordedResult(text=text, digest=digest, size=len(encoded))


def storable(text: str, limit: int = MAX_ERROR_CHARACTERS) -> str:
    """Return `text` cut to `limit` characters, without what a database refuses (NUL, lone surrogates)."""
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def too_deep(value: Any, levels: int = MAX_RESULT_DEPTH) -> bool:  # noqa: ANN401  any JSON
    """Whether `value` is nested deeper than what shows it can write."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    if levels == 1:
        return len(value) > 0
    for inner in value:  # noqa: SIM110  requests are asked this by the thousand, and a generator doubles the time
        if isinstance(inner, _CONTAINERS) and too_deep(inner, levels - 1):
            return True
    return False


_CONTAINERS = (dict, list, tuple)
