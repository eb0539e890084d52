"""The claim on an execution: who gets it, who does not and why, and how often."""

import pytest

from assent.models import ApprovalStatus, Role
from domain.execution import StoredApproval
from domain.operation import IDEMPOTENT_ATTEMPTS, ApprovalRequest
from storage.claims import Claim
from tests.storage.builders import (
    DECLARATION,
    IDEMPOTENT,
    LATER,
    RECORDED,
    make_assessment,
    make_decision,
    make_key,
    make_operation,
    make_outcome,
    make_person,
    make_request,
)
from tests.storage.record import Record


def refused(record: Record, request: ApprovalRequest) -> list[str]:
    return [event.details["refusal"] for event in record.events(request) if event.action == "execution.refused"]


def revoke(record: Record, name: str) -> None:
    (key_id,) = [key.id for key in record.keys.all() if key.name == name]
    record.keys.revoke(key_id, by="admin:automation", at=RECORDED)


def test_an_approved_operation_is_claimed(record: Record) -> None:
    """The worker gets what was approved from the row alone, and the claim and its event are there before it runs."""
    request = make_request(make_operation({"ids": [1, 2], "note": "größer"}))
    record.open(request, make_assessment(request, required_approvals=2))
    decisions = [make_decision(request, reviewer=name) for name in ("ada", "bob")]
    for decision in decisions:
        record.store.decide(decision, at=RECORDED)
    claim = record.claim(request)
    assert (claim.attempt, claim.refused, claim.already_started) == (1, None, False)
    approval = claim.approval
    assert approval is not None
    assert approval.operation == request.operation
    assert (approval.approval_id, approval.agent_id, approval.digest) == (request.approval_id, "agent", request.digest)
    assert (approval.declaration, approval.required_approvals) == (DECLARATION, 2)
    assert {vote.decision_id: vote for vote in approval.approvals} == {vote.decision_id: vote for vote in decisions}
    assert approval.active_names == {"agent", "ada", "bob", "automation"}
    row = record.execution(request)
    assert row is not None
    assert (row["digest"], row["started_at"]) == (request.digest, RECORDED)
    assert (row["attempts"], row["finished_at"], row["outcome_unknown"]) == (1, None, False)
    event = record.events(request)[-1]
    assert (event.action, event.actor, event.at) == ("execution.started", "system:worker", RECORDED)
    assert (event.digest, event.details) == (request.digest, {"declaration": DECLARATION})


def test_a_claimed_operation_shows_that_it_runs(record: Record) -> None:
    """Whoever reads it sees since when, and no end."""
    request = record.approved()
    assert record.get(request).execution is None
    record.claim(request)
    execution = record.get(request).execution
    assert execution is not None
    assert (execution.started_at, execution.finished_at, execution.result) == (RECORDED, None, None)


def test_there_is_one_claim_for_ever(record: Record) -> None:
    """An operation that is not declared idempotent starts once: a later try learns that it has started."""
    request = record.approved()
    record.claim(request)
    before = record.rows()
    for _ in range(3):
        again = record.claim(request)
        assert (again.already_started, again.refused) == (True, None)
    assert record.rows() == before


def test_an_idempotent_operation_starts_a_few_times(record: Record) -> None:
    """Each try is counted in the one claim, and told once; after the last one it has started, and that is all."""
    request = record.approved(IDEMPOTENT)
    claims = [record.claim(request) for _ in range(IDEMPOTENT_ATTEMPTS + 2)]
    assert [claim.attempt for claim in claims[:IDEMPOTENT_ATTEMPTS]] == list(range(1, IDEMPOTENT_ATTEMPTS + 1))
    assert [claim.already_started for claim in claims] == [False] * IDEMPOTENT_ATTEMPTS + [True] * 2
    row = record.execution(request)
    assert row is not None
    assert (row["attempts"], row["started_at"]) == (IDEMPOTENT_ATTEMPTS, RECORDED)
    assert record.actions(request).count("execution.started") == 1


def test_what_has_ended_is_not_claimed_again(record: Record) -> None:
    """Also when it is idempotent and has tries left."""
    request = record.approved(IDEMPOTENT)
    record.claim(request)
    record.store.finish(request.approval_id, make_outcome(), at=LATER)
    assert record.claim(request).refused == "The approval is executed, not approved."
    row = record.execution(request)
    assert row is not None
    assert row["attempts"] == 1


def test_what_is_not_recorded_is_not_claimed(record: Record) -> None:
    """There is nothing to run."""
    before = record.rows()
    assert record.claim(make_request()) == Claim(refused="The record has no such approval.")
    assert record.rows() == before


def test_only_what_is_approved_is_claimed(record: Record, subtests: pytest.Subtests) -> None:
    """Every other status is refused, which the log tells once, and no claim is made."""
    for status in set(ApprovalStatus) - {ApprovalStatus.APPROVED}:
        with subtests.test(status.value):
            request = record.in_status(status)
            claim = record.execution(request)
            for _ in range(2):
                assert record.claim(request) == Claim(refused=f"The approval is {status}, not approved.")
            assert record.execution(request) == claim
            event = record.events(request)[-1]
            assert (event.action, event.actor, event.digest) == ("execution.refused", "system:worker", request.digest)
            assert event.details == {"refusal": f"The approval is {status}, not approved.", "status": status}
            assert record.actions(request).count("execution.refused") == 1


def test_the_worker_may_forbid_the_run(record: Record) -> None:
    """Its reason is told, once each; it is asked about the stored approval, and only when the record allows it."""
    asked: list[StoredApproval] = []

    def gone(approval: StoredApproval) -> str:
        asked.append(approval)
        return "user.delete is no longer declared."

    request = record.approved()
    for _ in range(2):
        claim = record.claims.claim(request.approval_id, at=RECORDED, refusal=gone)
        assert claim == Claim(refused="user.delete is no longer declared.")
    assert [approval.operation for approval in asked] == [request.operation] * 2
    assert record.execution(request) is None
    assert refused(record, request) == ["user.delete is no longer declared."]
    record.claims.claim(record.open().approval_id, at=RECORDED, refusal=gone)
    assert len(asked) == 2


def test_a_revoked_agents_operation_does_not_run(record: Record) -> None:
    """Also when it was approved before."""
    request = record.approved()
    revoke(record, "agent")
    assert record.claim(request) == Claim(refused="The key of agent was revoked.")
    assert record.execution(request) is None
    assert refused(record, request) == ["The key of agent was revoked."]


def test_a_revoked_reviewers_vote_no_longer_counts(record: Record) -> None:
    """The quorum is counted again from those who are still active."""
    request = record.approved(None, "ada", "bob")
    revoke(record, "bob")
    sentence = "1 of 2 needed approvals are from reviewers who are still active."
    assert record.claim(request) == Claim(refused=sentence)
    assert record.execution(request) is None
    assert refused(record, request) == [sentence]


def test_a_reviewer_whose_key_never_was_does_not_count(record: Record) -> None:
    """A vote needs a key in the record."""
    assert record.claim(record.approved(None, "nobody")).refused is not None


def test_a_persons_vote_counts(record: Record) -> None:
    """Somebody who signs in needs no key."""
    record.people.add(make_person("dora"), None)
    claim = record.claim(record.approved(None, "dora", "ada"))
    assert claim.approval is not None
    assert claim.approval.active_names == {"agent", "ada", "dora", "automation"}


@pytest.mark.parametrize("by_disabling", [True, False])
def test_a_vote_of_somebody_who_decides_no_more_does_not_count(record: Record, *, by_disabling: bool) -> None:
    """A disabled person's, and an auditor's who was a reviewer: also when it was cast before."""
    record.people.add(make_person("dora"), None)
    request = record.approved(None, "dora", "ada")
    if by_disabling:
        record.people.disable("dora", by="admin:root", at=RECORDED)
    else:
        record.people.change_role("dora", Role.AUDITOR, by="admin:root", at=RECORDED)
    sentence = "1 of 2 needed approvals are from reviewers who are still active."
    assert record.claim(request) == Claim(refused=sentence)
    assert record.execution(request) is None
    assert refused(record, request) == [sentence]


def test_a_vote_by_a_disabled_persons_key_does_not_count(record: Record) -> None:
    """Who is out does not decide by a key either; an agent of theirs still runs what others approve."""
    record.people.add(make_person("dora"), None)
    record.keys.add(make_key("dora-cli", owner="dora"), "0" * 64)
    record.keys.add(make_key("doras-agent", Role.AGENT, owner="dora"), "0" * 64)
    by_key = record.approved(None, "dora-cli")
    of_agent = make_request(agent_id="doras-agent", agent_owner="dora")
    record.open(of_agent)
    record.store.decide(make_decision(of_agent), at=RECORDED)
    record.people.disable("dora", by="admin:root", at=RECORDED)
    assert record.claim(by_key).refused is not None
    assert record.claim(of_agent).refused is None


def test_the_platforms_admin_counts_without_a_stored_key(record: Record) -> None:
    """Its key is in the settings, not in the record."""
    request = record.open()
    record.store.decide(make_decision(request, reviewer="automation", role=Role.ADMIN), at=RECORDED)
    assert record.claim(request).refused is None


def test_a_refused_operation_may_be_claimed_once_the_reason_is_gone(record: Record) -> None:
    """A worker of an older release refuses; the next one knows the operation."""
    request = record.approved()
    record.claim(request, worker_refuses="user.delete is no longer declared.")
    claim = record.claim(request)
    assert (claim.attempt, claim.refused, claim.already_started) == (1, None, False)
