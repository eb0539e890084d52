"""The first record of an approval."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from assent.models import ApprovalStatus, PatternUse, RiskLevel, RuleResult, Verdict
from domain.approval import BY_POLICY, BY_REVOCATION
from domain.errors import IllegalTransitionError, MissingRowError
from domain.operation import ApprovalRequest
from storage.opening import Ending
from tests.domain.trusted import CLAIMS
from tests.storage.builders import (
    DEADLINE,
    IDEMPOTENT,
    POLICY_VERSION,
    RECORDED,
    STARTED,
    make_assessment,
    make_cancel,
    make_decision,
    make_opening,
    make_operation,
    make_outcome,
    make_request,
    seal_of,
)
from tests.storage.record import Record
from tests.storage.trust import add_pattern, open_trusting, patterns_of, to, trusting

RULES = (RuleResult(name="exports"), RuleResult(name="large", error="no such key: limit"))
TOO_FEW = "0 of 1 needed approvals are from reviewers who are still active."
OTHER_ASSESSMENT = "The stored assessment is not the one that was made: its seal does not match."


def allowed(record: Record) -> ApprovalRequest:
    """Open an approval that policy allows by two rules, and return its request."""
    request = make_request()
    ending = Ending(status=ApprovalStatus.APPROVED, by=("policy:reads", "policy:small"), reason="Small.")
    record.open(request, make_assessment(request, verdict=Verdict.ALLOW), ending=ending)
    return request


def test_an_opened_approval_is_pending(record: Record) -> None:
    """The workflow gets the state as stored, and the log tells the request."""
    request = make_request()
    assessment = make_assessment(request, required_approvals=2, plan=IDEMPOTENT)
    state = record.open_state(request, assessment)
    assert state == record.store.state(request.approval_id)
    assert state.approval_id == request.approval_id
    assert state.status is ApprovalStatus.PENDING
    assert (state.operation_type, state.resource_type) == ("user.delete", "user")
    assert (state.risk_level, state.required_approvals, state.approvals) == (RiskLevel.HIGH, 2, 0)
    assert (state.expires_at, state.plan) == (DEADLINE, IDEMPOTENT)
    assert (state.decided_by, state.outcome_unknown) == ((), False)
    (event,) = record.events(request)
    assert (event.action, event.actor, event.at) == ("approval.requested", "agent:agent", STARTED)
    assert (event.approval_id, event.digest) == (request.approval_id, request.digest)
    assert event.details == {
        "risk": "high",
        "operation": "user.delete",
        "verdict": "ask",
        "policy_version": POLICY_VERSION,
        "rules": [],
    }


def test_the_stored_approval_is_kept(record: Record) -> None:
    """An assessment that runs again, by other rules or of another request, finds the row and adopts it."""
    request = record.open()
    before = record.rows()
    again = make_request(make_operation({"force": True}), approval_id=request.approval_id)
    stricter = make_assessment(again, required_approvals=3, expires_at=DEADLINE + timedelta(hours=1))
    state = record.open_state(again, stricter)
    assert (state.required_approvals, state.expires_at) == (1, DEADLINE)
    assert record.rows() == before


def test_the_stored_approval_is_not_ended_by_opening_again(record: Record) -> None:
    """An ending belongs to the transaction that makes the row; later ones have their own records."""
    request = record.open()
    before = record.rows()
    record.open(request, ending=Ending(status=ApprovalStatus.CANCELLED, by=(BY_REVOCATION,), reason="Revoked."))
    assert record.status(request) is ApprovalStatus.PENDING
    assert record.rows() == before


@pytest.mark.parametrize(
    ("status", "by"), [(ApprovalStatus.CANCELLED, BY_REVOCATION), (ApprovalStatus.REJECTED, BY_POLICY)]
)
def test_an_approval_may_end_as_it_opens(record: Record, status: ApprovalStatus, by: str) -> None:
    """A revoked agent's request and a denied one are told as requested and as ended, with the reason."""
    request = make_request()
    ending = Ending(status=status, by=(by,), reason="It may not be.")
    state = record.open_state(request, make_assessment(request), ending=ending)
    assert (state.status, state.decided_by) == (status, (by,))
    requested, ended = record.events(request)
    assert requested.action == "approval.requested"
    assert (ended.action, ended.actor) == (f"approval.{status}", by)
    assert ended.details == {"status": status, "reason": "It may not be."}
    after = record.rows()
    assert record.open_state(request, make_assessment(request), ending=ending) == state
    assert record.rows() == after


def test_opening_and_ending_are_one_transaction(record: Record) -> None:
    """When the ending cannot be, the approval is not there either."""
    before = record.rows()
    with pytest.raises(IllegalTransitionError, match="pending cannot become executed"):
        record.open(ending=Ending(status=ApprovalStatus.EXECUTED, by=("system:worker",), reason=""))
    assert record.rows() == before


def test_what_policy_said_is_kept(record: Record) -> None:
    """Every rule that matched with its error, the policy's version, and whether a pattern could have decided."""
    request = make_request()
    record.store.open(make_opening(request, make_assessment(request), rules=RULES, open_to_patterns=True))
    approval = record.get(request)
    assert approval.rules == list(RULES)
    assert (approval.policy_version, approval.pattern) == (POLICY_VERSION, None)
    assert record.rows_of(request)["approvals"][0]["open_to_patterns"] is True
    (event,) = record.events(request)
    assert (event.details["rules"], event.details["failed_rules"]) == (["exports", "large"], ["large"])
    # An error may repeat an agent's words, and the log is for ever.
    assert "limit" not in str(event.details)
    kept = record.open()
    assert record.rows_of(kept)["approvals"][0]["open_to_patterns"] is False


def test_a_trusted_pattern_lets_an_approval_through(record: Record) -> None:
    """Approved as it opens, by one revision of one pattern, which the record and the log name."""
    add_pattern(record)
    trusted = patterns_of(record).change("p-1", to(note="Agreed."))
    request = make_request()
    state = record.store.open(trusting(request, trusted))
    assert (state.status, state.decided_by, state.approvals) == (ApprovalStatus.APPROVED, ("pattern:p-1@2",), 0)
    approval = record.get(request)
    assert approval.pattern == PatternUse(id="p-1", revision=2)
    assert (approval.status, approval.decided_by, approval.decisions) == ("approved", ["pattern:p-1@2"], [])
    (row,) = record.rows_of(request)["approvals"]
    sealed = make_assessment(request, verdict=Verdict.ALLOW)
    assert (row["verdict"], row["seal"]) == ("allow", seal_of(sealed).model_dump())
    assert (row["open_to_patterns"], row["closed_at"]) == (True, None)
    requested, approved = record.events(request)
    assert (requested.action, requested.details["verdict"]) == ("approval.requested", "ask")
    assert (approved.action, approved.actor, approved.at) == ("approval.approved", "pattern:p-1@2", STARTED)
    assert approved.digest == request.digest
    assert approved.details == {
        "status": "approved",
        "reason": "Trusted pattern p-1, revision 2, let it through.",
        "pattern": {"id": "p-1", "revision": 2, "trusts_claims": False},
    }


def test_an_approval_on_an_agents_claims_says_so(record: Record) -> None:
    """Where it is read and in the log: nobody has checked what the agent said of itself."""
    request = open_trusting(record, add_pattern(record, condition=CLAIMS))
    assert record.get(request).pattern == PatternUse(id="p-1", revision=1, trusts_claims=True)
    details = record.events(request)[-1].details
    assert details["reason"].endswith("let it through. It relied on the agent's claims.")
    assert details["pattern"]["trusts_claims"] is True


def test_without_room_an_approval_waits_as_policy_asked(record: Record) -> None:
    """Its seal says that people are needed, and they decide as they do without patterns."""
    request = open_trusting(record, add_pattern(record, suspended=True))
    (row,) = record.rows_of(request)["approvals"]
    assert (row["status"], row["verdict"]) == ("pending", "ask")
    assert row["seal"] == seal_of(make_assessment(request)).model_dump()
    assert (row["pattern"], row["open_to_patterns"], row["decided_by"]) == (None, True, [])
    assert record.actions(request) == ["approval.requested"]
    assert record.store.decide(make_decision(request), at=RECORDED).decided_by == ("reviewer:ada",)
    assert record.claim(request).refused is None


def test_an_ending_comes_before_any_trust(record: Record) -> None:
    """A revoked agent's request is let through by nothing, and no use is counted."""
    request = make_request()
    ending = Ending(status=ApprovalStatus.CANCELLED, by=(BY_REVOCATION,), reason="Revoked.")
    opening = trusting(request, add_pattern(record)).model_copy(update={"ending": ending})
    state = record.store.open(opening)
    assert (state.status, state.decided_by) == (ApprovalStatus.CANCELLED, (BY_REVOCATION,))
    assert (record.get(request).pattern, record.rows()["pattern_uses"]) == (None, [])


def test_what_policy_allows_is_approved_as_it_opens(record: Record) -> None:
    """By every rule that allows it; the first of them is the log's actor."""
    request = allowed(record)
    approval = record.get(request)
    assert (approval.status, approval.decided_by) == ("approved", ["policy:reads", "policy:small"])
    assert record.rows_of(request)["approvals"][0]["closed_at"] is None
    approved = record.events(request)[-1]
    assert (approved.action, approved.actor) == ("approval.approved", "policy:reads")
    assert approved.details == {"status": "approved", "reason": "Small."}


def test_what_policy_denies_is_rejected_as_it_opens(record: Record) -> None:
    """For good: it is closed in the same moment, sealed as denied, and nobody decides about it."""
    request = make_request()
    ending = Ending(status=ApprovalStatus.REJECTED, by=("policy:never",), reason="Never.")
    record.open(request, make_assessment(request, verdict=Verdict.DENY), ending=ending)
    (row,) = record.rows_of(request)["approvals"]
    assert (row["status"], row["verdict"], row["decided_by"]) == ("rejected", "deny", ["policy:never"])
    assert row["closed_at"] == STARTED
    assert record.actions(request) == ["approval.requested", "approval.rejected"]
    late = record.store.decide(make_decision(request), at=RECORDED)
    assert (late.status, late.approvals) == (ApprovalStatus.REJECTED, 0)
    assert record.claim(request).refused == "The approval is rejected, not approved."


@pytest.mark.parametrize("by", ["policy", "pattern"])
def test_what_is_approved_without_people_runs(record: Record, by: str) -> None:
    """Its seal is its proof: the claim is granted once, without any vote."""
    request = allowed(record) if by == "policy" else open_trusting(record, add_pattern(record))
    claim = record.claim(request)
    assert (claim.refused, claim.already_started) == (None, False)
    assert claim.approval is not None
    assert (claim.approval.verdict, claim.approval.approvals) == (Verdict.ALLOW, ())
    assert record.claim(request).already_started


@pytest.mark.parametrize("by", ["policy", "pattern"])
def test_what_is_approved_without_people_does_not_run_for_a_revoked_agent(record: Record, by: str) -> None:
    """Its key is looked at again just before the start."""
    request = allowed(record) if by == "policy" else open_trusting(record, add_pattern(record))
    (key,) = [key for key in record.keys.all() if key.name == "agent"]
    record.keys.revoke(key.id, by="admin:root", at=RECORDED)
    assert record.claim(request).refused == "The key of agent was revoked."


@pytest.mark.parametrize(
    ("edits", "refused"),
    [
        ({"status": "approved"}, TOO_FEW),
        ({"status": "approved", "decided_by": '["pattern:p-1@1"]', "pattern": '{"id":"p-1","revision":1}'}, TOO_FEW),
        ({"status": "approved", "verdict": "allow"}, OTHER_ASSESSMENT),
    ],
)
@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.DENY])
def test_an_approval_written_into_the_record_does_not_run(
    record: Record, verdict: Verdict, edits: dict[str, str], refused: str
) -> None:
    """Whoever edits the database cannot make a seal: what was asked about, or denied, needs votes all the same."""
    request = make_request()
    record.open(request, make_assessment(request, verdict=verdict))
    for column, value in edits.items():
        record.execute_sql(
            f"UPDATE approvals SET {column} = :value WHERE id = :approval_id",  # noqa: S608  our own column names
            value=value,
            approval_id=request.approval_id,
        )
    assert record.claim(request).refused == refused


def test_an_approval_does_not_run_on_the_seal_of_another(record: Record) -> None:
    """What a pattern let through proves nothing of the same operation asked for again."""
    through, waiting = open_trusting(record, add_pattern(record)), record.open()
    record.execute_sql(
        "UPDATE approvals SET status = 'approved', verdict = 'allow', seal = "
        "(SELECT seal FROM approvals WHERE id = :through) WHERE id = :waiting",
        through=through.approval_id,
        waiting=waiting.approval_id,
    )
    assert record.claim(waiting).refused == OTHER_ASSESSMENT


def test_nothing_is_recorded_of_an_approval_that_is_not_there(record: Record) -> None:
    """Whoever speaks for it is told, and nothing is written."""
    request = make_request()
    before = record.rows()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: record.store.state(request.approval_id),
        lambda: record.store.decide(make_decision(request), at=RECORDED),
        lambda: record.store.cancel(make_cancel(request), at=RECORDED),
        lambda: record.store.expire(request.approval_id, at=DEADLINE),
        lambda: record.store.finish(request.approval_id, make_outcome(), at=RECORDED),
    )
    for attempt in attempts:
        with pytest.raises(MissingRowError, match=request.approval_id):
            attempt()
    assert record.rows() == before
