"""Decisions of people in a browser: each passes the steps that its risk asks for before it is taken."""

from assent.models import Approval, DecisionRequest, Outcome
from domain.confirmation import Confirmation, Shown, missing_step
from domain.errors import NotConfirmedError
from domain.frozen import Frozen
from domain.people import Session
from services.approvals import Approvals
from services.confirmations import Confirmations, Step
from services.decisions import Decided, Decisions


class Review(Frozen):
    """What a form sends: the decision, the digest that its page showed, and the proof of the last step."""

    approval_id: str
    outcome: Outcome
    shown: Shown
    digest: str
    proof: str
    typed: str = ""
    comment: str = ""


class Reviews:
    """Takes the decisions of sessions."""

    def __init__(self, approvals: Approvals, decisions: Decisions, confirmations: Confirmations) -> None:
        """Take the approvals, the decisions, and what proves the steps."""
        self._approvals = approvals
        self._decisions = decisions
        self._confirmations = confirmations

    def proof(self, session: Session, approval: Approval, outcome: Outcome, shown: Shown) -> str:
        """Return the proof that the session is shown the last step before this decision."""
        return self._confirmations.issue(_step(session, approval.id, approval.digest, outcome, shown))

    async def decide(self, session: Session, review: Review) -> Decided:
        """Take one decision. Raises NotConfirmedError, and whatever a decision may be refused with."""
        step = _step(session, review.approval_id, review.digest, review.outcome, review.shown)
        decision_key = self._confirmations.check(review.proof, step)
        approval = await self._approvals.get(session.principal, review.approval_id)
        confirmation = Confirmation(outcome=review.outcome, shown=review.shown, typed=review.typed)
        if (missing := missing_step(approval, confirmation)) is not None:
            raise NotConfirmedError(missing)
        request = DecisionRequest(outcome=review.outcome, comment=review.comment, digest=review.digest)
        return await self._decisions.decide(session.principal, review.approval_id, request, decision_key)


def _step(session: Session, approval_id: str, digest: str, outcome: Outcome, shown: Shown) -> Step:
    return Step(session_id=session.session_id, approval_id=approval_id, digest=digest, outcome=outcome, shown=shown)
