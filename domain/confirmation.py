"""What a person must do in a browser before a decision is taken there: more care for more harm.

The pages show these steps, and the server holds every decision of a session to them.
"""

from enum import StrEnum

from assent.models import Approval, Outcome, RiskLevel
from domain.ballot import is_own
from domain.frozen import Frozen
from domain.principal import Principal
from domain.risk import rank

MAX_BULK = 20
"""How many approvals one person approves at once; more could not be read."""

MAX_TYPED = 40
_DIGEST_START = 6


class Shown(StrEnum):
    """Where a decision was asked for: on a page that shows all, in a strip of the queue, or among others in bulk."""

    PAGE = "page"
    STRIP = "strip"
    BULK = "bulk"


class Confirmation(Frozen):
    """What a person confirmed: the outcome, on what they were shown, and what they typed."""

    outcome: Outcome
    shown: Shown
    typed: str = ""


def needs_page(level: RiskLevel) -> bool:
    """Whether an approval is only given on its own page, where everything is shown."""
    return rank(level) >= rank(RiskLevel.HIGH)


def word_to_type(level: RiskLevel, resource_id: str, digest: str) -> str | None:
    """Return what must be typed before an approval: the resource's id, or the digest's start where that cannot be.

    An id that is empty, long or not plain ASCII is not asked for: it could not be typed, or would look like another.
    """
    if level is not RiskLevel.CRITICAL:
        return None
    typable = 0 < len(resource_id) <= MAX_TYPED and resource_id.isascii() and resource_id.isprintable()
    return resource_id if typable and resource_id == resource_id.strip() else digest[:_DIGEST_START]


def hindrance(principal: Principal, approval: Approval) -> str | None:
    """Return why this person cannot decide this approval, as a sentence, or None when they can."""
    voted = any(vote.accepted and vote.reviewer == principal.name for vote in approval.decisions)
    reasons = {
        f"Your role, {principal.role.value}, reads approvals and does not decide them.": not principal.may_decide,
        "You can't decide this: the request is yours.": is_own(principal, approval.agent_id, approval.agent_owner),
        "The deadline has passed. It is being closed; nothing runs.": approval.overdue,
        "No worker has assessed this yet. It is safe, and can be decided once it has been.": approval.risk is None,
        "You have approved this. Another person must approve it too.": voted,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def missing_step(approval: Approval, confirmation: Confirmation) -> str | None:
    """Return which step was left out, as a sentence that says what to do, or None when all were taken."""
    if approval.risk is None:
        return "No worker has assessed this yet. Look again in a few seconds."
    if confirmation.outcome is Outcome.REJECT:
        return None
    level = approval.risk.level
    if confirmation.shown is not Shown.PAGE and needs_page(level):
        return f"A {level.value} risk approval is given on its own page, where all of it is shown. Open it first."
    word = word_to_type(level, approval.operation.resource_id, approval.digest)
    if word is not None and confirmation.typed.strip() != word:
        return f"Type {word} to approve this."
    return None
