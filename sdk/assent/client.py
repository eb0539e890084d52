"""A typed, synchronous client: submit an operation, wait for its outcome, and, for reviewers, decide.

Lost connections, 429, 503 and a gateway's 502 and 504 are tried again a few times, after the pause that the service
asks for. That is safe: submissions and decisions carry an idempotency key, so a repeated one has no second effect. A
cancel carries none, and is tried again only when it cannot have arrived. What an admin has paused is told at once:
nobody knows how long that lasts.
"""

import math
import os
import random
import time
from collections.abc import Callable
from typing import Any, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote
from uuid import uuid4

import httpx2
from pydantic import BaseModel, ValidationError

from assent.errors import (
    PASSING,
    AssentApiError,
    AssentClientError,
    AssentPausedError,
    AssentUnreachableError,
    error_of,
    unreadable,
)
from assent.models import (
    Approval,
    ApprovalPage,
    ApprovalStatus,
    DecisionRequest,
    Operation,
    Outcome,
    RiskLevel,
    Submission,
)
from assent.policy_models import Assessment, Trial

DEFAULT_URL = "http://127.0.0.1:8000"
ATTEMPTS = 5
LONG_POLL_SECONDS = 30
LONGEST_BACKOFF_SECONDS = 30.0
# However long the service asks for, `wait` looks again once a day.
LONGEST_WAIT_SECONDS = 86_400.0
# A call that would block for longer than this tells its caller instead; `wait` is there to be patient.
LONGEST_PAUSE_SECONDS = 60.0

__all__ = ["Assent", "AssentApiError", "AssentClientError", "AssentPausedError", "AssentUnreachableError", "Filters"]

_Body = TypeVar("_Body", bound=BaseModel)


class Filters(TypedDict, total=False):
    """What `Assent.list` may be narrowed and ordered by."""

    status: ApprovalStatus
    risk_level: RiskLevel
    agent_id: str
    operation_type: str
    resource_type: str
    q: str
    sort: str
    limit: int
    cursor: str


class Assent:
    """A connection to Assent for the holder of one key; a context manager, safe to share between threads.

    Raises `AssentApiError` for an error that Assent answered, of which `AssentPausedError` is that an admin has paused
    what was asked for; `AssentUnreachableError` when no answer came.
    """

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 15.0,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the service's address (else `ASSENT_URL`), the key (else `ASSENT_KEY`) and the time for one answer.

        `timeout` is in seconds. Raises ValueError when there is no key, or the address is not http or https.
        """
        self._url = (base_url or os.environ.get("ASSENT_URL") or DEFAULT_URL).rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            message = f"{self._url} is not Assent's address: it starts with http:// or https://."
            raise ValueError(message)
        secret = (key or os.environ.get("ASSENT_KEY") or "").strip()
        if not secret:
            message = "Give Assent a key, or set ASSENT_KEY."
            raise ValueError(message)
        self._timeout = timeout
        self._sleep = sleep
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=timeout,
            transport=transport,
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(
        self,
        operation: Operation,
        reason: str,
        context: dict[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        risk_level: RiskLevel | None = None,
    ) -> Approval:
        """Ask for `operation` to be approved and run; return the approval, most often still pending.

        The same `idempotency_key` with the same content is the same approval, however often it is sent. `risk_level` is
        the least risk that the agent itself sees: it can only raise what policy says.
        """
        submission = Submission(operation=operation, reason=reason, context=context or {}, risk_level=risk_level)
        return self._post("/v1/approvals", submission, idempotency_key or str(uuid4()))

    def assess(
        self,
        operation: Operation,
        reason: str,
        context: dict[str, Any] | None = None,
        *,
        risk_level: RiskLevel | None = None,
        agent_id: str | None = None,
    ) -> Assessment:
        """Return what would become of a submission, which is not stored. People may ask as any agent."""
        trial = Trial(
            operation=operation, reason=reason, context=context or {}, risk_level=risk_level, agent_id=agent_id
        )
        return _parsed(Assessment, self._send("POST", "/v1/policy/assess", json=trial.model_dump(exclude_none=True)))

    def get(self, approval_id: str) -> Approval:
        """Return the approval as it stands."""
        return _parsed(Approval, self._send("GET", _path(approval_id)))

    def wait(self, approval_id: str, timeout_seconds: float | None = None) -> Approval:
        """Return the approval once it has ended, or as it stands after `timeout_seconds`. None waits for ever.

        While the service is away or busy it keeps trying; it raises only when the time ends without an answer.
        """
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        failures = 0
        while True:
            asked_at = time.monotonic()
            seconds = math.ceil(max(min(deadline - asked_at, LONG_POLL_SECONDS), 0.0))
            try:
                approval = self._look(approval_id, seconds)
            except AssentClientError as error:
                failures += 1
                if not error.passing or time.monotonic() >= deadline:
                    raise
                pause = _pause(failures, error.retry_after)
            else:
                if approval.status.is_terminal or time.monotonic() >= deadline:
                    return approval
                failures = 0
                # A service that is about to stop answers early; asking again at once would be a busy loop.
                pause = max(1.0 - (time.monotonic() - asked_at), 0.0)
            self._sleep(max(min(pause, deadline - time.monotonic()), 0.0))

    def decide(
        self,
        approval_id: str,
        outcome: Outcome,
        comment: str = "",
        digest: str | None = None,
        idempotency_key: str | None = None,
    ) -> Approval:
        """Approve or reject, as a reviewer. A reject needs a comment; high and critical risk need the digest."""
        decision = DecisionRequest(outcome=outcome, comment=comment, digest=digest)
        return self._post(f"{_path(approval_id)}/decisions", decision, idempotency_key or str(uuid4()))

    def cancel(self, approval_id: str) -> Approval:
        """Withdraw an approval that is still pending.

        After an `AssentUnreachableError` that may have arrived, look with `get` before cancelling again.
        """
        return _parsed(Approval, self._send("POST", f"{_path(approval_id)}/cancel", repeatable=False))

    def list(self, **filters: Unpack[Filters]) -> ApprovalPage:
        """Return one page of the approvals that the key may read; pass `cursor=page.next_cursor` for the next."""
        return _parsed(ApprovalPage, self._send("GET", "/v1/approvals", params={**filters}))

    def _post(self, path: str, body: BaseModel, idempotency_key: str) -> Approval:
        headers = {"Idempotency-Key": idempotency_key}
        return _parsed(Approval, self._send("POST", path, json=body.model_dump(exclude_none=True), headers=headers))

    def _look(self, approval_id: str, seconds: int) -> Approval:
        timeout = httpx2.Timeout(self._timeout, read=seconds + self._timeout)
        return _parsed(Approval, self._try("GET", _path(approval_id), params={"wait": seconds}, timeout=timeout))

    def _send(self, method: str, path: str, *, repeatable: bool = True, **content: Any) -> httpx2.Response:  # noqa: ANN401  httpx2's own arguments
        """Try a few times while the cause may pass."""
        attempt = 1
        while True:
            try:
                return self._try(method, path, **content)
            except AssentPausedError:
                raise
            except AssentClientError as error:
                pause = _pause(attempt, error.retry_after)
                is_safe = repeatable or not error.may_have_arrived
                if not (error.passing and is_safe) or attempt == ATTEMPTS or pause > LONGEST_PAUSE_SECONDS:
                    raise
            self._sleep(pause)
            attempt += 1

    def _try(self, method: str, path: str, **content: Any) -> httpx2.Response:  # noqa: ANN401  httpx2's own arguments
        try:
            response = self._http.request(method, path, **content)
        except PASSING as error:
            raise AssentUnreachableError(self._url, error) from error
        if not response.is_success:
            raise error_of(response)
        return response


def _path(approval_id: str) -> str:
    return f"/v1/approvals/{quote(approval_id, safe='')}"


def _parsed(model: type[_Body], response: httpx2.Response) -> _Body:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise unreadable(response) from error


def _pause(failures: int, retry_after: float | None) -> float:
    """Return the seconds before the next try: doubling, spread so that clients do not return all at once."""
    backoff = min(0.5 * 2.0 ** min(failures - 1, 10), LONGEST_BACKOFF_SECONDS)
    spread = backoff * random.uniform(0.5, 1.0)  # noqa: S311  a pause, not a secret
    return min(max(spread, retry_after or 0.0), LONGEST_WAIT_SECONDS)
