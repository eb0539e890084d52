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


def written_duration(duration: timedelta) -> str:
    """Return `duration` as people write it, in its largest whole unit; parts of a second are left out."""
    seconds = int(duration.total_seconds())
    for unit, name in reversed(_UNITS.items()):
        whole, rest = divmod(seconds, int(timedelta(**{name: 1}).total_seconds()))
        if whole and not rest:
            return f"{whole}{unit}"
    return f"{seconds}s"
