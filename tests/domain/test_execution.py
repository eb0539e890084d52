"""The proof before a run: a stored approval runs only if nothing in the record was changed since it was approved."""

from datetime import timedelta
from typing import Any

import pytest

from assent.models import ApprovalStatus, Operation, Outcome, RiskLevel, Role, Verdict
from domain.ballot import REFUSAL_SENTENCES, Decision, Refusal
from domain.execution import StoredApproval, refusal_to_run
from domain.operation import ExecutionPlan, operation_digest
from domain.signing import Signature, SigningKeys
from tests.domain.samples import (
    AGENT,
    APPROVAL_ID,
    DEADLINE,
    DECLARATION,
    DIGEST,
    JUST_IN_TIME,
    KEYS,
    OTHER_ID,
    approved,
    assessment,
    other,
    vote,
)

OTHER_OPERATION = other(resource_id="43")
OTHER_DIGEST = operation_digest(APPROVAL_ID, AGENT, OTHER_OPERATION, DECLARATION)

DIGEST_DIFFERS = "The stored operation is not the one that was approved: its digest differs."
SEAL_DIFFERS = "The stored assessment is not the one that was made: its seal does not match."
FORGED = "The stored decision of ana is not the one that was signed."


def must_not_count(refusal: Refusal, reviewer: str = "ana") -> str:
    return f"The stored decision of {reviewer} must not count: {REFUSAL_SENTENCES[refusal]}"


def edited(approval: StoredApproval, **changes: Any) -> StoredApproval:  # noqa: ANN401  any field's value
    """Return `approval` after somebody edited the database."""
    return approval.model_copy(update=changes)


def test_what_was_approved_runs() -> None:
    """Approved, unchanged, in time, by a reviewer who is still active: there is no refusal."""
    assert refusal_to_run(approved(vote()), KEYS) is None


@pytest.mark.parametrize("status", [status for status in ApprovalStatus if status is not ApprovalStatus.APPROVED])
def test_only_an_approved_approval_runs(status: ApprovalStatus) -> None:
    """Pending is not yet, everything else no longer."""
    refused = refusal_to_run(edited(approved(vote()), status=status), KEYS)
    assert refused == f"The approval is {status.value}, not approved."


@pytest.mark.parametrize(
    "changes",
    [
        {"approval_id": OTHER_ID},
        {"agent_id": "ana"},
        {"declaration": "shop.operations:delete_user@2"},
        {"digest": OTHER_DIGEST},
        {"operation": other(type="user.bulk_delete")},
        {"operation": other(resource_type="customer")},
        {"operation": other(resource_id="43")},
        {"operation": other(parameters={"notify": False})},
        {"operation": other(parameters={"notify": True, "force": None})},
        {"operation": other(parameters={})},
    ],
    ids=str,
)
def test_an_operation_that_was_changed_does_not_run(changes: dict[str, Any]) -> None:
    """The digest is computed again from what is stored: approval, agent, operation and declaration."""
    assert refusal_to_run(edited(approved(vote()), **changes), KEYS) == DIGEST_DIFFERS


def test_an_operation_that_was_changed_with_its_digest_does_not_run() -> None:
    """Who writes a digest that fits still lacks the seal over it."""
    changed = edited(approved(vote()), operation=OTHER_OPERATION, digest=OTHER_DIGEST)
    assert refusal_to_run(changed, KEYS) == SEAL_DIFFERS


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.ALLOW},
        {"risk_level": RiskLevel.LOW},
        {"required_approvals": 0},
        {"expires_at": DEADLINE + timedelta(microseconds=1)},
        {"agent_owner": "cy"},
        {"plan": ExecutionPlan(idempotent=True)},
        {"plan": ExecutionPlan(run_timeout=timedelta(seconds=61))},
        {"seal": Signature(key_id="k1", mac="0" * 64)},
        {"seal": Signature(key_id="k2", mac=KEYS.sign(assessment().signed_fields()).mac)},
        {"seal": vote().signature},
    ],
    ids=str,
)
def test_the_bar_cannot_be_lowered_in_the_database(changes: dict[str, Any]) -> None:
    """Verdict, risk, quorum, deadline, owner and plan are those that the worker sealed."""
    assert refusal_to_run(edited(approved(vote()), **changes), KEYS) == SEAL_DIFFERS


def test_the_seal_covers_the_whole_assessment() -> None:
    """All of it, in this order, times in microseconds; it must not change while sealed approvals are open."""
    sealed = ("assess", APPROVAL_ID, DIGEST, "ask", "high", "1", "1767337445000006", "", "False", "60000000")
    assert assessment().signed_fields() == sealed
    plan = ExecutionPlan(idempotent=True, run_timeout=timedelta(days=1))
    assert assessment(plan=plan).signed_fields() == (*sealed[:-2], "True", "86400000000")


def test_the_operation_of_a_revoked_agent_does_not_run() -> None:
    """A key that is revoked before the start stops what it asked for, however it was approved."""
    for approval in (approved(vote()), approved(verdict=Verdict.ALLOW)):
        revoked = edited(approval, active_names=frozenset({"ana"}))
        assert refusal_to_run(revoked, KEYS) == f"The key of {AGENT} was revoked."


@pytest.mark.parametrize(
    "changes",
    [
        {"decision_id": "other"},
        {"approval_id": OTHER_ID},
        {"owner": "ben"},
        {"role": "admin"},
        {"outcome": "reject"},
        {"comment": "Fine!"},
        {"decided_at": JUST_IN_TIME},
        {"digest": OTHER_DIGEST},
        {"signature": None},
        {"signature": Signature(key_id="k1", mac="0" * 64)},
        {"signature": SigningKeys({"k1": bytes(32)}).sign(vote().signed_fields())},
        {"signature": KEYS.sign(assessment().signed_fields())},
    ],
    ids=str,
)
def test_a_forged_decision_stops_the_run(changes: dict[str, Any]) -> None:
    """A decision that was written or changed in the database is found, also beside enough true ones."""
    forged = Decision.model_validate({**dict(vote()), **changes})
    assert refusal_to_run(approved(forged), KEYS) == FORGED
    assert refusal_to_run(approved(vote("ben"), forged), KEYS) == FORGED


def test_a_decision_does_not_change_its_reviewer() -> None:
    """Votes cannot be passed to somebody else."""
    passed_on = vote("ben").model_copy(update={"reviewer": "ana"})
    assert refusal_to_run(approved(passed_on), KEYS) == FORGED


@pytest.mark.parametrize("digest", [OTHER_DIGEST, "0" * 64, ""])
def test_a_decision_on_something_else_does_not_count(digest: str) -> None:
    """Even one that an API signed: it names the digest of what was seen."""
    assert refusal_to_run(approved(vote(digest=digest)), KEYS) == FORGED


@pytest.mark.parametrize(
    ("decided_at", "refusal"),
    [
        (JUST_IN_TIME, None),
        (DEADLINE, must_not_count(Refusal.TOO_LATE)),
        (DEADLINE + timedelta(days=1), must_not_count(Refusal.TOO_LATE)),
    ],
)
def test_a_late_decision_stops_the_run(decided_at: object, refusal: str | None) -> None:
    """The deadline itself is too late; the microsecond before is not."""
    assert refusal_to_run(approved(vote(decided_at=decided_at)), KEYS) == refusal
    assert refusal_to_run(approved(vote("ben"), vote(decided_at=decided_at)), KEYS) == refusal


@pytest.mark.parametrize("changes", [{"outcome": Outcome.REJECT}, {"approval_id": OTHER_ID}], ids=str)
def test_only_a_vote_to_approve_this_counts(changes: dict[str, Any]) -> None:
    """A reject, or a vote on another approval, is no approval, though an API signed it."""
    other_vote = vote(**changes)
    assert KEYS.verify(other_vote.signed_fields(), other_vote.signature)
    assert refusal_to_run(approved(other_vote), KEYS) == FORGED
    assert refusal_to_run(approved(vote("ben"), other_vote), KEYS) == FORGED


@pytest.mark.parametrize(
    ("cast", "agent_owner", "refusal"),
    [
        (vote(role=Role.AGENT), None, Refusal.NOT_ALLOWED),
        (vote(role=Role.AUDITOR), None, Refusal.NOT_ALLOWED),
        (vote(AGENT), None, Refusal.OWN_REQUEST),
        (vote(owner=AGENT), None, Refusal.OWN_REQUEST),
        (vote(), "ana", Refusal.OWN_REQUEST),
        (vote(owner="cy"), "cy", Refusal.OWN_REQUEST),
        (vote(owner="cy"), "ana", Refusal.OWN_REQUEST),
    ],
)
def test_a_vote_that_was_never_allowed_stops_the_run(cast: Decision, agent_owner: str | None, refusal: Refusal) -> None:
    """The rules of the ballot hold again for every stored vote, also beside enough others."""
    for votes in ((cast,), (vote("ben"), cast)):
        approval = approved(*votes, agent_owner=agent_owner)
        assert refusal_to_run(approval, KEYS) == must_not_count(refusal, cast.reviewer)


def _short_by(counted: int, needed: int) -> str:
    return f"{counted} of {needed} needed approvals are from reviewers who are still active."


@pytest.mark.parametrize(
    ("votes", "required", "revoked", "refusal"),
    [
        pytest.param([], 1, [], _short_by(0, 1), id="no vote"),
        pytest.param(["ana"], 1, ["ana"], _short_by(0, 1), id="the only reviewer was revoked"),
        pytest.param(["ana", "ben"], 1, ["ana"], None, id="one of two was revoked where one is enough"),
        pytest.param(["ana", "ben"], 2, [], None, id="two of two"),
        pytest.param(["ana"], 2, [], _short_by(1, 2), id="one of two"),
        pytest.param(["ana", "ben"], 2, ["ben"], _short_by(1, 2), id="one of two was revoked"),
        pytest.param(["ana", "ana-phone"], 2, [], _short_by(1, 2), id="one person with two keys"),
        pytest.param(["ana", "ana-phone", "ben"], 2, ["ana"], None, id="a person's other key is still active"),
    ],
)
def test_active_reviewers_are_counted_again(
    votes: list[str], required: int, revoked: list[str], refusal: str | None
) -> None:
    """It takes the quorum of persons, each with a key that voted and is still active."""
    decisions = [vote(name, owner="ana" if name == "ana-phone" else None) for name in votes]
    approval = approved(*decisions, required_approvals=required)
    approval = edited(approval, active_names=approval.active_names - set(revoked))
    assert refusal_to_run(approval, KEYS) == refusal


def test_what_policy_allowed_needs_no_vote() -> None:
    """A sealed allow verdict is an approval by itself."""
    assert refusal_to_run(approved(verdict=Verdict.ALLOW), KEYS) is None


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.DENY])
def test_any_other_verdict_needs_votes(verdict: Verdict) -> None:
    """A status of approved that nobody voted for does not run."""
    assert refusal_to_run(approved(verdict=verdict), KEYS) == _short_by(0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": ApprovalStatus.PENDING},
        {"operation": Operation(type="user.delete", resource_type="user")},
        {"required_approvals": 0},
        {"active_names": frozenset[str]()},
    ],
    ids=str,
)
def test_an_allow_verdict_is_proven_like_any_other(changes: dict[str, Any]) -> None:
    """It skips the votes and nothing else."""
    assert refusal_to_run(edited(approved(verdict=Verdict.ALLOW), **changes), KEYS) is not None


def test_an_approval_outlives_the_rotation_of_keys() -> None:
    """What the old key sealed and signed runs as long as the old key still verifies, and not after."""
    rotating = SigningKeys({"k2": bytes(32), "k1": bytes(range(32))})
    assert refusal_to_run(approved(vote()), rotating) is None
    assert refusal_to_run(approved(vote()), SigningKeys({"k2": bytes(32)})) == SEAL_DIFFERS
