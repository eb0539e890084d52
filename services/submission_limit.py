"""How fast one key may submit, so that an agent gone wild harms nobody else."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import TooManySubmissionsError

_FORGET_ABOVE = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float


class SubmissionLimit:
    """A token bucket for each key, in this process: a minute's worth at once, then evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """Allow `per_minute` submissions a minute; `clock` gives seconds that never go back."""
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str) -> None:
        """Count one submission of `name`. Raises TooManySubmissionsError."""
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(self._per_minute, now))
        earned = (now - bucket.at) * self._per_minute / 60
        bucket.tokens = min(self._per_minute, bucket.tokens + earned)
        bucket.at = now
        if bucket.tokens < 1:
            seconds = math.ceil((1 - bucket.tokens) * 60 / self._per_minute)
            message = (
                f"This key has submitted more than {self._per_minute} operations in a minute. "
                f"Send this one again in {seconds} s; nothing was stored."
            )
            raise TooManySubmissionsError(message, retry_after=seconds)
        bucket.tokens -= 1
        if len(self._buckets) > _FORGET_ABOVE:
            # A full bucket says nothing that a new one would not.
            self._buckets = {
                key: each
                for key, each in self._buckets.items()
                if each.tokens + (now - each.at) * self._per_minute / 60 < self._per_minute
            }
