"""What must hold for a stored approval to run: everything is proven again from the record, just before the start."""

from datetime import datetime, timedelta

from assent.models import ApprovalStatus, Operation, Outcome, RiskLevel, Verdict
from domain.ballot import REFUSAL_SENTENCES, Ballot, Decision, has_quorum
from domain.clock import microseconds
from domain.frozen import Frozen
from domain.operation import ExecutionPlan, operation_digest
from domain.signing import Signature, SigningKeys


class SealedAssessment(Frozen):
    """What the worker signs when it assesses, so that nobody lowers the bar in the database afterwards."""

    approval_id: str
    digest: str
    verdict: Verdict
    risk_level: RiskLevel
    required_approvals: int
    expires_at: datetime
    plan: ExecutionPlan
    agent_owner: str | None

    def signed_fields(self) -> tuple[str, ...]:
        """All that the worker vouches for, in the order that the seal covers."""
        return (
            "assess",
            self.approval_id,
            self.digest,
            self.verdict.value,
            self.risk_level.value,
            str(self.required_approvals),
            microseconds(self.expires_at),
            self.agent_owner or "",
            str(self.plan.idempotent),
            str(self.plan.run_timeout // timedelta(microseconds=1)),
        )


class StoredApproval(SealedAssessment):
    """An approval as the record has it. `active_names`: keys that are not revoked, and people who may still decide."""

    status: ApprovalStatus
    agent_id: str
    operation: Operation
    declaration: str
    seal: Signature
    approvals: tuple[Decision, ...]
    active_names: frozenset[str]


def refusal_to_run(approval: StoredApproval, keys: SigningKeys) -> str | None:
    """Return why `approval` must not run, or None when its approval is proven."""
    if approval.status is not ApprovalStatus.APPROVED:
        return f"The approval is {approval.status.value}, not approved."
    digest = operation_digest(approval.approval_id, approval.agent_id, approval.operation, approval.declaration)
    if digest != approval.digest:
        return "The stored operation is not the one that was approved: its digest differs."
    if not keys.verify(approval.signed_fields(), approval.seal):
        return "The stored assessment is not the one that was made: its seal does not match."
    if approval.agent_id not in approval.active_names:
        return f"The key of {approval.agent_id} was revoked."
    if approval.verdict is Verdict.ALLOW:
        return None
    return _refusal_of_votes(approval, keys)


def _refusal_of_votes(approval: StoredApproval, keys: SigningKeys) -> str | None:
    # The same rules as when each was cast, each on a ballot of its own: `persons` lets nobody count twice.
    ballot = Ballot(
        status=ApprovalStatus.PENDING,
        digest=approval.digest,
        expires_at=approval.expires_at,
        required_approvals=approval.required_approvals,
        requester=approval.agent_id,
        requester_owner=approval.agent_owner,
    )
    persons: set[str] = set()
    for decision in approval.approvals:
        signed = keys.verify(decision.signed_fields(), decision.signature)
        for_this = decision.approval_id == approval.approval_id and decision.digest == approval.digest
        if not (signed and for_this and decision.outcome is Outcome.APPROVE):
            return f"The stored decision of {decision.reviewer} is not the one that was signed."
        if (refusal := ballot.refusal(decision)) is not None:
            return f"The stored decision of {decision.reviewer} must not count: {REFUSAL_SENTENCES[refusal]}"
        if decision.reviewer in approval.active_names:
            persons.add(decision.principal.person)
    if not has_quorum(persons, approval.required_approvals):
        return (
            f"{len(persons)} of {approval.required_approvals} needed approvals are from reviewers who are still active."
        )
    return None
