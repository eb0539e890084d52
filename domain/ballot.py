"""The decisions on one approval, the quorum they must reach, and why a decision is refused."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from assent.models import ApprovalStatus, Outcome, Role
from domain.canonical import digest_of
from domain.clock import microseconds
from domain.frozen import Frozen
from domain.principal import Principal, person_of
from domain.signing import Signature


class Refusal(StrEnum):
    """Why a decision or a cancel did not count."""

    UNAUTHENTIC = "unauthentic"
    REUSED_ID = "reused_id"
    NOT_ALLOWED = "not_allowed"
    OWN_REQUEST = "own_request"
    WRONG_DIGEST = "wrong_digest"
    ALREADY_DECIDED = "already_decided"
    TOO_LATE = "too_late"
    ALREADY_VOTED = "already_voted"
    TOO_MANY = "too_many"


REFUSAL_SENTENCES = {
    Refusal.UNAUTHENTIC: "It was not signed by an Assent API.",
    Refusal.REUSED_ID: "Another decision was made under the same id.",
    Refusal.NOT_ALLOWED: "This key's role does not decide approvals.",
    Refusal.OWN_REQUEST: "Nobody decides a request made by themselves or by a key they own.",
    Refusal.WRONG_DIGEST: "The digest is not that of this operation: read the approval again before deciding.",
    Refusal.ALREADY_DECIDED: "The approval is no longer pending.",
    Refusal.TOO_LATE: "The deadline had passed.",
    Refusal.TOO_MANY: "The approval has had as many decisions as it takes.",
    Refusal.ALREADY_VOTED: "This person has already voted; another person must decide too.",
}


class Decision(Frozen):
    """One reviewer's decision as an API signed it. `decided_at` is the API's clock, in UTC."""

    decision_id: str
    approval_id: str
    reviewer: str
    owner: str | None
    role: Role
    outcome: Outcome
    comment: str
    digest: str
    decided_at: AwareDatetime
    signature: Signature | None = None

    @property
    def principal(self) -> Principal:
        """Who decided."""
        return Principal(name=self.reviewer, role=self.role, owner=self.owner)

    def signed_fields(self) -> tuple[str, ...]:
        """All that the API vouches for, in the order that the signature covers."""
        return (
            "decide",
            self.approval_id,
            self.decision_id,
            self.reviewer,
            self.owner or "",
            self.role.value,
            self.outcome.value,
            self.comment,
            self.digest,
            microseconds(self.decided_at),
        )

    def content_digest(self) -> str:
        """What must stay the same when a decision is sent again under its id: all but the time and the signature."""
        return digest_of(self.model_dump(mode="json", exclude={"decided_at", "signature"}))


class Cancel(Frozen):
    """A signed wish to cancel a pending approval, by its agent, an admin, or the service itself."""

    cancel_id: str
    approval_id: str
    actor: str
    reason: str
    requested_at: AwareDatetime
    signature: Signature | None = None

    def signed_fields(self) -> tuple[str, ...]:
        """All that the API vouches for, in the order that the signature covers."""
        return (
            "cancel",
            self.approval_id,
            self.cancel_id,
            self.actor,
            self.reason,
            microseconds(self.requested_at),
        )


class Ballot(Frozen):
    """What stands on one approval when a decision arrives. `approvers` are the persons who approved so far."""

    status: ApprovalStatus
    digest: str
    expires_at: datetime
    required_approvals: int
    requester: str
    requester_owner: str | None
    approvers: frozenset[str] = frozenset()

    def refusal(self, decision: Decision) -> Refusal | None:
        """Why `decision` may not be cast, or None when it may. The first reason that applies is the one told."""
        principal = decision.principal
        reasons = {
            Refusal.NOT_ALLOWED: not principal.may_decide,
            Refusal.OWN_REQUEST: is_own(principal, self.requester, self.requester_owner),
            Refusal.ALREADY_DECIDED: self.status is not ApprovalStatus.PENDING,
            Refusal.TOO_LATE: decision.decided_at >= self.expires_at,
            Refusal.WRONG_DIGEST: decision.digest != self.digest,
            Refusal.ALREADY_VOTED: principal.person in self.approvers,
        }
        return next((refusal for refusal, applies in reasons.items() if applies), None)

    def status_after(self, decision: Decision) -> ApprovalStatus:
        """Return the status once an allowed `decision` counts: one reject ends it, a quorum approves it."""
        if decision.outcome is Outcome.REJECT:
            return ApprovalStatus.REJECTED
        if has_quorum(self.approvers | {decision.principal.person}, self.required_approvals):
            return ApprovalStatus.APPROVED
        return ApprovalStatus.PENDING


def is_own(principal: Principal, requester: str, requester_owner: str | None) -> bool:
    """Whether a request was made by this person, or by somebody for whom they answer.

    Names and owners alike: a key may be owned by a person whose own key somebody else answers for.
    """
    return bool({principal.name, principal.person} & {requester, person_of(requester, requester_owner)})


def has_quorum(approvers: Collection[str], required_approvals: int) -> bool:
    """Whether enough different persons have approved."""
    return len(set(approvers)) >= required_approvals
