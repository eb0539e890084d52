"""Decisions: counted from the stored votes, recorded once, accepted or refused with the reason."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy.exc import IntegrityError

from assent.models import ApprovalStatus, Outcome, Role
from domain.approval import ApprovalState
from domain.ballot import Decision, Refusal
from domain.operation import ApprovalRequest
from tests.storage.builders import (
    A_MOMENT,
    DEADLINE,
    DECIDED,
    LATER,
    RECORDED,
    make_assessment,
    make_decision,
    make_request,
)
from tests.storage.record import Record


def open_for(record: Record, *, quorum: int, agent_owner: str | None = None) -> ApprovalRequest:
    request = make_request(agent_owner=agent_owner)
    return record.open(request, make_assessment(request, required_approvals=quorum))


def decide(record: Record, decision: Decision) -> ApprovalState:
    return record.store.decide(decision, at=RECORDED)


def test_one_approval_approves(record: Record) -> None:
    """The vote and what follows from it are one transaction, told in this order."""
    request = record.open()
    decision = make_decision(request)
    state = decide(record, decision)
    assert (state.status, state.approvals, state.decided_by) == (ApprovalStatus.APPROVED, 1, ("reviewer:ada",))
    assert state == record.store.state(request.approval_id)
    (stored,) = record.get(request).decisions
    assert (stored.id, stored.reviewer, stored.outcome) == (decision.decision_id, "ada", Outcome.APPROVE)
    assert (stored.comment, stored.decided_at) == ("Checked.", DECIDED)
    assert (stored.accepted, stored.refusal) == (True, None)
    _, voted, approved = record.events(request)
    assert (voted.action, voted.actor, voted.at) == ("decision.recorded", "reviewer:ada", RECORDED)
    assert voted.details == {
        "decision_id": decision.decision_id,
        "outcome": "approve",
        "decided_at": DECIDED.isoformat(),
    }
    assert (approved.action, approved.actor, approved.digest) == ("approval.approved", "reviewer:ada", request.digest)


def test_one_reject_ends_it(record: Record) -> None:
    """However many have approved; and the one who rejected is who decided."""
    request = open_for(record, quorum=3)
    decide(record, make_decision(request, reviewer="ada"))
    state = decide(record, make_decision(request, Outcome.REJECT, reviewer="bob"))
    assert (state.status, state.decided_by) == (ApprovalStatus.REJECTED, ("reviewer:bob",))
    assert record.actions(request)[1:] == ["decision.recorded", "decision.recorded", "approval.rejected"]


@pytest.mark.parametrize("quorum", [2, 3])
def test_a_quorum_needs_that_many_persons(record: Record, quorum: int) -> None:
    """It stays pending until the last of them, and names them in the order of their votes."""
    request = open_for(record, quorum=quorum)
    reviewers = ["cyd", "ada", "bob"][:quorum]
    states = [decide(record, make_decision(request, reviewer=reviewer)) for reviewer in reviewers]
    assert [state.approvals for state in states] == list(range(1, quorum + 1))
    pending = [ApprovalStatus.PENDING] * (quorum - 1)
    assert [state.status for state in states] == [*pending, ApprovalStatus.APPROVED]
    assert states[-1].decided_by == tuple(f"reviewer:{name}" for name in reviewers)
    assert record.actions(request)[1:] == [*["decision.recorded"] * quorum, "approval.approved"]


def by_an_agent(request: ApprovalRequest) -> Decision:
    return make_decision(request, role=Role.AGENT)


def by_the_requester(request: ApprovalRequest) -> Decision:
    return make_decision(request, reviewer=request.agent_id, role=Role.ADMIN)


def by_its_owner(request: ApprovalRequest) -> Decision:
    return make_decision(request, reviewer="boss")


def by_another_key_of_its_owner(request: ApprovalRequest) -> Decision:
    return make_decision(request, reviewer="boss-phone", owner="boss")


def at_the_deadline(request: ApprovalRequest) -> Decision:
    return make_decision(request, decided_at=DEADLINE)


def of_other_content(request: ApprovalRequest) -> Decision:
    return make_decision(request, digest="0" * 64)


def by_a_person_who_voted(request: ApprovalRequest) -> Decision:
    return make_decision(request, reviewer="zoe-phone", owner="zoe")


REFUSED: list[tuple[Callable[[ApprovalRequest], Decision], Refusal]] = [
    (by_an_agent, Refusal.NOT_ALLOWED),
    (by_the_requester, Refusal.OWN_REQUEST),
    (by_its_owner, Refusal.OWN_REQUEST),
    (by_another_key_of_its_owner, Refusal.OWN_REQUEST),
    (at_the_deadline, Refusal.TOO_LATE),
    (of_other_content, Refusal.WRONG_DIGEST),
    (by_a_person_who_voted, Refusal.ALREADY_VOTED),
]


def test_a_refused_decision_changes_nothing_but_is_told(record: Record, subtests: pytest.Subtests) -> None:
    """It is recorded with its reason, in the row and in the log, and the vote that stands goes on standing."""
    for make, refusal in REFUSED:
        with subtests.test(make.__name__):
            request = open_for(record, quorum=2, agent_owner="boss")
            before = decide(record, make_decision(request, reviewer="zoe"))
            decision = make(request)
            assert decide(record, decision) == before
            stored = {found.id: found for found in record.get(request).decisions}[decision.decision_id]
            assert (stored.accepted, stored.refusal) == (False, refusal)
            event = record.events(request)[-1]
            assert (event.action, event.actor, event.at) == ("decision.refused", str(decision.principal), RECORDED)
            assert event.details == {"decision_id": decision.decision_id, "outcome": "approve", "refusal": refusal}
            assert record.actions(request) == ["approval.requested", "decision.recorded", "decision.refused"]


def test_what_is_no_longer_pending_takes_no_decision(record: Record, subtests: pytest.Subtests) -> None:
    """The second reviewer of a race, and everyone after the end."""
    for status in set(ApprovalStatus) - {ApprovalStatus.PENDING}:
        with subtests.test(status.value):
            request = record.in_status(status)
            before = record.store.state(request.approval_id)
            assert decide(record, make_decision(request, Outcome.REJECT, reviewer="bob")) == before
            assert record.events(request)[-1].details["refusal"] == Refusal.ALREADY_DECIDED


def test_every_refusal_is_tried() -> None:
    """What the record can refuse by itself is tried above; what is unsigned or one too many never reaches it."""
    tried = {refusal for _, refusal in REFUSED} | {Refusal.ALREADY_DECIDED, Refusal.REUSED_ID}
    assert tried == set(Refusal) - {Refusal.UNAUTHENTIC, Refusal.TOO_MANY}


def test_a_decision_made_in_time_counts_whenever_it_arrives(record: Record) -> None:
    """The reviewer's moment is compared with the deadline, not the record's."""
    request = record.open()
    state = record.store.decide(make_decision(request, decided_at=DEADLINE - A_MOMENT), at=LATER)
    assert state.status is ApprovalStatus.APPROVED


@pytest.mark.parametrize("outcome", Outcome)
def test_a_repeated_decision_changes_nothing(record: Record, outcome: Outcome) -> None:
    """The same decision again, signed anew at another time, is the one that is there; also before it was enough."""
    request = open_for(record, quorum=2)
    decision = make_decision(request, outcome)
    state = decide(record, decision)
    before = record.rows()
    again = make_decision(request, outcome, decision_id=decision.decision_id, decided_at=DECIDED + timedelta(seconds=5))
    assert record.store.decide(again, at=LATER) == state
    assert record.rows() == before


def test_a_repeated_refused_decision_stays_refused(record: Record) -> None:
    """Also when it would be allowed by now."""
    request = open_for(record, quorum=2)
    late = make_decision(request, decided_at=DEADLINE)
    decide(record, late)
    before = record.rows()
    decide(record, make_decision(request, decision_id=late.decision_id, decided_at=DECIDED))
    assert record.rows() == before


def test_an_id_used_again_for_other_content_is_refused(record: Record) -> None:
    """The first vote stays as it is, and the refusal has an event of its own, written once."""
    request = open_for(record, quorum=2)
    decision = make_decision(request)
    before = decide(record, decision)
    stored = record.get(request).decisions
    for comment in ("No!", "No!", "Never!"):
        other = make_decision(request, Outcome.REJECT, decision_id=decision.decision_id, comment=comment)
        assert decide(record, other) == before
    assert record.get(request).decisions == stored
    first, second = record.events(request)[1:]
    assert (first.action, second.action) == ("decision.recorded", "decision.refused")
    assert (second.details["refusal"], second.details["decision_id"]) == (Refusal.REUSED_ID, decision.decision_id)
    assert first.id != second.id


def test_an_id_used_again_on_another_approval_is_refused_there(record: Record) -> None:
    """Neither approval's votes change, and the refusal is told of the one that it was sent to."""
    first, second = record.open(), record.open()
    decision = make_decision(first)
    decide(record, decision)
    state = decide(record, make_decision(second, decision_id=decision.decision_id))
    assert (state.status, state.approvals) == (ApprovalStatus.PENDING, 0)
    assert record.get(second).decisions == []
    assert record.events(second)[-1].details["refusal"] == Refusal.REUSED_ID
    assert record.actions(first) == ["approval.requested", "decision.recorded", "approval.approved"]


def test_a_decision_that_cannot_be_stored_leaves_nothing(record: Record) -> None:
    """Vote, status and event are one transaction; and a broken rule is not taken for an outage."""
    request = record.open()
    before = record.rows()
    with pytest.raises(IntegrityError):
        decide(record, make_decision(request).model_copy(update={"signature": None}))
    assert record.rows() == before


def test_each_change_is_seen_by_those_who_wait(record: Record) -> None:
    """An accepted vote, a refused one and an end each count the revision up; a repeated vote does not."""
    request = open_for(record, quorum=2)

    def revision() -> int:
        return record.reads.revisions([request.approval_id])[request.approval_id].number

    seen = [revision()]
    for name in ("ada", "ada", "bob"):
        decision = make_decision(request, reviewer=name)
        decide(record, decision)
        seen.append(revision())
        decide(record, decision)
        assert revision() == seen[-1]
    assert all(earlier < later for earlier, later in pairwise(seen))
