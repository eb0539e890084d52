"""What the record keeps of a result or an error: bounded, valid, and with the digest of all of it."""

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from pydantic import JsonValue
from typing_extensions import override

from assent.models import Execution
from domain.results import MAX_ERROR_CHARACTERS, MAX_RESULT_BYTES, MAX_RESULT_DEPTH, recorded_result, storable
from tests.domain.samples import json_values


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def nested(depth: int) -> JsonValue:
    value: JsonValue = 0
    for _ in range(depth):
        value = [value]
    return value


@given(json_values)
def test_a_result_is_kept_as_it_is(result: JsonValue) -> None:
    """What fits comes back the same from the record, with the digest and the size of its text, and holds no NUL."""
    recorded = recorded_result(result)
    assert json.loads(recorded.text) == result
    assert recorded.digest == sha256(recorded.text)
    assert recorded.size == len(recorded.text.encode())
    assert "\x00" not in recorded.text


def test_a_result_is_kept_readable() -> None:
    """Compact JSON, in its own letters and in the order that the operation gave it."""
    assert recorded_result({"b": [1, None], "a": "€"}).text == '{"b":[1,null],"a":"€"}'


def test_64_kilobytes_are_kept_whole() -> None:
    """The limit counts the bytes of the JSON text, quotes included."""
    longest = "x" * (MAX_RESULT_BYTES - 2)
    recorded = recorded_result(longest)
    assert recorded.size == MAX_RESULT_BYTES == 64 * 1024
    assert json.loads(recorded.text) == longest


@pytest.mark.parametrize("letter", ["x", "é", "€", "😀"])
@pytest.mark.parametrize("odd", ["", "y"])
def test_a_longer_result_is_cut_and_says_so(letter: str, odd: str) -> None:
    """It stays valid JSON within the limit, with its beginning, its size and the digest of all of it."""
    result = odd + letter * MAX_RESULT_BYTES
    whole = f'"{result}"'
    recorded = recorded_result(result)
    kept = json.loads(recorded.text)
    assert (kept["truncated"], kept["bytes"], kept["sha256"]) == (True, len(whole.encode()), sha256(whole))
    assert whole.startswith(kept["beginning"])
    assert len(kept["beginning"].encode()) > MAX_RESULT_BYTES // 2 - 600
    assert len(recorded.text.encode()) <= MAX_RESULT_BYTES
    assert (recorded.size, recorded.digest) == (kept["bytes"], kept["sha256"])


def test_one_byte_more_than_64_kilobytes_is_cut() -> None:
    """The first length that is cut is the one after the longest that is kept."""
    recorded = recorded_result("x" * (MAX_RESULT_BYTES - 1))
    assert recorded.size == MAX_RESULT_BYTES + 1
    assert json.loads(recorded.text)["truncated"] is True


def test_half_a_surrogate_pair_is_replaced() -> None:
    """No database stores one; the record gets a question mark, in keys as well."""
    recorded = recorded_result({"\udfff": "a\ud800b"})
    assert recorded.text == '{"?":"a?b"}'
    assert recorded.digest == sha256(recorded.text)


def test_nul_is_kept_escaped() -> None:
    """JSON has a way to write it that every database takes."""
    assert recorded_result("a\x00b").text == r'"a\u0000b"'


@pytest.mark.parametrize("letter", ['"', "\\", "\x00", "\x7f"], ids=["quote", "backslash", "NUL", "DEL"])
@pytest.mark.parametrize("odd", ["", "y"])
def test_a_cut_result_stays_within_the_limit_however_much_is_escaped(letter: str, odd: str) -> None:
    """The beginning of a JSON text is written into JSON again: what is escaped twice must fit as well."""
    recorded = recorded_result(odd + letter * MAX_RESULT_BYTES)
    kept = json.loads(recorded.text)
    assert kept["truncated"] is True
    assert len(recorded.text.encode()) <= MAX_RESULT_BYTES


@pytest.mark.parametrize(
    "wrap", [lambda value: [value], lambda value: (value,), lambda value: {"a": value}], ids=["list", "tuple", "dict"]
)
def test_a_result_is_kept_up_to_a_hundred_levels(wrap: Callable[[Any], Any]) -> None:
    """The value in the middle is one of them. One level more is cut like a long result, whatever it is made of."""
    value: Any = 0
    for _ in range(MAX_RESULT_DEPTH - 1):
        value = wrap(value)
    assert recorded_result(value).text == json.dumps(value, separators=(",", ":"))
    whole = json.dumps(wrap(value), separators=(",", ":"))
    recorded = recorded_result(wrap(value))
    assert json.loads(recorded.text) == {
        "truncated": True,
        "bytes": len(whole),
        "sha256": sha256(whole),
        "beginning": whole,
    }
    assert (recorded.size, recorded.digest) == (len(whole), sha256(whole))


@pytest.mark.parametrize("depth", [MAX_RESULT_DEPTH - 1, MAX_RESULT_DEPTH, 300])
def test_whatever_was_recorded_can_be_shown(depth: int) -> None:
    """A result that the API could not write would hide the whole approval."""
    recorded = json.loads(recorded_result({"deep": nested(depth - 1), "wide": [1, "a"]}).text)
    shown = Execution(result=recorded).model_dump_json()
    assert json.loads(shown)["result"] == recorded


_CIRCLE: list[Any] = []
_CIRCLE.append(_CIRCLE)
_CIRCLES: list[Any] = []
_CIRCLES += [_CIRCLES, _CIRCLES]


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (object(), "object"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        ({"amount": 1j}, "dict"),
        ({("a", "b"): 1}, "dict"),
        (math.nan, "float"),
        ([math.inf], "list"),
        (10**5_000, "int"),
        (_CIRCLE, "list"),
        (_CIRCLES, "list"),
        (nested(100_000), "list"),
    ],
    ids=[
        "object",
        "set",
        "bytes",
        "complex",
        "tuple key",
        "NaN",
        "Infinity",
        "huge integer",
        "circle",
        "circles",
        "deep",
    ],
)
def test_what_is_not_json_is_described(result: Any, kind: str) -> None:  # noqa: ANN401  an operation may return anything
    """The operation ran, so its result is no failure: the record says what came instead of JSON, and why."""
    recorded = recorded_result(result)
    described = json.loads(recorded.text)
    assert described["not_json"] == kind
    assert described["problem"]
    assert set(described) == {"not_json", "problem"}
    assert recorded.digest == sha256(recorded.text)
    assert recorded.size < MAX_RESULT_BYTES


def test_a_description_is_bounded_and_storable() -> None:
    """Even where the problem's own words are long, or hold what no database takes."""

    class Unwritable(dict[str, int]):
        @override
        def items(self) -> Any:
            message = "\ud800\x00" + "x" * MAX_RESULT_BYTES
            raise ValueError(message)

    recorded = recorded_result(Unwritable(a=1))
    assert json.loads(recorded.text)["problem"].startswith("?\N{REPLACEMENT CHARACTER}xxx")
    assert recorded.size < MAX_RESULT_BYTES


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("It said no: ñ € 😀\n", "It said no: ñ € 😀\n"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("a\ud800b\udfff", "a?b?"),
        ("x" * MAX_ERROR_CHARACTERS, "x" * MAX_ERROR_CHARACTERS),
        ("x" * (MAX_ERROR_CHARACTERS + 1), "x" * (MAX_ERROR_CHARACTERS - 1) + "…"),
    ],
    ids=["empty", "plain", "NUL", "surrogates", "longest", "too long"],
)
def test_an_error_is_stored_as_far_as_a_database_takes_it(text: str, stored: str) -> None:
    """Without NUL and half surrogate pairs, at most 2,000 characters; the last one says that more is missing."""
    assert storable(text) == stored


def test_another_limit_can_be_set() -> None:
    """The limit counts the mark of what is missing."""
    assert [storable("abc", limit=limit) for limit in (1, 2, 3)] == ["…", "a…", "abc"]
