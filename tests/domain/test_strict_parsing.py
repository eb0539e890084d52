"""JSON that two readers could understand differently is refused; all other JSON is read as `json.loads` reads it."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.strict_parsing import StrictJsonError, parse_strict

json_texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_texts,
    lambda inner: st.lists(inner) | st.dictionaries(json_texts, inner),
)


def refused(body: bytes) -> str:
    with pytest.raises(StrictJsonError) as error:
        parse_strict(body)
    return error.value.detail


@settings(deadline=None)  # a busy machine is no failure
@given(value=json_values, ascii_only=st.booleans())
def test_what_json_dumps_writes_is_read_back_the_same(value: JsonValue, *, ascii_only: bool) -> None:
    """Every value that JSON can hold, within the bounds, passes unchanged."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    parsed = parse_strict(body)
    assert parsed == json.loads(body) == value
    assert json.dumps(parsed) == json.dumps(value)


@settings(deadline=None)
@given(st.text('[]{}",:\\u0123456789dDeE+-.aNInfty \x00\ufeff') | st.binary().map(lambda raw: raw.decode("latin-1")))
@example("\\[[[[")
@example('"\\')
@example('{"a":[{"b":1}],"a":2}')
def test_nothing_else_ever_happens_than_a_refusal_or_the_value_of_json_loads(text: str) -> None:
    """Whatever bytes come, the parser answers or raises its one error."""
    for body in (text.encode(), text.encode("latin-1", "replace")):
        with suppress(StrictJsonError):
            assert parse_strict(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"a": 1, "a": 1}', '$: The key "a" is there twice'),
        (b'{"a": [{"b": {}, "c": 1, "b": {}}]}', '$.a[0]: The key "b" is there twice'),
        (b'{"a": 1, "\\u0061": 2}', '$: The key "a" is there twice'),
        (b"NaN", "$: NaN is not JSON"),
        (b'{"a": [0, Infinity]}', "$.a[1]: Infinity is not JSON"),
        (b"[-Infinity]", "$[0]: -Infinity is not JSON"),
        (b'{"a b": 1e400}', '$["a b"]: The number 1e400 is too large'),
        (b"[-1e400]", "$[0]: The number -1e400 is too large"),
        (b"[9007199254740992]", "$[0]: The integer 9007199254740992 is outside"),
        (b"[-9007199254740992]", "$[0]: The integer -9007199254740992 is outside"),
        (b"9" * 5_000, "$: The integer 9999"),
        (b"[9007199254740993.0]", "$[0]: The number 9007199254740993.0 would be rounded to 9007199254740992.0"),
        (b"[9007199254740993e0]", "$[0]: The number 9007199254740993e0 would be rounded"),
        (b'{"a": "x\\ud800y"}', "$.a: The string contains half of a surrogate pair"),
        (b'{"\\udfff": 1}', '$["\\udfff"]: The key contains half of a surrogate pair'),
        (b'[["\\u0000"]]', "$[0][0]: The string contains a NUL character"),
        (b'{"a\\u0000": 1}', '$["a\\u0000"]: The key contains a NUL character'),
        (b'{"\xe2\x80\xae": NaN}', '$["\\u202e"]: NaN'),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 at byte 0"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'"\x00"', "line 1, column 2"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b"{} {}", "line 1, column 4"),
        (b"", "line 1, column 1"),
        (b"[" * 33 + b"]" * 33, "deeper than 32 levels at character 32"),
        (b'{"[[[":' * 33 + b"1" + b"}" * 33, "deeper than 32 levels at character 224"),
        (b"[" * 5_000, "deeper than 32 levels"),
        (b'{"a":' * 1_000_000, "deeper than 32 levels"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_refusal_says_where(body: bytes, where: str) -> None:
    """What is refused is named by its path, or by its place where there is no path."""
    assert where in refused(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"-0", 0),
        (b"9007199254740991", 2**53 - 1),
        (b"-9007199254740991", -(2**53) + 1),
        (b"1e17", 1e17),
        (b"1e23", 1e23),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b"0.1000000000000000000000000001", 0.1),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b'"' + b"[" * 100 + b'"', "[" * 100),
        (b'"\\"' + b"[" * 100 + b'"', '"' + "[" * 100),
        (b"[" + b"[]," * 100 + b"[]]", [[]] * 101),
        (b" \t\r\n{}\n", {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_only_unusual_passes(body: bytes, value: object) -> None:
    """Bounds are inclusive, a double is a double, and brackets within strings are text."""
    assert parse_strict(body) == value


def test_minus_zero_keeps_its_sign_as_a_double() -> None:
    """`-0.0` stays what it is."""
    assert math.copysign(1, float(str(parse_strict(b"-0.0")))) == -1


def test_a_refusal_repeats_little_of_what_was_sent() -> None:
    """An answer stays small, whatever the request."""
    assert len(refused(b'{"' + b"k" * 200_000 + b'": ' + b"9" * 50_000 + b"}")) < 400
