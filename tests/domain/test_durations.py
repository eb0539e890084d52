"""Durations: a number and a unit, read one way only."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.durations import parse_duration, written_duration
from domain.operation import Duration

DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("30d", timedelta(days=30)),
        ("9999999s", timedelta(seconds=9_999_999)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(written: str, meant: timedelta) -> None:
    """Seconds, minutes, hours or days."""
    assert DURATION.validate_python(written) == meant


@given(st.integers(1, 9_999_999), st.sampled_from([("s", "seconds"), ("m", "minutes"), ("h", "hours"), ("d", "days")]))
def test_every_number_with_its_unit_is_read(number: int, unit: tuple[str, str]) -> None:
    """What is written is what is meant, at any size up to seven digits."""
    assert parse_duration(f"{number}{unit[0]}") == timedelta(**{unit[1]: number})


def test_a_duration_that_is_one_already_stays() -> None:
    """Code gives durations as they are."""
    assert parse_duration(timedelta(seconds=1.5)) == timedelta(seconds=1.5)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "s",
        "4",
        "90",
        "0s",
        "04h",
        "-4h",
        "+4h",
        "4H",
        "4 h",
        " 4h",
        "4h ",
        "4h\n",
        "1.5h",
        "1h30m",
        "4w",
        "٤h",
        "4hours",
        "00:15:00",
        "PT4H",
        "P30D",
    ],
)
def test_any_other_text_is_refused(written: str) -> None:
    """What could be read in two ways, or means no time at all, is refused rather than guessed."""
    with pytest.raises(ValidationError):
        DURATION.validate_python(written)


@pytest.mark.parametrize("written", [90, 1.5, True, None, ["4h"], {"hours": 4}])
def test_a_number_without_a_unit_is_refused(written: object) -> None:
    """Nobody knows whether 90 means seconds or minutes; the sentence says how to write it."""
    with pytest.raises(ValueError, match="write a duration as a number and a unit, such as 90s, 15m, 4h or 30d"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("duration", "written"),
    [
        (timedelta(seconds=1), "1s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=59), "59m"),
        (timedelta(minutes=60), "1h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=23), "23h"),
        (timedelta(hours=24), "1d"),
        (timedelta(hours=36), "36h"),
        (timedelta(days=30), "30d"),
        (timedelta(days=1, seconds=1), "86401s"),
        (timedelta(minutes=1, microseconds=999_999), "1m"),
        (timedelta(0), "0s"),
        (timedelta(microseconds=1), "0s"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(duration: timedelta, written: str) -> None:
    """As far as it is whole; parts of a second are left out."""
    assert written_duration(duration) == written


@given(st.integers(1, 9_999_999))
def test_what_is_written_is_read_back(seconds: int) -> None:
    """Any whole number of seconds that people can write, in whichever unit."""
    assert parse_duration(written_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.integers(1, 9_999_999), st.sampled_from(["s", "m", "h", "d"]))
def test_a_unit_never_gets_smaller(number: int, unit: str) -> None:
    """What people wrote means the same afterwards, in that unit or a larger one."""
    written = written_duration(parse_duration(f"{number}{unit}"))
    assert parse_duration(written) == parse_duration(f"{number}{unit}")
    assert "smhd".index(written[-1]) >= "smhd".index(unit)
