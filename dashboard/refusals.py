"""Refusals as pages: their HTTP status, and where on a page they are said."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain import errors

_STATUS: dict[type[errors.AssentError], int] = {
    errors.InvalidInputError: 422,
    errors.NotAuthenticatedError: 401,
    errors.SignInFailedError: 401,
    errors.NotAllowedError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.TooManyError: 429,
    errors.PausedError: 503,
    errors.UnavailableError: 503,
    errors.InternalError: 500,
}


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """A form that was not taken: what is said above it, and what was typed, save secrets, which stands in it again."""

    section: str
    error: errors.AssentError
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it."""
        return status_of(self.error)


def status_of(error: errors.AssentError) -> int:
    """Return the HTTP status of a refusal, by its kind."""
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))
