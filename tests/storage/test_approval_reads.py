"""What is read is what was written, whole and of one moment."""

from datetime import datetime, timedelta

import pytest

from assent.models import ApprovalStatus, Outcome, RiskLevel
from domain.approval import workflow_id_of
from domain.ballot import Refusal
from tests.storage.builders import (
    A_MOMENT,
    DEADLINE,
    DECIDED,
    LATER,
    REASON,
    REASONS,
    RECORDED,
    STARTED,
    make_assessment,
    make_decision,
    make_operation,
    make_outcome,
    make_request,
)
from tests.storage.record import Record

PARAMETERS = {"z": 1, "a": [1.5, None, True, {"ß": "\u202egnp.exe"}], "text": "line\nline \U0001f600"}
CONTEXT = {"records": 99, "nested": {"b": 1, "a": 2}}


def test_an_approval_is_read_whole(record: Record) -> None:
    """Every field, as it was asked for, assessed, decided and run."""
    request = make_request(make_operation(PARAMETERS), context=CONTEXT, agent_owner="boss")
    record.open(request, make_assessment(request, required_approvals=2, risk_level=RiskLevel.CRITICAL))
    votes = [make_decision(request, reviewer=name) for name in ("ada", "ada", "bob")]
    for number, vote in enumerate(votes):
        record.store.decide(vote, at=RECORDED + timedelta(seconds=number))
    record.claim(request)
    record.store.finish(request.approval_id, make_outcome('[1,"two"]'), at=LATER)
    approval = record.get(request)
    assert approval.id == request.approval_id
    assert (approval.status, approval.overdue) == (ApprovalStatus.EXECUTED, False)
    assert approval.operation == request.operation
    assert list(approval.operation.parameters) == ["z", "a", "text"]
    assert (approval.agent_id, approval.reason, approval.context) == ("agent", REASON, CONTEXT)
    assert approval.digest == request.digest
    assert approval.risk is not None
    assert (approval.risk.level, approval.risk.reasons) == (RiskLevel.CRITICAL, list(REASONS))
    assert (approval.created_at, approval.expires_at) == (STARTED, DEADLINE)
    assert (approval.required_approvals, approval.decided_by) == (2, ["reviewer:ada", "reviewer:bob"])
    assert [vote.id for vote in approval.decisions] == [vote.decision_id for vote in votes]
    assert [vote.refusal for vote in approval.decisions] == [None, Refusal.ALREADY_VOTED, None]
    assert {vote.decided_at for vote in approval.decisions} == {DECIDED}
    assert approval.execution is not None
    assert approval.execution.result == [1, "two"]
    temporal = approval.temporal
    assert (temporal.workflow_id, temporal.run_id, temporal.url) == (workflow_id_of(request.approval_id), "run-1", None)


def test_what_is_not_recorded_is_none(record: Record) -> None:
    """Of an approval, of its content, of its ballot, of a decision and of a revision."""
    request = make_request()
    record.open()
    assert record.reads.get(request.approval_id, now=RECORDED) is None
    assert record.reads.content_digest(request.approval_id) is None
    assert record.reads.ballot(request.approval_id) is None
    assert record.reads.decision_content(request.approval_id) is None
    assert record.reads.revisions([request.approval_id]) == {}
    assert record.reads.revisions([]) == {}


def test_approvals_do_not_mix(record: Record) -> None:
    """Votes and runs belong to their own approval, also when many are read at once."""
    requests = [record.in_status(status) for status in ApprovalStatus]
    for status, request in zip(ApprovalStatus, requests, strict=True):
        found = record.get(request)
        voted = status not in (ApprovalStatus.PENDING, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED)
        assert (found.status, len(found.decisions)) == (status, int(voted))
        assert (found.execution is not None) == (status in (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED))


@pytest.mark.parametrize(("now", "overdue"), [(DEADLINE - A_MOMENT, False), (DEADLINE, True), (LATER, True)])
def test_a_pending_approval_is_overdue_from_its_deadline(record: Record, now: datetime, overdue: object) -> None:
    """And stays pending until its workflow closes it: a decision made in time may be on its way."""
    request = record.open()
    found = record.reads.get(request.approval_id, now=now)
    assert found is not None
    assert (found.status, found.overdue) == (ApprovalStatus.PENDING, overdue)


def test_only_what_is_pending_is_overdue(record: Record) -> None:
    """What was approved or has ended has met its deadline, or its end."""
    requests = [record.in_status(status) for status in ApprovalStatus if status is not ApprovalStatus.PENDING]
    found = [record.reads.get(request.approval_id, now=LATER) for request in requests]
    assert [approval.overdue for approval in found if approval is not None] == [False] * 6


def test_a_ballot_has_what_refuses_decisions(record: Record) -> None:
    """The same as the deciding transaction goes by, with the level and the number of decisions for the API."""
    request = make_request(agent_owner="boss")
    record.open(request, make_assessment(request, required_approvals=3, risk_level=RiskLevel.LOW))
    record.store.decide(make_decision(request, reviewer="ada-phone", owner="ada"), at=RECORDED)
    record.store.decide(make_decision(request, reviewer="ada"), at=RECORDED)
    record.store.decide(make_decision(request, reviewer="bob"), at=RECORDED)
    ballot = record.reads.ballot(request.approval_id)
    assert ballot is not None
    assert (ballot.status, ballot.digest, ballot.expires_at) == (ApprovalStatus.PENDING, request.digest, DEADLINE)
    assert (ballot.required_approvals, sorted(ballot.approvers)) == (3, ["ada", "bob"])
    assert (ballot.requester, ballot.requester_owner) == ("agent", "boss")
    assert (ballot.risk_level, ballot.decisions) == (RiskLevel.LOW, 3)
    assert ballot.refusal(make_decision(request, reviewer="boss")) is Refusal.OWN_REQUEST


def test_content_is_known_by_its_digest(record: Record) -> None:
    """A repeated submission and a repeated decision are told from others under the same id."""
    request = record.open()
    decision = make_decision(request, Outcome.REJECT)
    record.store.decide(decision, at=RECORDED)
    assert record.reads.content_digest(request.approval_id) == request.content_digest
    assert record.reads.decision_content(decision.decision_id) == decision.content_digest()


def test_a_read_sees_one_moment(record: Record) -> None:
    """A decision that commits in the middle of a read is wholly in it or not at all."""
    request = record.open()
    with record.database.read() as connection:
        before = connection.exec_driver_sql("SELECT status FROM approvals").scalar_one()
        record.store.decide(make_decision(request), at=RECORDED)
        seen = connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar_one()
        after = connection.exec_driver_sql("SELECT status FROM approvals").scalar_one()
    assert (before, seen, after) == ("pending", 0, "pending")
    assert record.status(request) is ApprovalStatus.APPROVED


def test_the_state_is_read_while_somebody_writes(record: Record) -> None:
    """A workflow that only looks waits for nobody."""
    request = record.open()
    with record.database.write() as connection:
        connection.exec_driver_sql("UPDATE approvals SET revision = revision + 1")
        assert record.status(request) is ApprovalStatus.PENDING
