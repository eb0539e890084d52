"""Deciding an approval: refused here when the record already says so, signed and signalled otherwise."""

import asyncio
from typing import NoReturn
from uuid import UUID, uuid5

import uuid6

from assent.models import Approval, ApprovalStatus, DecisionRequest, Outcome
from domain.audit import decision_refused
from domain.ballot import REFUSAL_SENTENCES, Ballot, Decision, Refusal
from domain.clock import Clock
from domain.errors import (
    AssentError,
    DecisionRefusedError,
    IdempotencyConflictError,
    InvalidDecisionError,
    NotAssessedYetError,
    OwnRequestError,
    RoleNotAllowedError,
    TooManyDecisionsError,
)
from domain.frozen import Frozen
from domain.principal import Principal
from domain.risk import NEEDS_DIGEST
from domain.signing import SigningKeys
from services.approvals import Approvals
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads, StoredBallot
from storage.approvals import ApprovalStore

RECORDED_WITHIN_SECONDS = 5.0
MAX_DECISIONS = 100

_NAMESPACE = UUID("0193f1a4-8a5c-7d90-b1e3-4c7f2d6a9b01")


class Decided(Frozen):
    """A decision that was taken. `recorded` is False while no worker has written its verdict."""

    approval: Approval
    decision_id: str
    recorded: bool


class Decisions:
    """Takes reviewers' decisions to the workflow, and tells each reviewer what the record made of theirs."""

    def __init__(  # noqa: PLR0913  each is one thing that a decision needs
        self,
        *,
        approvals: Approvals,
        reads: ApprovalReads,
        store: ApprovalStore,
        workflows: ApprovalWorkflows,
        watch: ApprovalWatch,
        signing_keys: SigningKeys,
        clock: Clock,
    ) -> None:
        """Take the record, Temporal, and the keys that sign."""
        self._approvals = approvals
        self._reads = reads
        self._store = store
        self._workflows = workflows
        self._watch = watch
        self._signing_keys = signing_keys
        self._clock = clock

    async def decide(
        self, principal: Principal, approval_id: str, request: DecisionRequest, idempotency_key: str | None
    ) -> Decided:
        """Record one decision. Raises one of the tree's errors when it does not count, saying why and who decided."""
        decision_id = _decision_id(principal, approval_id, idempotency_key)
        ballot = await self._ballot(principal, approval_id, decision_id)
        decision = self._signed(principal, approval_id, decision_id, request, ballot)
        if idempotency_key is not None and (known := await self._known(decision)) is not None:
            return known
        if not principal.may_decide:
            await self._refuse(decision, Refusal.NOT_ALLOWED)
        _check_complete(request, ballot)
        if (refusal := ballot.refusal(decision)) is not None:
            await self._refuse(decision, refusal)
        if ballot.decisions >= MAX_DECISIONS:
            await self._tell_refused(decision, Refusal.TOO_MANY)
            message = f"Approval {approval_id} has had {MAX_DECISIONS} decisions and takes no more. It will expire."
            raise TooManyDecisionsError(message)
        with self._watch.following(approval_id, seen=ballot.revision) as following:
            delivered = await self._workflows.decide(decision)
            decided = await following.until(
                lambda: self._verdict(decision), seconds=RECORDED_WITHIN_SECONDS if delivered else 0
            )
        if decided is not None:
            return decided
        if not delivered:
            message = "The approval's workflow is no longer running. It is being closed: read it again in a minute."
            raise DecisionRefusedError(message, decision_id=decision_id)
        return Decided(
            approval=await self._approvals.get(principal, approval_id), decision_id=decision_id, recorded=False
        )

    async def _ballot(self, principal: Principal, approval_id: str, decision_id: str) -> StoredBallot:
        ballot = await asyncio.to_thread(self._reads.ballot, approval_id)
        if ballot is not None:
            return ballot
        if not principal.may_decide:
            # In the same words as for an approval that is there: the answer must not tell which ids exist.
            raise RoleNotAllowedError(REFUSAL_SENTENCES[Refusal.NOT_ALLOWED], decision_id=decision_id)
        # Raises when there is no such approval at all.
        approval = await self._approvals.get(principal, approval_id)
        if approval.status.is_terminal:
            raise _refused(Refusal.ALREADY_DECIDED, approval, decision_id)
        message = "No worker has assessed this approval yet. Try again in a few seconds."
        raise NotAssessedYetError(message)

    def _signed(
        self, principal: Principal, approval_id: str, decision_id: str, request: DecisionRequest, ballot: Ballot
    ) -> Decision:
        decision = Decision(
            decision_id=decision_id,
            approval_id=approval_id,
            reviewer=principal.name,
            owner=principal.owner,
            role=principal.role,
            outcome=request.outcome,
            comment=request.comment,
            digest=request.digest or ballot.digest,
            decided_at=self._clock(),
        )
        return decision.model_copy(update={"signature": self._signing_keys.sign(decision.signed_fields())})

    async def _known(self, decision: Decision) -> Decided | None:
        """Return what became of the same decision sent before. Raises IdempotencyConflictError for another one."""
        known = await self._check_same(decision)
        return await self._verdict(decision) if known else None

    async def _check_same(self, decision: Decision) -> bool:
        """Return whether a decision is recorded under this id. Raises IdempotencyConflictError when it is another."""
        stored = await asyncio.to_thread(self._reads.decision_content, decision.decision_id)
        if stored is not None and stored != decision.content_digest():
            await self._tell_refused(decision, Refusal.REUSED_ID)
            message = "This Idempotency-Key was used for another decision. Send a new decision under a new key."
            raise IdempotencyConflictError(message, decision_id=decision.decision_id)
        return stored is not None

    async def _verdict(self, decision: Decision) -> Decided | None:
        """Return the recorded verdict, or None while there is none. Raises when it was refused or others were first."""
        approval = await self._approvals.recorded(decision.approval_id)
        if approval is None:
            return None
        for recorded in approval.decisions:
            if recorded.id == decision.decision_id:
                await self._check_same(decision)
                if not recorded.accepted:
                    raise _refused(Refusal(recorded.refusal or Refusal.UNAUTHENTIC), approval, decision.decision_id)
                shown = self._approvals.shown_to(decision.principal, approval, approval.id)
                return Decided(approval=shown, decision_id=decision.decision_id, recorded=True)
        if approval.status is not ApprovalStatus.PENDING:
            raise _refused(Refusal.ALREADY_DECIDED, approval, decision.decision_id)
        return None

    async def _refuse(self, decision: Decision, refusal: Refusal) -> NoReturn:
        """Tell in the log, and then the caller, why the decision is not even sent."""
        await self._tell_refused(decision, refusal)
        approval = await self._approvals.recorded(decision.approval_id)
        raise _refused(refusal, approval, decision.decision_id)

    async def _tell_refused(self, decision: Decision, refusal: Refusal) -> None:
        await asyncio.to_thread(self._store.append, decision_refused(decision, refusal, at=decision.decided_at))


def _check_complete(request: DecisionRequest, ballot: StoredBallot) -> None:
    if request.outcome is Outcome.REJECT and not request.comment.strip():
        message = "A rejection needs a comment: the agent will read it."
        raise InvalidDecisionError(message)
    if request.digest is None and ballot.risk_level in NEEDS_DIGEST:
        message = (
            f"A decision on a {ballot.risk_level.value} risk approval must carry the digest of what you saw: "
            "send the approval's `digest`."
        )
        raise InvalidDecisionError(message)


def _refused(refusal: Refusal, approval: Approval | None, decision_id: str) -> AssentError:
    sentence = REFUSAL_SENTENCES[refusal]
    if refusal is Refusal.NOT_ALLOWED:
        return RoleNotAllowedError(sentence, decision_id=decision_id)
    if refusal is Refusal.OWN_REQUEST:
        return OwnRequestError(sentence, decision_id=decision_id)
    decided_by = () if approval is None else tuple(approval.decided_by)
    if approval is not None and approval.status is not ApprovalStatus.PENDING:
        sentence = f"{sentence} It is {approval.status.value}, by {', '.join(decided_by) or 'nobody'}."
    return DecisionRefusedError(
        f"Your decision did not count: {sentence}", decided_by=decided_by, decision_id=decision_id
    )


def _decision_id(principal: Principal, approval_id: str, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid6.uuid7())
    return str(uuid5(_NAMESPACE, f"{principal.name}\x00{approval_id}\x00{idempotency_key}"))
