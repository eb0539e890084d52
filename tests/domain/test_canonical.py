"""Canonical JSON: one content has one digest, whoever computes it, and no two contents share one."""

import hashlib
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.canonical import canonical_json, digest_of, sha256_hex
from tests.domain.samples import json_scalars, json_values, texts

objects = st.dictionaries(texts, json_values, max_size=3)

# Source: RFC 8785, appendix B: the bits of an IEEE 754 double, and how it is written.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "written"), NUMBERS)
def test_numbers_are_written_as_the_standard_says(bits: str, written: str) -> None:
    """Every number of RFC 8785's appendix B has the text that it lists there."""
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json({"n": number}) == f'{{"n":{written}}}'.encode()


def test_the_example_of_the_standard() -> None:
    """RFC 8785, section 3.2.2: no spaces, shortest numbers, only the escapes that JSON needs."""
    source = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA'
        r"""'B\"\\\\\"/"}"""
    )
    assert canonical_json(json.loads(source)).decode() == expected


def test_keys_are_sorted_as_the_standard_says() -> None:
    """RFC 8785, section 3.2.3: by UTF-16 code units, so a surrogate pair comes before U+FB33."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(canonical_json(dict.fromkeys(keys)))
    assert list(written) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(content=objects, data=st.data())
def test_the_order_of_keys_does_not_matter(content: dict[str, JsonValue], data: st.DataObject) -> None:
    """The same content has the same digest, in whichever order its keys were written, at any depth."""
    assert digest_of(_reordered(data, content)) == digest_of(content)


@given(content=objects.filter(bool), data=st.data())
def test_any_change_is_another_digest(content: dict[str, JsonValue], data: st.DataObject) -> None:
    """One value, one key or one element more, less or otherwise, at any depth, gives another digest."""
    assert digest_of(_changed(data, content)) != digest_of(content)


@given(content=objects)
def test_canonical_json_says_what_was_said(content: dict[str, JsonValue]) -> None:
    """Any reader of UTF-8 and of JSON, whose numbers are doubles, understands the same content."""
    assert json.loads(canonical_json(content).decode("utf-8"), parse_int=float) == content


def test_a_digest_never_changes_between_releases() -> None:
    """Digests are stored and compared for years; SHA-256 and RFC 8785 alone fix them, so anybody can compute them."""
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest_of({"b": 1.0, "a": "€"}) == hashlib.sha256('{"a":"€","b":1}'.encode()).hexdigest()


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 10**400, math.nan, math.inf, -math.inf, "\ud800", {"\udfff": 1}, {1: "a"}, {1, 2}, b"bytes"],
)
def test_what_two_readers_could_read_differently_is_refused(value: Any) -> None:  # noqa: ANN401  anything but JSON
    """What JSON cannot hold, or other languages would round, has no digest: ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        canonical_json({"a": [value]})


def _reordered(data: st.DataObject, value: JsonValue) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, dict):
        items = data.draw(st.permutations(list(value.items())))
        return {key: _reordered(data, inner) for key, inner in items}
    if isinstance(value, list):
        return [_reordered(data, inner) for inner in value]
    return value


def _changed(data: st.DataObject, value: JsonValue) -> Any:  # noqa: ANN401  any JSON
    """Return `value` with one change somewhere in it."""
    if isinstance(value, dict) and value:
        key = data.draw(st.sampled_from(sorted(value)))
        rest = {other: inner for other, inner in value.items() if other != key}
        fresh = data.draw(texts.filter(lambda name: name not in value))
        return data.draw(
            st.sampled_from([rest, {**rest, fresh: value[key]}, {**value, fresh: None}])
            | st.builds(lambda: {**rest, key: _changed(data, value[key])})
        )
    if isinstance(value, list) and value:
        index = data.draw(st.integers(0, len(value) - 1))
        before, after = value[:index], value[index + 1 :]
        return data.draw(
            st.sampled_from([before + after, [*before, value[index], *value[index:]]])
            | st.builds(lambda: [*before, _changed(data, value[index]), *after])
        )
    return data.draw(json_scalars.filter(lambda other: not _same_scalar(other, value)))


def _same_scalar(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same JSON: a number has no type (1 is 1.0), and a boolean is no number."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other
