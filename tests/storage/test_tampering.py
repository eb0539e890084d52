"""A database edited behind everybody's back: what runs is what was approved, or nothing."""

from datetime import timedelta

import pytest

from assent.models import ApprovalStatus, Outcome, Role
from domain.ballot import REFUSAL_SENTENCES, Decision, Refusal
from domain.operation import ApprovalRequest, operation_digest
from tests.storage.builders import (
    DEADLINE,
    DECLARATION,
    RECORDED,
    make_assessment,
    make_cancel,
    make_decision,
    make_operation,
    make_request,
)
from tests.storage.record import Record

OTHER_OPERATION = "The stored operation is not the one that was approved: its digest differs."
OTHER_ASSESSMENT = "The stored assessment is not the one that was made: its seal does not match."
OTHER_DECISION = "The stored decision of {} is not the one that was signed."
TOO_FEW = "0 of 1 needed approvals are from reviewers who are still active."
UNREADABLE = "The stored approval was changed into something that is not an approval."

EVIL = '{"ids":[1,2,3]}'


def check_refused(record: Record, request: ApprovalRequest, sentence: str) -> None:
    """Nothing may run, and the log says why, once; nothing else about the record changes."""
    before = record.rows_of(request)
    for _ in range(2):
        assert record.claim(request).refused == sentence
    after = record.rows_of(request)
    (event,) = after["audit_events"][len(before["audit_events"]) :]
    assert (event["action"], event["approval_id"]) == ("execution.refused", request.approval_id)
    assert event["details"] == {"refusal": sentence, "status": "approved"}
    assert after | {"audit_events": before["audit_events"]} == before
    assert after["executions"] == []


def edit(record: Record, request: ApprovalRequest, column: str, value: object) -> None:
    record.execute_sql(
        f"UPDATE approvals SET {column} = :value WHERE id = :approval_id",  # noqa: S608  our own column names
        value=value,
        approval_id=request.approval_id,
    )


def edit_votes(record: Record, request: ApprovalRequest, column: str, value: object) -> None:
    record.execute_sql(
        f"UPDATE decisions SET {column} = :value WHERE approval_id = :approval_id",  # noqa: S608  our own column names
        value=value,
        approval_id=request.approval_id,
    )


# What is changed in the row, and why it does not run then; other white space is no other content.
EDITS = (
    ("parameters", EVIL, OTHER_OPERATION),
    ("parameters", "{}  ", None),
    ("resource_id", "43", OTHER_OPERATION),
    ("resource_type", "customer", OTHER_OPERATION),
    ("operation_type", "user.bulk_delete", OTHER_OPERATION),
    ("agent_id", "bob", OTHER_OPERATION),
    ("agent_owner", "cyd", OTHER_ASSESSMENT),
    ("declaration", "shop.users:delete@2", OTHER_OPERATION),
    ("digest", "0" * 64, OTHER_OPERATION),
    ("verdict", "allow", OTHER_ASSESSMENT),
    ("risk_level", "low", OTHER_ASSESSMENT),
    ("required_approvals", 2, OTHER_ASSESSMENT),
    ("expires_at", "2030-01-01T00:00:00.000000Z", OTHER_ASSESSMENT),
    ("plan", '{"idempotent":true,"run_timeout":"PT60S"}', OTHER_ASSESSMENT),
    ("seal", '{"key_id":"test","mac":""}', OTHER_ASSESSMENT),
    ("seal", '{"key_id":"other","mac":""}', OTHER_ASSESSMENT),
    # Values that nothing of ours writes: refused for good too, not tried again for ever.
    ("parameters", '{"n":9007199254740993}', UNREADABLE),
    ("parameters", "[]", UNREADABLE),
    ("verdict", "maybe", UNREADABLE),
    ("seal", "{}", UNREADABLE),
)


def test_an_edited_approval_does_not_run(record: Record, subtests: pytest.Subtests) -> None:
    """Each column that says what runs, or how strictly it was asked."""
    for column, value, sentence in EDITS:
        with subtests.test(column, value=repr(value)):
            request = record.approved()
            edit(record, request, column, value)
            if sentence is None:
                assert record.claim(request).refused is None
            else:
                check_refused(record, request, sentence)


def with_their_digest(record: Record, request: ApprovalRequest) -> str:
    """Change the operation, and the digest so that it fits."""
    digest = operation_digest(request.approval_id, "agent", make_operation({"ids": [1, 2, 3]}), DECLARATION)
    edit(record, request, "parameters", EVIL)
    edit(record, request, "digest", digest)
    return digest


def test_parameters_edited_with_their_digest_do_not_run(record: Record) -> None:
    """The seal holds the digest that was assessed."""
    request = record.approved()
    with_their_digest(record, request)
    check_refused(record, request, OTHER_ASSESSMENT)


def test_parameters_edited_with_every_digest_do_not_run(record: Record) -> None:
    """Nor do they when the decisions are made to fit as well, with the seal of another approval."""
    request, other = record.approved(), record.open()
    digest = with_their_digest(record, request)
    edit_votes(record, request, "digest", digest)
    record.execute_sql(
        "UPDATE approvals SET seal = (SELECT seal FROM approvals WHERE id = :other) WHERE id = :approval_id",
        other=other.approval_id,
        approval_id=request.approval_id,
    )
    check_refused(record, request, OTHER_ASSESSMENT)


def test_a_lowered_quorum_does_not_run(record: Record) -> None:
    """One vote of two, and the row made to ask for one."""
    request = make_request()
    record.open(request, make_assessment(request, required_approvals=2))
    record.store.decide(make_decision(request), at=RECORDED)
    edit(record, request, "required_approvals", 1)
    edit(record, request, "status", "approved")
    check_refused(record, request, OTHER_ASSESSMENT)


def test_a_status_without_its_votes_does_not_run(record: Record, subtests: pytest.Subtests) -> None:
    """The word `approved` in the row approves nothing."""
    for status in (
        ApprovalStatus.PENDING,
        ApprovalStatus.REJECTED,
        ApprovalStatus.EXPIRED,
        ApprovalStatus.CANCELLED,
    ):
        with subtests.test(status.value):
            request = record.in_status(status)
            edit(record, request, "status", "approved")
            check_refused(record, request, TOO_FEW)


def test_a_verdict_made_allow_does_not_run(record: Record) -> None:
    """Nobody voted, and the row says that nobody was to be asked."""
    request = record.open()
    edit(record, request, "verdict", "allow")
    edit(record, request, "status", "approved")
    check_refused(record, request, OTHER_ASSESSMENT)


def forge(record: Record, decision: Decision) -> None:
    """Write a decision as the record would, with whatever signature it carries."""
    signature = decision.signature
    assert signature is not None
    columns = "id, approval_id, reviewer, role, outcome, comment, digest, decided_at, recorded_at, accepted, "
    record.execute_sql(
        f"INSERT INTO decisions ({columns} content_digest, signature) "  # noqa: S608  our own column names
        "VALUES (:decision_id, :approval_id, :reviewer, 'reviewer', 'approve', :comment, :digest, "
        ":decided_at, :decided_at, :accepted, :content_digest, :signature)",
        **decision.model_dump(include={"decision_id", "approval_id", "reviewer", "comment", "digest"}),
        decided_at=decision.decided_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        accepted=True,
        content_digest=decision.content_digest(),
        signature=signature.model_dump_json(),
    )


def unsigned(_: Record, request: ApprovalRequest) -> Decision:
    decision = make_decision(request, reviewer="bob")
    assert decision.signature is not None
    return decision.model_copy(update={"signature": decision.signature.model_copy(update={"mac": "0" * 64})})


def of_another_approval(record: Record, request: ApprovalRequest) -> Decision:
    """A real vote for something else, moved here."""
    return make_decision(record.open(), reviewer="bob").model_copy(
        update={"approval_id": request.approval_id, "digest": request.digest}
    )


def of_another_reviewer(_: Record, request: ApprovalRequest) -> Decision:
    """A real vote, told to be bob's."""
    return make_decision(request, reviewer="ada").model_copy(update={"reviewer": "bob"})


def with_a_word_more(_: Record, request: ApprovalRequest) -> Decision:
    return make_decision(request, reviewer="bob").model_copy(update={"comment": "Checked twice."})


def test_a_forged_decision_does_not_run(record: Record, subtests: pytest.Subtests) -> None:
    """A row that says that bob approved, without a signature over exactly that."""
    for make in (unsigned, of_another_approval, of_another_reviewer, with_a_word_more):
        with subtests.test(make.__name__):
            request = record.open()
            forge(record, make(record, request))
            edit(record, request, "status", "approved")
            check_refused(record, request, OTHER_DECISION.format("bob"))


def test_a_signed_decision_of_another_content_does_not_run(record: Record) -> None:
    """It was signed by an API, and for another digest than that of the operation."""
    request = record.open()
    forge(record, make_decision(request, reviewer="bob", digest="0" * 64))
    edit(record, request, "status", "approved")
    check_refused(record, request, OTHER_DECISION.format("bob"))


def test_a_refused_decision_made_accepted_does_not_run(record: Record, subtests: pytest.Subtests) -> None:
    """It was signed by an API, and the record refused it: an edit cannot make it count."""
    request = make_request(agent_owner="cyd")
    for decision, refusal in (
        (make_decision(request, decided_at=DEADLINE), Refusal.TOO_LATE),
        (make_decision(request, reviewer="cyd"), Refusal.OWN_REQUEST),
        (make_decision(request, reviewer="agent", role=Role.ADMIN), Refusal.OWN_REQUEST),
        (make_decision(request, role=Role.AGENT), Refusal.NOT_ALLOWED),
    ):
        with subtests.test(refusal.value, reviewer=decision.reviewer):
            record.clear()
            record.add_team()
            record.open(request)
            record.store.decide(decision, at=RECORDED)
            edit_votes(record, request, "accepted", value=True)
            edit(record, request, "status", "approved")
            told = f"The stored decision of {decision.reviewer} must not count: {REFUSAL_SENTENCES[refusal]}"
            check_refused(record, request, told)


def test_a_late_decision_made_early_does_not_run(record: Record) -> None:
    """Its time is signed too."""
    request = record.open()
    record.store.decide(make_decision(request, decided_at=DEADLINE), at=RECORDED)
    early = (DEADLINE - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    edit_votes(record, request, "accepted", value=True)
    edit_votes(record, request, "decided_at", early)
    edit(record, request, "status", "approved")
    check_refused(record, request, OTHER_DECISION.format("ada"))


def test_a_reject_turned_into_an_approval_does_not_run(record: Record) -> None:
    """The outcome is signed too."""
    request = record.open()
    record.store.decide(make_decision(request, Outcome.REJECT), at=RECORDED)
    edit_votes(record, request, "outcome", "approve")
    edit(record, request, "status", "approved")
    check_refused(record, request, OTHER_DECISION.format("ada"))


def test_one_persons_votes_count_once(record: Record) -> None:
    """A second vote of the same reviewer, refused by the record and made accepted, is not a second person's."""
    request = make_request()
    record.open(request, make_assessment(request, required_approvals=2))
    for _ in range(2):
        record.store.decide(make_decision(request), at=RECORDED)
    edit_votes(record, request, "accepted", value=True)
    edit(record, request, "status", "approved")
    check_refused(record, request, "1 of 2 needed approvals are from reviewers who are still active.")


def test_a_claim_that_was_deleted_is_granted_only_while_approved(record: Record) -> None:
    """What has ended does not run again, whatever became of its claim."""
    request = record.in_status(ApprovalStatus.EXECUTED)
    record.execute_sql("DELETE FROM executions WHERE approval_id = :approval_id", approval_id=request.approval_id)
    assert record.claim(request).refused == "The approval is executed, not approved."
    cancelled = record.open()
    record.store.cancel(make_cancel(cancelled), at=RECORDED)
    assert record.claim(cancelled).refused == "The approval is cancelled, not approved."
