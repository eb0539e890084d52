"""Times as the rules see them: UTC, to the microsecond, and always given from outside."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> str:
    """Return `moment` as whole microseconds since 1970 in UTC: the form that signatures cover."""
    return str((moment - _EPOCH) // timedelta(microseconds=1))
