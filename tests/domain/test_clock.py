"""Times: UTC, to the microsecond, with one written form."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import microseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Signatures cover API clocks of any year that a datetime can hold, in any zone.
moments = st.datetimes(timezones=st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))))


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (EPOCH, "0"),
        (EPOCH + timedelta(microseconds=1), "1"),
        (EPOCH - timedelta(microseconds=1), "-1"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "1767323045000006"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "253402300799999999"),
    ],
)
def test_a_time_is_written_in_whole_microseconds(moment: datetime, written: str) -> None:
    """Since 1970, in UTC, as a decimal number."""
    assert microseconds(moment) == written


@given(moments, moments)
def test_two_times_are_written_alike_only_if_they_are_one(one: datetime, other: datetime) -> None:
    """The zone does not matter, and no microsecond is lost to rounding."""
    assert (microseconds(one) == microseconds(other)) is (one == other)


@given(moments)
def test_the_written_form_is_the_same_in_every_zone(moment: datetime) -> None:
    """A database may give a time back in another zone than it got it in."""
    for hours in (-12, 0, 14):
        try:
            elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
        except OverflowError:  # at the ends of the calendar there is no such local time
            continue
        assert microseconds(elsewhere) == microseconds(moment)


def test_a_time_without_a_zone_has_no_written_form() -> None:
    """Nobody knows which moment it is."""
    with pytest.raises(TypeError):
        microseconds(datetime(2026, 1, 2))  # noqa: DTZ001  that is the point
