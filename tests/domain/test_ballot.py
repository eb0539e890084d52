"""Ballots: who may decide, until when, how many it takes, and which reason is told when a decision does not count."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assent.models import ApprovalStatus, Outcome, Role
from domain.ballot import REFUSAL_SENTENCES, Ballot, Cancel, Refusal, has_quorum
from domain.signing import Signature
from tests.domain.samples import AGENT, APPROVAL_ID, DEADLINE, DIGEST, JUST_IN_TIME, OTHER_ID, SUBMITTED_AT, vote

MICROSECOND = timedelta(microseconds=1)
BALLOT = Ballot(
    status=ApprovalStatus.PENDING,
    digest=DIGEST,
    expires_at=DEADLINE,
    required_approvals=1,
    requester=AGENT,
    requester_owner=None,
)

# Each reason not to count a decision by ana: what it changes about the ballot, and what about the decision. In the
# order in which they are told: who may never decide learns nothing about the approval.
FAULTS: dict[Refusal, tuple[dict[str, Any], dict[str, Any]]] = {
    Refusal.NOT_ALLOWED: ({}, {"role": Role.AGENT}),
    Refusal.OWN_REQUEST: ({"requester_owner": "ana"}, {}),
    Refusal.ALREADY_DECIDED: ({"status": ApprovalStatus.REJECTED}, {}),
    Refusal.TOO_LATE: ({}, {"decided_at": DEADLINE}),
    Refusal.WRONG_DIGEST: ({}, {"digest": "0" * 64}),
    Refusal.ALREADY_VOTED: ({"approvers": frozenset({"ana"})}, {}),
}


@pytest.mark.parametrize(
    "faults", [some for size in range(len(FAULTS) + 1) for some in combinations(FAULTS, size)], ids="+".join
)
def test_the_first_reason_that_applies_is_told(faults: tuple[Refusal, ...]) -> None:
    """Each reason refuses alone, the first one is told where several apply, and without any the decision counts."""
    ballot, decision = BALLOT, vote()
    for fault in faults:
        of_ballot, of_decision = FAULTS[fault]
        ballot, decision = ballot.model_copy(update=of_ballot), decision.model_copy(update=of_decision)
    assert ballot.refusal(decision) is (faults[0] if faults else None)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [
        (Role.REVIEWER, None),
        (Role.ADMIN, None),
        (Role.AGENT, Refusal.NOT_ALLOWED),
        (Role.AUDITOR, Refusal.NOT_ALLOWED),
    ],
)
def test_only_reviewers_and_admins_decide(role: Role, refusal: Refusal | None) -> None:
    """Agents ask and auditors read; neither approves anything."""
    assert BALLOT.refusal(vote(role=role)) is refusal


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
@pytest.mark.parametrize(
    ("requester", "requester_owner", "reviewer", "owner", "own"),
    [
        pytest.param(AGENT, None, AGENT, None, True, id="the requesting key itself"),
        pytest.param("ana-laptop", "ana", "ana-laptop", "ana", True, id="the requesting key itself, owned"),
        pytest.param(AGENT, "ana", AGENT, "ben", True, id="the requesting key, whoever is said to own it"),
        pytest.param(AGENT, "ana", "ana", None, True, id="a key named as the owner"),
        pytest.param(AGENT, "ana", "ana-phone", "ana", True, id="another key of the owner"),
        pytest.param("ana", None, "ana-phone", "ana", True, id="a key that the requester owns"),
        pytest.param(AGENT, "ana", "ana", "ben", True, id="a key named as the owner, which is owned itself"),
        pytest.param("ana", "ben", "ana-phone", "ana", True, id="a key that the requester owns, who is owned too"),
        pytest.param("ana", "ben", "ben", "cy", True, id="the owner, who is owned too"),
        pytest.param(AGENT, None, "ana", None, False, id="a stranger to an agent without an owner"),
        pytest.param(AGENT, "ana", "ben", None, False, id="a stranger"),
        pytest.param(AGENT, "ana", "ben", "cy", False, id="a stranger whom another stranger owns"),
        pytest.param(AGENT, "ana", "ben-phone", "ben", False, id="a stranger's owned key"),
        pytest.param(AGENT, "ana", "ana-maria", None, False, id="a name that only starts the same"),
    ],
)
def test_nobody_decides_their_own_request(  # noqa: PLR0913  one column each
    requester: str, requester_owner: str | None, reviewer: str, owner: str | None, *, own: bool, role: Role
) -> None:
    """Nor one by a key they own, nor through another of their keys; admins are no exception."""
    ballot = BALLOT.model_copy(update={"requester": requester, "requester_owner": requester_owner})
    for outcome in Outcome:
        refusal = ballot.refusal(vote(reviewer, owner=owner, role=role, outcome=outcome))
        assert refusal is (Refusal.OWN_REQUEST if own else None)


@pytest.mark.parametrize("status", list(ApprovalStatus))
def test_only_a_pending_approval_takes_decisions(status: ApprovalStatus) -> None:
    """Approved is decided as well: a later reject no longer stops it, and says so."""
    ballot = BALLOT.model_copy(update={"status": status})
    expected = None if status is ApprovalStatus.PENDING else Refusal.ALREADY_DECIDED
    assert ballot.refusal(vote(outcome=Outcome.REJECT)) is expected


@pytest.mark.parametrize(
    ("decided_at", "refusal"),
    [
        (JUST_IN_TIME, None),
        (DEADLINE, Refusal.TOO_LATE),
        (DEADLINE + MICROSECOND, Refusal.TOO_LATE),
        (datetime.max.replace(tzinfo=UTC), Refusal.TOO_LATE),
    ],
)
@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_decision_counts_until_the_microsecond_before_the_deadline(
    decided_at: datetime, refusal: Refusal | None, outcome: Outcome
) -> None:
    """The deadline itself is too late, for an approve and for a reject."""
    assert BALLOT.refusal(vote(decided_at=decided_at, outcome=outcome)) is refusal


@pytest.mark.parametrize("digest", ["", "0" * 64, DIGEST.upper(), DIGEST[:-1], f"{DIGEST} "])
def test_a_decision_names_exactly_what_was_seen(digest: str) -> None:
    """A digest that is not the approval's own, character by character, is a decision on something else."""
    assert BALLOT.refusal(vote(digest=digest)) is Refusal.WRONG_DIGEST


@pytest.mark.parametrize(
    ("reviewer", "owner", "refusal"),
    [
        ("ana", None, Refusal.ALREADY_VOTED),
        ("ana-phone", "ana", Refusal.ALREADY_VOTED),
        ("automation-of-ana", "ana", Refusal.ALREADY_VOTED),
        ("ben", None, None),
        ("ana-and-ben", "ben", None),
    ],
)
def test_a_person_votes_once_over_all_their_keys(reviewer: str, owner: str | None, refusal: Refusal | None) -> None:
    """Votes count per owner: a second key of the same person adds no second vote, and takes none back."""
    ballot = BALLOT.model_copy(update={"required_approvals": 2, "approvers": frozenset({"ana"})})
    for outcome in Outcome:
        assert ballot.refusal(vote(reviewer, owner=owner, outcome=outcome)) is refusal


@given(
    required=st.integers(1, 4),
    keys=st.lists(st.tuples(st.sampled_from(["ana", "ben", "cy", "dee"]), st.sampled_from(["", "-phone", "-bot"]))),
)
def test_a_quorum_is_that_many_different_persons(required: int, keys: list[tuple[str, str]]) -> None:
    """In whatever order and by whichever keys they vote: it takes `required` persons, and the last of them approves."""
    ballot = BALLOT.model_copy(update={"required_approvals": required})
    persons: list[str] = []
    for person, suffix in keys:
        decision = vote(person + suffix, owner=person if suffix else None)
        if ballot.refusal(decision) is not None:
            assert person in persons or len(persons) == required
            continue
        persons.append(person)
        status = ballot.status_after(decision)
        assert status is (ApprovalStatus.APPROVED if len(persons) == required else ApprovalStatus.PENDING)
        ballot = ballot.model_copy(update={"status": status, "approvers": frozenset(persons)})
    assert len(persons) == min(required, len({person for person, _ in keys}))


def test_a_second_key_of_the_same_person_completes_no_quorum() -> None:
    """What follows from a vote is counted in persons as well, so that one person never stands for two."""
    ballot = BALLOT.model_copy(update={"required_approvals": 2, "approvers": frozenset({"ana"})})
    assert ballot.status_after(vote("ana-phone", owner="ana")) is ApprovalStatus.PENDING
    assert ballot.status_after(vote("ben-phone", owner="ben")) is ApprovalStatus.APPROVED


@pytest.mark.parametrize("required", [1, 2, 10])
@pytest.mark.parametrize("approvers", [frozenset[str](), frozenset({"ben"})])
def test_one_reject_ends_it(required: int, approvers: frozenset[str]) -> None:
    """However many approvals are needed, and whoever approved before."""
    ballot = BALLOT.model_copy(update={"required_approvals": required, "approvers": approvers})
    assert ballot.status_after(vote(outcome=Outcome.REJECT)) is ApprovalStatus.REJECTED


@pytest.mark.parametrize(
    ("approvers", "required", "reached"),
    [([], 1, False), (["ana"], 1, True), (["ana", "ana"], 2, False), (["ana", "ben"], 2, True), (["ana"] * 9, 1, True)],
)
def test_only_different_persons_make_a_quorum(approvers: list[str], required: int, *, reached: bool) -> None:
    """A person who is counted twice is still one person, and more than enough is enough."""
    assert has_quorum(approvers, required) is reached


def test_every_refusal_has_its_sentence() -> None:
    """Whoever is refused is told why, each time in other words."""
    assert set(REFUSAL_SENTENCES) == set(Refusal)
    assert len(set(REFUSAL_SENTENCES.values())) == len(Refusal)
    assert all(sentence.endswith(".") for sentence in REFUSAL_SENTENCES.values())


def test_a_decision_is_signed_whole() -> None:
    """The signature covers all that the API vouches for, in this order; it must not change between releases."""
    decision = vote("ana-phone", owner="ana", role=Role.ADMIN, outcome=Outcome.REJECT, comment="No.")
    assert decision.signed_fields() == (
        "decide",
        APPROVAL_ID,
        "decision-of-ana-phone",
        "ana-phone",
        "ana",
        "admin",
        "reject",
        "No.",
        DIGEST,
        "1767323045000006",
    )


OTHER_DECISION: dict[str, Any] = {
    "decision_id": "other",
    "approval_id": OTHER_ID,
    "reviewer": "ben",
    "owner": "ben",
    "role": Role.ADMIN,
    "outcome": Outcome.REJECT,
    "comment": "Fine!",
    "digest": "0" * 64,
    "decided_at": SUBMITTED_AT + MICROSECOND,
}


def test_every_field_of_a_decision_is_looked_at() -> None:
    """A field that is added to decisions is signed as well, or this fails."""
    assert {*OTHER_DECISION, "signature"} == set(type(vote()).model_fields)


@pytest.mark.parametrize("field", OTHER_DECISION)
def test_no_field_of_a_decision_changes_unsigned(field: str) -> None:
    """Another value in any field is another text to sign."""
    changed = vote().model_copy(update={field: OTHER_DECISION[field]})
    assert changed.signed_fields() != vote().signed_fields()


@pytest.mark.parametrize("field", [*OTHER_DECISION, "signature"])
def test_a_decision_sent_again_is_the_same_but_for_its_time(field: str) -> None:
    """Under one id only the time and the signature may differ; anything else makes it another decision."""
    others = {**OTHER_DECISION, "signature": Signature(key_id="k2", mac="")}
    same = vote().content_digest() == vote().model_copy(update={field: others[field]}).content_digest()
    assert same is (field in {"decided_at", "signature"})


def test_a_cancel_is_signed_whole() -> None:
    """All of it is covered, and it can never be taken for a decision."""
    cancel = Cancel(cancel_id="c1", approval_id=APPROVAL_ID, actor=AGENT, reason="Not needed.", requested_at=DEADLINE)
    expected = ("cancel", APPROVAL_ID, "c1", AGENT, "Not needed.", "1767337445000006")
    assert cancel.signed_fields() == expected
    others = {"cancel_id": "c2", "approval_id": OTHER_ID, "actor": "ana", "reason": "", "requested_at": SUBMITTED_AT}
    assert {*others, "signature"} == set(Cancel.model_fields)
    for field, value in others.items():
        assert cancel.model_copy(update={field: value}).signed_fields() != expected
