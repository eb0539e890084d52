"""The dashboard's own words for times, people, outcomes and states. Nothing here repeats an agent's text."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from assent.models import Approval, ApprovalStatus, Outcome, RiskLevel
from domain.audit import Action
from domain.ballot import REFUSAL_SENTENCES, Refusal
from services.standing import Standing

_SOON = timedelta(minutes=5)

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_BARS = {RiskLevel.LOW: 1, RiskLevel.MEDIUM: 2, RiskLevel.HIGH: 3, RiskLevel.CRITICAL: 4}

_STATUS = {
    ApprovalStatus.PENDING: "Waiting",
    ApprovalStatus.APPROVED: "Approved",
    ApprovalStatus.REJECTED: "Rejected",
    ApprovalStatus.EXPIRED: "Expired",
    ApprovalStatus.EXECUTED: "Executed",
    ApprovalStatus.FAILED: "Failed",
    ApprovalStatus.CANCELLED: "Cancelled",
}

_SYSTEM = {
    "system:timeout": "nobody, in time",
    "system:temporal": "Temporal",
    "system:revoked-key": "the revocation of its agent's key",
    "system:policy": "policy",
    "system:worker": "a worker",
    "system:reconcile": "Assent itself",
    "system:dev": "the first start",
}


_EVENTS = {
    Action.APPROVAL_REQUESTED: "Requested",
    Action.APPROVAL_APPROVED: "Approved",
    Action.APPROVAL_REJECTED: "Rejected",
    Action.APPROVAL_EXPIRED: "Expired",
    Action.APPROVAL_CANCELLED: "Cancelled",
    Action.APPROVAL_EXECUTED: "Executed",
    Action.APPROVAL_FAILED: "Failed",
    Action.APPROVAL_STUCK: "Workflow stuck",
    Action.APPROVAL_UNSTUCK: "Workflow no longer stuck",
    Action.DECISION_RECORDED: "Decision recorded",
    Action.DECISION_REFUSED: "Decision refused",
    Action.CANCEL_REFUSED: "Cancel refused",
    Action.EXECUTION_STARTED: "Started",
    Action.EXECUTION_REFUSED: "Refused at its start",
    Action.EXECUTION_SETTLED: "Settled",
    Action.ACCESS_REFUSED: "Access refused",
    Action.SUBMISSION_REFUSED: "Submission refused",
    Action.SUBMISSION_CONFLICT: "Submission with other content refused",
    Action.KEY_CREATED: "Key made",
    Action.KEY_REVOKED: "Key revoked",
    Action.POLICY_LOADED: "Policy loaded",
    Action.PATTERN_CREATED: "Pattern made",
    Action.PATTERN_CHANGED: "Pattern changed",
    Action.PATTERN_SUSPENDED: "Pattern suspended",
    Action.PATTERN_DELETED: "Pattern deleted",
    Action.PAUSE_STARTED: "Paused",
    Action.PAUSE_ENDED: "Resumed",
    Action.PERSON_ADDED: "Person added",
    Action.PERSON_CHANGED: "Person changed",
    Action.PERSON_DISABLED: "Person disabled",
    Action.SESSION_STARTED: "Signed in",
    Action.SESSION_ENDED: "Signed out",
    Action.SESSION_REFUSED: "Sign-in refused",
}


def standing_key(standing: Standing) -> str:
    """Return what changes when a banner does: a page compares it with what it was rendered with."""
    return " ".join((str(standing.worker), *(pause.id for pause in standing.pauses)))


def event_word(action: str) -> str:
    """Return what an audit event tells; one that a later release wrote keeps its own word."""
    return _EVENTS[Action(action)] if action in set(Action) else action


def refusal(word: str) -> str:
    """Return why something was refused, as a sentence; what is none of our words stays as it is."""
    return REFUSAL_SENTENCES[Refusal(word)] if word in set(Refusal) else word


def decision_time(approval: Approval) -> str:
    """Return how long people took to decide, or nothing when people did not decide."""
    if approval.status in {ApprovalStatus.PENDING, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}:
        return ""
    accepted = [vote.decided_at for vote in approval.decisions if vote.accepted]
    return length(accepted[-1] - approval.created_at) if accepted else ""


def is_soon(approval: Approval, now: datetime) -> bool:
    """Whether so little of its time is left that it is shown in another colour."""
    return approval.expires_at is not None and approval.expires_at - now < _SOON


def bars_of(level: RiskLevel) -> int:
    """Return how many of four bars stand beside the level's word."""
    return _BARS[level]


def status_word(status: ApprovalStatus) -> str:
    """Return a status as a heading."""
    return _STATUS[status]


def length(span: timedelta) -> str:
    """Return a length of time in its two largest units: `3 h 20 min`, `45 s`."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds} s"
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was: `4 min ago`."""
    return f"{length(now - moment)} ago"


def time_left(expires_at: datetime | None, now: datetime) -> str:
    """Return how long there is to decide."""
    if expires_at is None:
        return "not assessed yet"
    return f"in {length(expires_at - now)}" if expires_at > now else "deadline passed"


def clock(moment: datetime, now: datetime) -> str:
    """Return a moment as a clock shows it, in UTC, with its day when that is not today's."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment:%H:%M} on {moment:%d %b}" if moment.year == now.year else f"{moment:%H:%M} on {moment:%d %b %Y}"


def capital(text: str) -> str:
    """Return `text` with a capital at its start."""
    return text[:1].upper() + text[1:]


def actor(written: str) -> str:
    """Return who did something, from its form in the record: `reviewer:ada` is `ada`."""
    if written in _SYSTEM:
        return _SYSTEM[written]
    kind, _, name = written.partition(":")
    if kind == "policy":
        return f"the rule {name}"
    if kind == "pattern":
        return "a trusted pattern"
    return name or written


def decided_by(approval: Approval) -> str:
    """Return who or what decided, joined by commas."""
    return names(approval.decided_by)


def names(deciders: Iterable[str]) -> str:
    """Return actors of the record by their names, joined by commas."""
    return ", ".join(dict.fromkeys(actor(each) for each in deciders)) or "nobody"


def decided(approval: Approval) -> str:
    """Return in a few words what became of an approval, for a row that was decided elsewhere."""
    return "Deadline passed" if approval.overdue else became(approval.status, approval.decided_by)


def became(status: ApprovalStatus, deciders: Iterable[str]) -> str:
    """Return in a few words where an approval stands: `Approved by ada`."""
    by = names(deciders)
    match status:
        case ApprovalStatus.PENDING:
            return "Waiting"
        case ApprovalStatus.REJECTED:
            return f"Rejected by {by}"
        case ApprovalStatus.EXPIRED:
            return "Expired"
        case ApprovalStatus.CANCELLED:
            return "Cancelled"
        case _:
            return f"Approved by {by}"


def votes(approval: Approval) -> str:
    """Return how many of the needed people have approved: `1 of 2`."""
    given = {vote.reviewer for vote in approval.decisions if vote.accepted and vote.outcome is Outcome.APPROVE}
    return f"{len(given)} of {approval.required_approvals}"
