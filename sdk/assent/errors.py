"""What the client raises, and how it reads an answer that is not the one it asked for."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from pydantic import ValidationError

from assent.models import Problem

PASSING = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError, httpx2.ProxyError)
"""The failures of a connection that may pass by themselves."""

_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_BUSY = (429, 503)
# What a gateway answers when it does not know whether the request went through.
_LOST_BEHIND_A_GATEWAY = (502, 504)
_PAUSED = "/problems/paused"


class AssentClientError(Exception):
    """A request that Assent did not fulfil.

    `passing`: the same request may be fulfilled later, after `retry_after` seconds when that is not None.
    `may_have_arrived`: nobody knows whether the service has received it.
    """

    def __init__(
        self, message: str, *, passing: bool, may_have_arrived: bool, retry_after: float | None = None
    ) -> None:
        """Take the sentence for a person and what a retry depends on."""
        super().__init__(message)
        self.passing = passing
        self.may_have_arrived = may_have_arrived
        self.retry_after = retry_after


class AssentUnreachableError(AssentClientError):
    """No answer came."""

    def __init__(self, url: str, cause: httpx2.TransportError) -> None:
        """Take the service's address and what failed."""
        super().__init__(
            f"No answer from {url}: {cause or type(cause).__name__}",
            passing=True,
            may_have_arrived=not isinstance(cause, _UNSENT),
        )


class AssentApiError(AssentClientError):
    """Assent answered with an error; `problem` is its RFC 9457 body."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        """Take the answer's body and, when it has one, its pause in seconds."""
        fields = "".join(f"\n- {': '.join(str(part) for part in error.values())}" for error in problem.errors or ())
        super().__init__(
            f"{problem.title} ({problem.status}): {problem.detail}{fields}",
            passing=problem.status in (*_BUSY, *_LOST_BEHIND_A_GATEWAY),
            may_have_arrived=problem.status in _LOST_BEHIND_A_GATEWAY,
            retry_after=retry_after,
        )
        self.problem = problem


class AssentPausedError(AssentApiError):
    """An admin has paused what was asked for, and nothing was stored. `retry_after` says when to ask again at best."""


def error_of(response: httpx2.Response) -> AssentApiError:
    """Return the error that `response` carries, or one made of what a proxy or another program answered."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem(
            type="about:blank",
            title=response.reason_phrase or "Error",
            status=response.status_code,
            detail=response.text[:200] or f"{response.url} gave no reason.",
        )
    kind = AssentPausedError if problem.type == _PAUSED else AssentApiError
    return kind(problem, _retry_after(response.headers.get("Retry-After", "")))


def unreadable(response: httpx2.Response) -> AssentApiError:
    """Return the error for an answer that succeeded, but is not what Assent answers."""
    return AssentApiError(
        Problem(
            type="about:blank",
            title="Unreadable answer",
            status=response.status_code,
            detail=f"{response.url} did not answer as Assent does. Check the address and the client's release.",
        )
    )


def _retry_after(written: str) -> float | None:
    """Return the seconds that a Retry-After header asks for. Source: RFC 9110, section 10.2.3."""
    if written.isascii() and written.isdigit():
        return float(written)
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
