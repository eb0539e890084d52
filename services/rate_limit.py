"""How fast somebody may ask for something, counted in this process."""

import math
from collections.abc import Callable
from dataclasses import dataclass

_FORGET_ABOVE = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """A token bucket for each name: a minute's worth at once, then evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """Allow `per_minute` a minute; `clock` gives seconds that never go back."""
        self.per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str) -> int | None:
        """Count one of `name`, and return None; or count nothing, and return in how many seconds to try again."""
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(self.per_minute, now))
        earned = (now - bucket.at) * self.per_minute / 60
        bucket.tokens = min(self.per_minute, bucket.tokens + earned)
        bucket.at = now
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) * 60 / self.per_minute)
        bucket.tokens -= 1
        if len(self._buckets) > _FORGET_ABOVE:
            # A full bucket says nothing that a new one would not.
            self._buckets = {
                key: each
                for key, each in self._buckets.items()
                if each.tokens + (now - each.at) * self.per_minute / 60 < self.per_minute
            }
        return None
