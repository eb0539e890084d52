"""How fast one key may submit, so that an agent gone wild harms nobody else."""

from collections.abc import Callable

from domain.errors import TooManySubmissionsError
from services.rate_limit import RateLimit


class SubmissionLimit:
    """The limit of each key, in this process."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        """Allow `per_minute` submissions a minute; `clock` gives seconds that never go back."""
        self._limit = RateLimit(per_minute, clock)

    def take(self, name: str) -> None:
        """Count one submission of `name`. Raises TooManySubmissionsError."""
        seconds = self._limit.take(name)
        if seconds is not None:
            message = (
                f"This key has submitted more than {self._limit.per_minute} operations in a minute. "
                f"Send this one again in {seconds} s; nothing was stored."
            )
            raise TooManySubmissionsError(message, retry_after=seconds)
