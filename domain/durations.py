"""Durations as people write them in `assent.yaml`: `90s`, `15m`, `4h`, `30d`."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"([1-9][0-9]{0,6})([smhd])")


def parse_duration(written: object) -> object:
    """Return the timedelta for `written`; leave what is not a string to the caller's own validation."""
    if not isinstance(written, str):
        if isinstance(written, timedelta):
            return written
        message = "write a duration as a number and a unit, such as 90s, 15m, 4h or 30d"
        raise ValueError(message)
    matched = _WRITTEN.fullmatch(written)
    if matched is None:
        return written  # the ISO 8601 form, which pydantic reads: stored plans use it
    number, unit = matched.groups()
    return timedelta(**{_UNITS[unit]: int(number)})
