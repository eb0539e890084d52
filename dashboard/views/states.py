"""What an approval's page says of its state: never more than is known."""

from datetime import datetime, timedelta

from assent.models import Approval, ApprovalStatus, Decision, Execution, Outcome, Stuck
from dashboard.views.words import actor, capital, clock, decided_by, length, status_word
from domain.approval import BY_RECONCILE
from domain.frozen import Frozen

UNKNOWN = "It started, and we don't know whether it finished. Check the target system first."


class State(Frozen):
    """One sentence or two about where an approval stands. `tone`: waiting, good, bad, unknown or over."""

    tone: str
    sentence: str
    detail: str = ""


def state_of(approval: Approval, title: str, now: datetime, *, worker: bool) -> State:
    """Return what to say of an approval at `now`; `worker`: whether one runs."""
    if approval.stuck is not None and not approval.status.is_terminal:
        return _stuck(approval, approval.stuck, now)
    match approval.status:
        case ApprovalStatus.PENDING:
            return _pending(approval, worker=worker)
        case ApprovalStatus.APPROVED:
            return _approved(approval, now, worker=worker)
        case ApprovalStatus.EXECUTED:
            return State(tone="good", sentence=f"Done: {title}.", detail=_took(approval.execution))
        case ApprovalStatus.FAILED:
            return _failed(approval.execution)
        case _:
            return _over(approval, now)


def lost(approval: Approval, decision_at: datetime) -> str | None:
    """Return who was first, for somebody whose decision did not count, or None when nobody was."""
    if approval.status is ApprovalStatus.EXPIRED and approval.expires_at is not None:
        return f"Expired at {clock(approval.expires_at, decision_at)}. Nothing ran. Yours did not count."
    winner = _deciding_vote(approval)
    if winner is None or approval.status in {ApprovalStatus.PENDING, ApprovalStatus.CANCELLED}:
        return None
    verb = "approved" if winner.outcome is Outcome.APPROVE else "rejected"
    before = length(max(decision_at - winner.decided_at, decision_at - decision_at))
    return f"{capital(winner.reviewer)} {verb} this {before} before you. Yours did not count."


def _over(approval: Approval, now: datetime) -> State:
    if approval.status is ApprovalStatus.EXPIRED:
        at = "" if approval.expires_at is None else f" at {clock(approval.expires_at, now)}"
        return State(tone="over", sentence=f"Expired{at}. Nothing ran.")
    if approval.decided_by == [BY_RECONCILE]:
        return State(
            tone="over", sentence="Cancelled: its workflow was terminated or lost in Temporal. No start is recorded."
        )
    return State(tone="over", sentence=f"{status_word(approval.status)} by {decided_by(approval)}. Nothing ran.")


def _stuck(approval: Approval, stuck: Stuck, now: datetime) -> State:
    before = "" if approval.status is ApprovalStatus.PENDING else f"Approved by {decided_by(approval)}. "
    if approval.overdue:
        before = "The deadline has passed; nothing runs. "
    stands = f"Its workflow has been stuck since {clock(stuck.since, now)}: an engineer has to look at it in Temporal."
    return State(tone="unknown", sentence=before + stands, detail=stuck.cause)


def _deciding_vote(approval: Approval) -> Decision | None:
    accepted = [vote for vote in approval.decisions if vote.accepted]
    return accepted[-1] if accepted else None


def _pending(approval: Approval, *, worker: bool) -> State:
    if approval.overdue:
        return State(tone="over", sentence="The deadline has passed. It is being closed; nothing runs.")
    if not worker:
        return State(
            tone="unknown", sentence="No worker is running. Requests are safe; nothing runs; deadlines still count."
        )
    return State(tone="waiting", sentence="Waiting for a decision.")


def _approved(approval: Approval, now: datetime, *, worker: bool) -> State:
    by = f"Approved by {decided_by(approval)}."
    if approval.pause is not None:
        pause = approval.pause
        held = f"Paused by {actor(pause.started_by)}, {clock(pause.started_at, now)}. It has not started."
        return State(tone="unknown", sentence=f"{by} {held}", detail=pause.reason)
    if not worker and approval.execution is None:
        return State(tone="unknown", sentence=f"{by} No worker is running, so it has not started.")
    return State(tone="waiting", sentence=f"{by} Running now.")


def _failed(execution: Execution | None) -> State:
    if execution is None or (execution.started_at is None and not execution.outcome_unknown):
        error = "" if execution is None else execution.error or ""
        return State(tone="bad", sentence="Refused at its start. Nothing ran.", detail=error)
    if execution.settlement is not None:
        found = execution.settlement
        return State(
            tone="over",
            sentence=f"Its end was unknown. {capital(actor(found.settled_by))} found: {found.outcome.value}.",
            detail=found.note,
        )
    if execution.outcome_unknown:
        return State(tone="unknown", sentence=UNKNOWN, detail=execution.error or "")
    return State(tone="bad", sentence="It ran and failed.", detail=execution.error or "")


def _took(execution: Execution | None) -> str:
    if execution is None or execution.started_at is None or execution.finished_at is None:
        return ""
    took = execution.finished_at - execution.started_at
    return f"It took {length(took)}." if took >= timedelta(seconds=1) else "It took less than a second."
