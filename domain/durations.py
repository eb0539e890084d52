"""Durations as people write them in `assent.yaml`: `90s`, `15m`, `4h`, `30d`."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"([1-9][0-9]{0,6})([smhd])")


def parse_duration(written: object) -> timedelta:
    """Return the timedelta for `written`, which may be one already. Raises ValueError for anything else."""
    if isinstance(written, timedelta):
        return written
    matched = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
    if matched is None:
        message = "write a duration as a number and a unit, such as 90s, 15m, 4h or 30d"
        raise ValueError(message)
    number, unit = matched.groups()
    return timedelta(**{_UNITS[unit]: int(number)})
