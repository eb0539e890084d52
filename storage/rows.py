"""The steps that the transactions on an approval are made of. Each works inside a transaction that holds the row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from assent.models import ApprovalStatus, Outcome, RiskLevel
from domain.approval import ApprovalState, check_transition
from domain.audit import Action, AuditEvent, event_id
from domain.ballot import Ballot, Decision, Refusal
from domain.errors import MissingRowError
from domain.operation import ExecutionPlan
from domain.principal import person_of
from storage.alerts import plan_end_alert
from storage.appended import Wait
from storage.audit import append_event
from storage.database import announce
from storage.tables import approvals, decisions, executions

_ACTION_OF = {
    ApprovalStatus.APPROVED: Action.APPROVAL_APPROVED,
    ApprovalStatus.REJECTED: Action.APPROVAL_REJECTED,
    ApprovalStatus.EXPIRED: Action.APPROVAL_EXPIRED,
    ApprovalStatus.CANCELLED: Action.APPROVAL_CANCELLED,
    ApprovalStatus.EXECUTED: Action.APPROVAL_EXECUTED,
    ApprovalStatus.FAILED: Action.APPROVAL_FAILED,
}

# Built once: to make a statement costs as much as to run it.
_READ_ROW = select(approvals).where(approvals.c.id == bindparam("approval_id"))
_LOCK_ROW = _READ_ROW.with_for_update()
_CHANGE_ROW = (
    update(approvals).where(approvals.c.id == bindparam("changed_id")).values(revision=approvals.c.revision + 1)
)
_READ_APPROVERS = select(decisions.c.reviewer, decisions.c.owner).where(
    decisions.c.approval_id == bindparam("approval_id"),
    decisions.c.accepted.is_(True),
    decisions.c.outcome == Outcome.APPROVE.value,
)
_INSERT_DECISION = decisions.insert()


def read_row(connection: Connection, approval_id: str, *, locked: bool = False) -> Row[Any] | None:
    """Return the approval's row, or None. Nobody else changes a `locked` one until this transaction ends."""
    return connection.execute(_LOCK_ROW if locked else _READ_ROW, {"approval_id": approval_id}).one_or_none()


def locked_row(connection: Connection, approval_id: str) -> Row[Any]:
    """Return the approval's row, which nobody else changes until this transaction ends."""
    return _existing(read_row(connection, approval_id, locked=True), approval_id)


def stored_state(connection: Connection, approval_id: str) -> ApprovalState:
    """Return the state as this transaction now has it."""
    return state_of(connection, _existing(read_row(connection, approval_id), approval_id))


def state_of(connection: Connection, row: Row[Any]) -> ApprovalState:
    """Return what a workflow may know of `row`."""
    unknown = False
    if row.status == ApprovalStatus.FAILED:
        execution = select(executions.c.outcome_unknown).where(executions.c.approval_id == row.id)
        unknown = bool(connection.execute(execution).scalar_one_or_none())
    return ApprovalState(
        approval_id=row.id,
        status=ApprovalStatus(row.status),
        operation_type=row.operation_type,
        resource_type=row.resource_type,
        risk_level=RiskLevel(row.risk_level),
        required_approvals=row.required_approvals,
        approvals=len(_accepted_approvals(connection, row.id)),
        expires_at=row.expires_at,
        plan=ExecutionPlan.model_validate(row.plan),
        decided_by=tuple(row.decided_by),
        outcome_unknown=unknown,
    )


def ballot_of(connection: Connection, row: Row[Any]) -> Ballot:
    """Return what stands on the approval, counted from the stored votes."""
    return Ballot(
        status=ApprovalStatus(row.status),
        digest=row.digest,
        expires_at=row.expires_at,
        required_approvals=row.required_approvals,
        requester=row.agent_id,
        requester_owner=row.agent_owner,
        approvers=frozenset(person_of(vote.reviewer, vote.owner) for vote in _accepted_approvals(connection, row.id)),
    )


def insert_decision(connection: Connection, decision: Decision, refusal: Refusal | None, *, at: datetime) -> None:
    """Write a decision as it was signed, with whether it counted."""
    connection.execute(
        _INSERT_DECISION,
        {
            "id": decision.decision_id,
            "approval_id": decision.approval_id,
            "reviewer": decision.reviewer,
            "owner": decision.owner,
            "role": decision.role.value,
            "outcome": decision.outcome.value,
            "comment": decision.comment,
            "digest": decision.digest,
            "decided_at": decision.decided_at,
            "recorded_at": at,
            "accepted": refusal is None,
            "refusal": None if refusal is None else refusal.value,
            "content_digest": decision.content_digest(),
            "signature": None if decision.signature is None else decision.signature.model_dump(),
        },
    )


def accept(connection: Connection, row: Row[Any], decision: Decision, status: ApprovalStatus, *, at: datetime) -> None:
    """Tell in the log that a decision counted, and move the approval where it leads."""
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(Action.DECISION_RECORDED, row.id, decision.decision_id),
            at=at,
            actor=str(decision.principal),
            action=Action.DECISION_RECORDED,
            approval_id=row.id,
            digest=decision.digest,
            details={
                "decision_id": decision.decision_id,
                "outcome": decision.outcome.value,
                "decided_at": decision.decided_at.isoformat(),
            },
        ),
    )
    decided_by = [*row.decided_by, f"reviewer:{decision.reviewer}"]
    if status is ApprovalStatus.PENDING:
        change(connection, row.id, decided_by=decided_by)
        return
    if status is ApprovalStatus.REJECTED:
        decided_by = decided_by[-1:]
    move(connection, row, status, by=str(decision.principal), at=at, decided_by=decided_by)


def move(  # noqa: PLR0913  each is one fact of the change
    connection: Connection,
    row: Row[Any],
    status: ApprovalStatus,
    *,
    by: str,
    at: datetime,
    decided_by: list[str] | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Change an approval's status and tell it in the log. Raises IllegalTransitionError."""
    check_transition(ApprovalStatus(row.status), status)
    values: dict[str, Any] = {"status": status.value}
    if decided_by is not None:
        values["decided_by"] = decided_by
    if status.is_terminal:
        values["closed_at"] = at
        if row.alerted:
            plan_end_alert(connection, row.id, at=at)
    change(connection, row.id, **values)
    action = _ACTION_OF[status]
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, row.id),
            at=at,
            actor=by,
            action=action,
            approval_id=row.id,
            digest=row.digest,
            details={"status": status.value, **(details or {})},
        ),
        Wait(row.risk_level, at - row.created_at) if row.status == ApprovalStatus.PENDING else None,
    )


def change(connection: Connection, approval_id: str, **values: object) -> None:
    """Set these columns, if any, and count a revision up, so that whoever waits for the approval sees the change."""
    connection.execute(_CHANGE_ROW, {"changed_id": approval_id, **values})
    announce(connection, approval_id)


def _existing(row: Row[Any] | None, approval_id: str) -> Row[Any]:
    if row is None:
        message = f"The record has no approval {approval_id}."
        raise MissingRowError(message)
    return row


def _accepted_approvals(connection: Connection, approval_id: str) -> list[Row[Any]]:
    return [*connection.execute(_READ_APPROVERS, {"approval_id": approval_id})]
