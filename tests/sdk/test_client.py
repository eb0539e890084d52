"""The client: what it sends, how it tries again, and what it tells when it cannot."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import ValidationError

from assent import ApprovalStatus, Operation, Outcome, RiskLevel, Verdict
from assent.client import ATTEMPTS, Assent, AssentApiError, AssentPausedError, AssentUnreachableError

ID = "018f3c6e-0000-7000-8000-000000000001"
DELETE_USER = Operation(type="user.delete", resource_type="user", resource_id="42")
LOST = httpx2.ReadError("connection reset")
REFUSED = httpx2.ConnectError("connection refused")

Answer = httpx2.Response | Exception


class Service:
    """Answers from a list, in order; remembers the requests and the pauses between them."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Assent:
        return Assent(
            "http://assent.test/", "asn_1_secret", transport=httpx2.MockTransport(self.answer), sleep=self.pauses.append
        )

    @property
    def idempotency_keys(self) -> list[str]:
        return [request.headers["Idempotency-Key"] for request in self.requests]


def approval(status: str = "pending", code: int = 200) -> httpx2.Response:
    body = {
        "id": ID,
        "status": status,
        "operation": DELETE_USER.model_dump(),
        "agent_id": "billing-agent",
        "reason": "Asked for.",
        "context": {},
        "digest": "0" * 64,
        "created_at": "2026-01-02T03:04:05Z",
        "temporal": {"workflow_id": f"approval-{ID}"},
    }
    return httpx2.Response(code, json=body)


def problem(code: int, retry_after: str | None = None, **fields: Any) -> httpx2.Response:  # noqa: ANN401  any JSON
    body = {"type": "https://assent.test/p", "title": "No", "status": code, "detail": "Do something else.", **fields}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx2.Response(code, json=body, headers={**headers, "Content-Type": "application/problem+json"})


@pytest.mark.parametrize("code", [200, 201, 202])
def test_submit_sends_the_operation_and_returns_the_approval(code: int) -> None:
    """A known, a new and a not yet assessed approval are all good answers."""
    service = Service(approval(code=code))
    with service.client() as assent:
        submitted = assent.submit(DELETE_USER, "Asked for.", {"ticket": 7})
    assert (submitted.id, submitted.status) == (ID, ApprovalStatus.PENDING)
    (request,) = service.requests
    assert (request.method, str(request.url)) == ("POST", "http://assent.test/v1/approvals")
    assert request.headers["Authorization"] == "Bearer asn_1_secret"
    assert json.loads(request.content) == {
        "operation": {"type": "user.delete", "resource_type": "user", "resource_id": "42", "parameters": {}},
        "reason": "Asked for.",
        "context": {"ticket": 7},
    }


def test_every_submission_has_an_idempotency_key_of_its_own() -> None:
    """Two submissions are two requests, unless the caller says that they are one."""
    service = Service(approval(), approval(), approval())
    with service.client() as assent:
        assent.submit(DELETE_USER, "Asked for.")
        assent.submit(DELETE_USER, "Asked for.")
        assent.submit(DELETE_USER, "Asked for.", idempotency_key="ticket-7")
    first, second, third = service.idempotency_keys
    assert UUID(first) != UUID(second)
    assert third == "ticket-7"


@pytest.mark.parametrize("failure", [LOST, REFUSED, problem(429, "3"), problem(503), httpx2.Response(502)])
def test_a_failure_that_may_pass_is_tried_again_as_the_same_submission(failure: Answer) -> None:
    """A retry repeats the idempotency key and the bytes, so it can never ask twice."""
    service = Service(failure, approval())
    with service.client() as assent:
        assert assent.submit(DELETE_USER, "Asked for.").id == ID
    first, second = service.requests
    assert first.content == second.content
    assert len(set(service.idempotency_keys)) == 1


def test_tries_end_after_a_few() -> None:
    """A service that stays away is reported, with its address."""
    service = Service(*[REFUSED] * ATTEMPTS)
    with service.client() as assent, pytest.raises(AssentUnreachableError, match=r"http://assent\.test: connection"):
        assent.submit(DELETE_USER, "Asked for.")
    assert len(service.requests) == ATTEMPTS
    assert len(service.pauses) == ATTEMPTS - 1


def test_pauses_grow() -> None:
    """Each pause is half to the whole of a time that doubles, so that a herd of clients spreads out."""
    service = Service(*[problem(503)] * ATTEMPTS)
    with service.client() as assent, pytest.raises(AssentApiError):
        assent.get(ID)
    for turn, pause in enumerate(service.pauses):
        assert 0.25 * 2**turn <= pause <= 0.5 * 2**turn


@pytest.mark.parametrize(
    ("written", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0.25, 0.5),
        ("soon", 0.25, 0.5),
        ("-5", 0.25, 0.5),
        ("٧", 0.25, 0.5),  # noqa: RUF001  an Arabic seven, which int() takes for 7
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.25, 0.5),
    ],
)
def test_retry_after_is_honoured(written: str, least: float, most: float) -> None:
    """The client never comes back before the service allows, and never hammers it when it allows everything."""
    busy = httpx2.Response(429, headers={b"Retry-After": written.encode()})
    service = Service(busy, approval())
    with service.client() as assent:
        assent.get(ID)
    (pause,) = service.pauses
    assert least <= pause <= most


def test_retry_after_may_be_a_date() -> None:
    """RFC 9110 allows both forms."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    service = Service(problem(503, moment), approval())
    with service.client() as assent:
        assent.get(ID)
    assert 15 < service.pauses[0] <= 20


def test_a_long_retry_after_is_told_rather_than_slept_through() -> None:
    """A call that would block for an hour raises, and says how long."""
    service = Service(problem(429, "3600"))
    with service.client() as assent, pytest.raises(AssentApiError) as caught:
        assent.submit(DELETE_USER, "Asked for.")
    assert caught.value.retry_after == 3600
    assert service.pauses == []


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 422, 500])
def test_an_error_that_would_come_again_is_raised_at_once(code: int) -> None:
    """Repeating a refused request only makes noise."""
    service = Service(problem(code))
    with service.client() as assent, pytest.raises(AssentApiError) as caught:
        assent.submit(DELETE_USER, "Asked for.")
    assert caught.value.problem.status == code
    assert len(service.requests) == 1


def test_an_error_says_what_to_do() -> None:
    """The message is readable by itself, with every field that is wrong."""
    errors = [{"field": "parameters.limit", "message": "must be at least 1"}]
    service = Service(problem(422, title="Not valid", errors=errors, decided_by=["reviewer:ana"]))
    with service.client() as assent, pytest.raises(AssentApiError) as caught:
        assent.submit(DELETE_USER, "Asked for.")
    assert str(caught.value) == "Not valid (422): Do something else.\n- parameters.limit: must be at least 1"
    assert caught.value.problem.decided_by == ["reviewer:ana"]


def test_an_error_from_elsewhere_is_readable_too() -> None:
    """A proxy that answers in HTML does not confuse the client."""
    service = Service(httpx2.Response(403, html="<h1>Blocked</h1>"))
    with service.client() as assent, pytest.raises(AssentApiError, match=r"Forbidden \(403\): <h1>Blocked</h1>"):
        assent.get(ID)


@pytest.mark.parametrize(
    "answer", [httpx2.Response(200, html="<h1>Welcome</h1>"), httpx2.Response(302, headers={"Location": "/login"})]
)
def test_an_answer_that_is_not_an_approval_is_an_error(answer: httpx2.Response) -> None:
    """Another program at the address, or a login page, is never taken for an approval; redirects are not followed."""
    service = Service(answer)
    with service.client() as assent, pytest.raises(AssentApiError, match=r"assent\.test|Found"):
        assent.get(ID)
    assert len(service.requests) == 1


def test_what_json_cannot_say_is_not_sent() -> None:
    """NaN does not silently become something else on its way."""
    service = Service()
    operation = Operation(type="a", resource_type="b", parameters={"x": float("nan")})
    with service.client() as assent, pytest.raises(ValueError, match="Out of range float"):
        assent.submit(operation, "Asked for.")
    with service.client() as assent, pytest.raises(ValidationError):
        assent.submit(DELETE_USER, "")
    assert service.requests == []


def test_wait_polls_until_the_approval_has_ended() -> None:
    """Pending and approved are not the end."""
    service = Service(approval(), approval("approved"), approval("executed"))
    with service.client() as assent:
        assert assent.wait(ID).status is ApprovalStatus.EXECUTED
    assert {str(request.url) for request in service.requests} == {f"http://assent.test/v1/approvals/{ID}?wait=30"}
    # The answer is held back for up to 30 s, so the client listens for longer than that.
    assert service.requests[0].extensions["timeout"]["read"] > 30
    # The service answered at once; the client keeps it to one question a second all the same.
    assert all(0.9 <= pause <= 1 for pause in service.pauses)


def test_what_is_paused_is_told_at_once() -> None:
    """A person ends a pause, minutes or days later: the caller hears of it now, and when to ask again at best."""
    service = Service(problem(503, "60", type="/problems/paused", detail="Nothing was stored. Try again later."))
    with service.client() as assent, pytest.raises(AssentPausedError, match="Nothing was stored") as caught:
        assent.submit(DELETE_USER, "Asked for.")
    assert (len(service.requests), service.pauses) == (1, [])
    assert (caught.value.passing, caught.value.may_have_arrived) == (True, False)
    assert (caught.value.retry_after, caught.value.problem.status) == (60, 503)


def test_another_503_is_tried_again() -> None:
    """A service that is away for a moment is not paused."""
    service = Service(problem(503, "60"), approval())
    with service.client() as assent:
        assert assent.submit(DELETE_USER, "Asked for.").id == ID
    assert service.pauses == [60]


def test_wait_outlasts_an_outage() -> None:
    """However often the connection is lost or the service is away, the outcome arrives in the end."""
    outage: list[Answer] = [REFUSED, LOST, problem(503, "40"), httpx2.Response(502), problem(429)] * 300
    service = Service(*outage, approval("rejected"))
    with service.client() as assent:
        assert assent.wait(ID).status is ApprovalStatus.REJECTED
    assert len(service.pauses) == len(outage)
    assert max(service.pauses) == 40
    assert service.pauses[-1] >= 15


@pytest.mark.parametrize("written", ["9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_wait_looks_again_once_a_day(written: str) -> None:
    """A pause that no clock can count does not end the wait."""
    service = Service(problem(503, written), approval("executed"))
    with service.client() as assent:
        assent.wait(ID)
    assert service.pauses == [86_400]


@pytest.mark.parametrize("code", [401, 404])
def test_wait_raises_what_will_not_pass(code: int) -> None:
    """A revoked key or an unknown approval ends the wait."""
    service = Service(problem(503), problem(code))
    with service.client() as assent, pytest.raises(AssentApiError) as caught:
        assent.wait(ID)
    assert caught.value.problem.status == code


def test_wait_returns_the_approval_as_it_stands_when_its_time_is_over() -> None:
    """A caller with little time gets the truth so far, in about that time."""
    transport = httpx2.MockTransport(lambda _: approval())
    with Assent("http://assent.test", "asn_1_secret", transport=transport) as assent:
        started = time.monotonic()
        assert assent.wait(ID, timeout_seconds=0.2).status is ApprovalStatus.PENDING
        assert 0.2 <= time.monotonic() - started < 2
        assert assent.wait(ID, timeout_seconds=0).status is ApprovalStatus.PENDING


def test_wait_raises_when_its_time_ends_without_an_answer() -> None:
    """With nothing known, nothing is claimed."""

    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise REFUSED

    with (
        Assent("http://assent.test", "asn_1_secret", transport=httpx2.MockTransport(refuse)) as assent,
        pytest.raises(AssentUnreachableError),
    ):
        assent.wait(ID, timeout_seconds=0.2)


@pytest.mark.parametrize("code", [200, 202])
def test_decide_sends_the_decision_once(code: int) -> None:
    """A decision that had to be sent twice is one decision."""
    service = Service(LOST, approval("approved", code))
    with service.client() as assent:
        assert assent.decide(ID, Outcome.APPROVE, "Fine.", "0" * 64).id == ID
    assert [request.url.path for request in service.requests] == [f"/v1/approvals/{ID}/decisions"] * 2
    assert json.loads(service.requests[0].content) == {"outcome": "approve", "comment": "Fine.", "digest": "0" * 64}
    assert len(set(service.idempotency_keys)) == 1


def test_decide_takes_the_callers_idempotency_key() -> None:
    """A reviewer's program that restarts can send the same decision again."""
    service = Service(approval("rejected"))
    with service.client() as assent:
        assent.decide(ID, Outcome.REJECT, "No.", idempotency_key="click-1")
    assert service.idempotency_keys == ["click-1"]


def test_cancel_is_not_repeated_when_it_may_have_arrived() -> None:
    """A second cancel would be refused and hide that the first one worked."""
    for failure in (LOST, httpx2.Response(504)):
        service = Service(failure)
        with service.client() as assent, pytest.raises((AssentUnreachableError, AssentApiError)) as caught:
            assent.cancel(ID)
        assert caught.value.may_have_arrived
        assert len(service.requests) == 1


def test_cancel_is_tried_again_when_it_never_arrived() -> None:
    """A service that is just starting gets the cancel a moment later."""
    service = Service(REFUSED, problem(503), approval("cancelled"))
    with service.client() as assent:
        assert assent.cancel(ID).status is ApprovalStatus.CANCELLED
    assert str(service.requests[-1].url) == f"http://assent.test/v1/approvals/{ID}/cancel"


def test_list_sends_its_filters() -> None:
    """Only what is asked for is sent."""
    service = Service(httpx2.Response(200, json={"items": [json.loads(approval().content)], "next_cursor": "c2"}))
    with service.client() as assent:
        page = assent.list(status=ApprovalStatus.PENDING, sort="expires_at", limit=5)
    assert ([item.id for item in page.items], page.next_cursor) == ([ID], "c2")
    assert dict(service.requests[0].url.params) == {"status": "pending", "sort": "expires_at", "limit": "5"}


def test_an_id_cannot_lead_elsewhere() -> None:
    """An id that a model made up stays one part of the path."""
    service = Service(problem(404))
    with service.client() as assent, pytest.raises(AssentApiError):
        assent.get("../keys?x=1")
    assert service.requests[0].url.raw_path == b"/v1/approvals/..%2Fkeys%3Fx%3D1"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set ASSENT_URL and ASSENT_KEY, or remove them."""

    def set_to(**values: str) -> None:
        for name in ("ASSENT_URL", "ASSENT_KEY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    yield set_to
    monkeypatch.undo()


def test_address_and_key_come_from_the_environment(environment: Callable[..., None]) -> None:
    """A program needs no code to be pointed at its Assent; a line break after the key does no harm."""
    service = Service(approval(), approval())
    environment(ASSENT_URL="https://assent.example.com/base/", ASSENT_KEY="asn_2_other\n")
    with Assent(transport=httpx2.MockTransport(service.answer)) as assent:
        assent.get(ID)
    environment(ASSENT_KEY="asn_2_other")
    with Assent(transport=httpx2.MockTransport(service.answer)) as assent:
        assent.get(ID)
    assert [str(request.url) for request in service.requests] == [
        f"https://assent.example.com/base/v1/approvals/{ID}",
        f"http://127.0.0.1:8000/v1/approvals/{ID}",
    ]
    assert service.requests[0].headers["Authorization"] == "Bearer asn_2_other"


def test_a_missing_key_is_said_at_once(environment: Callable[..., None]) -> None:
    """Without a key nothing can work, so nothing is sent."""
    environment()
    with pytest.raises(ValueError, match="ASSENT_KEY"):
        Assent("http://assent.test")


def test_an_address_without_its_protocol_is_said_at_once() -> None:
    """A mistyped address is a sentence, not a failure deep inside."""
    with pytest.raises(ValueError, match=r"^localhost:8000 is not Assent's address"):
        Assent("localhost:8000", "asn_1_secret")


def test_an_agents_own_view_of_the_risk_is_sent_when_it_has_one() -> None:
    """A service of an older release is not told of a field that it does not know."""
    service = Service(approval(), approval())
    with service.client() as assent:
        assent.submit(DELETE_USER, "Asked for.", risk_level=RiskLevel.HIGH)
        assent.submit(DELETE_USER, "Asked for.")
    first, second = (json.loads(request.content) for request in service.requests)
    assert first["risk_level"] == "high"
    assert "risk_level" not in second


def test_assess_asks_what_would_become_of_a_submission() -> None:
    """The answer is read like any other; an admin may ask as an agent."""
    body = {
        "verdict": "allow",
        "risk": {"level": "low", "reasons": ["Declared."]},
        "expires_in": 86400,
        "required_approvals": 1,
        "rules": [{"name": "reads", "matched": True, "error": None}],
        "pattern": "p-1",
        "policy_version": "0" * 64,
    }
    service = Service(httpx2.Response(200, json=body))
    with service.client() as assent:
        assessed = assent.assess(DELETE_USER, "Asked for.", risk_level=RiskLevel.LOW, agent_id="billing")
    assert (assessed.verdict, assessed.risk.level, assessed.pattern) == (Verdict.ALLOW, RiskLevel.LOW, "p-1")
    (request,) = service.requests
    assert (request.method, str(request.url)) == ("POST", "http://assent.test/v1/policy/assess")
    assert json.loads(request.content) == {
        "operation": {"type": "user.delete", "resource_type": "user", "resource_id": "42", "parameters": {}},
        "reason": "Asked for.",
        "context": {},
        "risk_level": "low",
        "agent_id": "billing",
    }
