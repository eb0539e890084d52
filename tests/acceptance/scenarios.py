"""What clients are promised by two APIs that are one service. Each scenario uses keys of its own, marked by `once`."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from assent import ApprovalStatus, Operation, Outcome, RiskLevel
from assent.client import AssentApiError, AssentPausedError
from tests.support.production import Production
from tests.support.runs import starts

APPROVE, REJECT = Outcome.APPROVE, Outcome.REJECT
RACES = 5


def one_submission_over_two_apis(site: Production, once: str) -> None:
    """The same Idempotency-Key is the same approval at both APIs; with other content it is refused."""
    first = site.submit("note.low", f"idem-{once}", api=0)
    again = site.submit("note.low", f"idem-{once}", api=1)
    assert again.id == first.id
    with pytest.raises(AssentApiError) as refused:
        site.submit("note.low", f"idem-{once}", api=1, text="something else")
    assert refused.value.problem.status == httpx2.codes.CONFLICT
    site.decide(first, REJECT, by="ada")


def decided_at_the_other_api(site: Production, once: str) -> None:
    """What one API took is read and approved at the other, while somebody waits at the first; it runs once."""
    asked = site.assessed("note.high", f"other-{once}", api=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(site.client("agent", 0).wait, asked.id, 40)
        site.decide(asked, APPROVE, by="ada", api=1)
        ended = waiting.result()
    assert ended.status is ApprovalStatus.EXECUTED
    assert ended.decided_by == [f"reviewer:{site.named('ada')}"]
    assert starts(asked.id) == 1


def rejected(site: Production, once: str) -> None:
    """One reject ends it, and nothing ran."""
    asked = site.assessed("note.medium", f"reject-{once}", api=1)
    assert site.decide(asked, REJECT, by="bob", api=0).status is ApprovalStatus.REJECTED
    assert starts(asked.id) == 0


def a_quorum_of_two(site: Production, once: str) -> None:
    """The same person counts once, whichever API is asked; the second person approves."""
    asked = site.assessed("note.quorum", f"quorum-{once}")
    assert site.decide(asked, APPROVE, by="ada", api=0).status is ApprovalStatus.PENDING
    with pytest.raises(AssentApiError, match="already voted"):
        site.client("ada", 1).decide(asked.id, APPROVE, digest=asked.digest)
    site.decide(asked, APPROVE, by="bob", api=1)
    assert site.ended(asked).status is ApprovalStatus.EXECUTED


def ones_own_request(site: Production, once: str) -> None:
    """Nobody decides what they have asked for themselves."""
    operation = Operation(type="note.low", resource_type="note", resource_id="7")
    asked = site.client("eve", 0).submit(operation, "a test asks", idempotency_key=site.named(f"own-{once}"))
    with pytest.raises(AssentApiError) as refused:
        site.decide(asked, APPROVE, by="eve", api=1)
    assert refused.value.problem.status == httpx2.codes.FORBIDDEN
    site.decide(asked, REJECT, by="ada")


def a_stale_digest(site: Production, once: str) -> None:
    """A decision on something else than what is stored does not count."""
    asked = site.assessed("note.high", f"stale-{once}")
    with pytest.raises(AssentApiError) as refused:
        site.client("ada", 1).decide(asked.id, APPROVE, digest="0" * 64)
    assert refused.value.problem.status == httpx2.codes.CONFLICT
    assert site.client("agent", 1).get(asked.id).status is ApprovalStatus.PENDING
    site.decide(asked, REJECT, by="ada")


def cancelled(site: Production, once: str) -> None:
    """Its agent withdraws it at the other API; nobody decides it afterwards."""
    asked = site.assessed("note.low", f"cancel-{once}", api=0)
    assert site.client("agent", 1).cancel(asked.id).status is ApprovalStatus.CANCELLED
    with pytest.raises(AssentApiError) as refused:
        site.decide(asked, APPROVE, by="ada", api=0)
    assert refused.value.problem.status == httpx2.codes.CONFLICT


def paused(site: Production, once: str) -> None:
    """A pause made at one API holds submissions at the other and what was approved; a resume lets it run."""
    asked = site.assessed("note.critical", f"pause-{once}")
    pause = {"reason": "a test pauses", "operation_type": "note.critical"}
    assert site.admin("POST", "/v1/pause", api=0, json=pause).status_code == httpx2.codes.CREATED
    try:
        with pytest.raises(AssentPausedError):
            site.submit("note.critical", f"paused-{once}", api=1)
        site.decide(asked, APPROVE, by="ada", api=1)
        assert site.client("agent", 0).wait(asked.id, 1).status is ApprovalStatus.APPROVED
        assert starts(asked.id) == 0
    finally:
        site.admin("POST", "/v1/resume", api=1, json={"operation_type": "note.critical"})
    assert site.ended(asked).status is ApprovalStatus.EXECUTED


def let_through(site: Production, once: str) -> None:
    """A pattern made at one API lets through what the other takes, until its quota for the day is used."""
    pattern = {"agent_id": site.named("agent"), "operation_type": "data.export", "resource_type": "customer"}
    limits = {"condition": "operation.parameters.limit < 100", "max_per_day": 1, "max_risk": RiskLevel.MEDIUM}
    made = site.admin("POST", "/v1/trusted-patterns", api=0, json=pattern | limits | {"note": f"for a test, {once}"})
    assert made.status_code == httpx2.codes.CREATED, made.text
    operation = Operation(type="data.export", resource_type="customer", parameters={"limit": 9})
    asked = [
        site.client("agent", 1).submit(operation, "a test asks", idempotency_key=site.named(f"pattern-{once}-{number}"))
        for number in range(2)
    ]
    assert site.ended(asked[0]).decided_by == [f"pattern:{made.json()['id']}@1"]
    assert site.client("agent", 0).get(asked[1].id).status is ApprovalStatus.PENDING
    site.decide(asked[1], REJECT, by="ada")
    site.admin("DELETE", f"/v1/trusted-patterns/{made.json()['id']}")


def two_reviewers_race(site: Production, once: str) -> None:
    """Two decisions at the same moment at two APIs: one is recorded, and the other is told whose."""
    for race in range(RACES):
        asked = site.assessed("note.medium", f"race-{once}-{race}")
        together = threading.Barrier(2)

        def decide(
            by: str, outcome: Outcome, api: int, asked_id: str = asked.id, together: threading.Barrier = together
        ) -> str:
            together.wait(10)
            try:
                site.client(by, api).decide(asked_id, outcome, "said a test")
            except AssentApiError as error:
                return f"{error.problem.status}: {error.problem.detail}"
            return "won"

        with ThreadPoolExecutor(2) as pool:
            ada, bob = pool.submit(decide, "ada", APPROVE, 0), pool.submit(decide, "bob", REJECT, 1)
        ended = site.ended(asked)
        [winner] = [name for name, answer in (("ada", ada.result()), ("bob", bob.result())) if answer == "won"]
        assert ended.decided_by == [f"reviewer:{site.named(winner)}"]
        lost = (bob if winner == "ada" else ada).result()
        assert lost.startswith("409: ")
        assert site.named(winner) in lost
        assert starts(asked.id) == (1 if winner == "ada" else 0)


def signed_in_at_both(site: Production, once: str) -> None:
    """Whoever signs in at one API is signed in at the other, and out at both."""
    name = site.named(f"p{once}")
    password = site.command("people", "add", name, "--role", "reviewer").strip()
    same_origin = {"Sec-Fetch-Site": "same-origin"}
    with httpx2.Client(headers=same_origin, trust_env=False, timeout=20) as browser:
        entered = browser.post(f"{site.urls[0]}/sign-in", data={"name": name, "password": password})
        assert entered.status_code == httpx2.codes.SEE_OTHER, entered.text
        page = browser.get(f"{site.urls[1]}/")
        assert page.status_code == httpx2.codes.OK
        assert name in page.text
        browser.post(f"{site.urls[1]}/sign-out")
        assert browser.get(f"{site.urls[0]}/").status_code == httpx2.codes.SEE_OTHER


SCENARIOS = (
    one_submission_over_two_apis,
    decided_at_the_other_api,
    rejected,
    a_quorum_of_two,
    ones_own_request,
    a_stale_digest,
    cancelled,
    paused,
    let_through,
    two_reviewers_race,
    signed_in_at_both,
)
