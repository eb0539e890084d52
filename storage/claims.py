"""The claim on an execution: the one row, written before the side effect, that makes it start at most once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, select, union_all, update

from assent.models import ApprovalStatus, Operation, Outcome, Pause, RiskLevel, Role, Verdict
from domain.audit import Action, AuditEvent, event_id
from domain.ballot import Decision
from domain.execution import StoredApproval, refusal_to_run
from domain.frozen import Frozen
from domain.operation import ExecutionPlan
from domain.principal import AUTOMATION
from domain.signing import Signature, SigningKeys
from storage.audit import append_event
from storage.database import Database, insert_once
from storage.pauses import pause_of
from storage.rows import read_row
from storage.tables import decisions, executions, keys, people

_NAMES: BindParameter[Any] = bindparam("names", expanding=True)

# Built once: to make a statement costs as much as to run it.
_READ_APPROVING = select(decisions).where(
    decisions.c.approval_id == bindparam("approval_id"),
    decisions.c.accepted.is_(True),
    decisions.c.outcome == Outcome.APPROVE.value,
)
_READ_ACTIVE_NAMES = union_all(
    select(keys.c.name).where(keys.c.name.in_(_NAMES), keys.c.revoked_at.is_(None)),
    select(people.c.name).where(
        people.c.name.in_(_NAMES),
        people.c.disabled_at.is_(None),
        people.c.role.in_((Role.REVIEWER.value, Role.ADMIN.value)),
    ),
)

_UNREADABLE = "The stored approval was changed into something that is not an approval."


class Claim(Frozen):
    """The right to run, or why there is none.

    `refused`: it must not run. `already_started`: an earlier attempt holds the claim, and its end is not known.
    `paused`: it may run once this pause is over.
    """

    approval: StoredApproval | None = None
    attempt: int = 1
    refused: str | None = None
    already_started: bool = False
    paused: Pause | None = None


class ClaimStore:
    """Grants the claim on an approved operation."""

    def __init__(self, database: Database, signing_keys: SigningKeys) -> None:
        """Take the database, and the keys that prove the stored decisions."""
        self._database = database
        self._signing_keys = signing_keys

    def claim(self, approval_id: str, *, at: datetime, refusal: Callable[[StoredApproval], str | None]) -> Claim:
        """Claim the execution of `approval_id`, checked against the stored row alone.

        `refusal` says why the worker itself forbids the run, or None. A claim that is already there is granted again
        only to an operation declared idempotent.
        """
        with self._database.write() as connection:
            row = read_row(connection, approval_id, locked=True)
            if row is None:
                return Claim(refused="The record has no such approval.")
            try:
                approval = _stored_approval(connection, row)
                refused = refusal_to_run(approval, self._signing_keys)
            except ValueError:
                # Nothing of ours writes such a row. Trying again would not help, so this is an answer, not an error.
                self._tell_refused(connection, row, _UNREADABLE, at=at)
                return Claim(refused=_UNREADABLE)
            refused = refused or refusal(approval)
            if refused is not None:
                self._tell_refused(connection, row, refused, at=at)
                return Claim(refused=refused)
            # Only now: what must not run at all is refused whatever is paused, so that a pause hides no tampering.
            pause = pause_of(connection, approval.agent_id, approval.operation.type)
            if pause is not None and not _is_claimed(connection, approval_id):
                return Claim(paused=pause)
            return self._granted(connection, approval, at=at)

    def _granted(self, connection: Connection, approval: StoredApproval, *, at: datetime) -> Claim:
        claim = {
            "approval_id": approval.approval_id,
            "digest": approval.digest,
            "started_at": at,
            "attempts": 1,
            "outcome_unknown": False,
        }
        if insert_once(connection, executions, claim):
            self._tell_started(connection, approval, at=at)
            return Claim(approval=approval)
        own = executions.c.approval_id == approval.approval_id
        attempts = connection.execute(select(executions.c.attempts).where(own)).scalar_one() + 1
        if attempts > approval.plan.attempts:
            return Claim(approval=approval, already_started=True)
        connection.execute(update(executions).where(own).values(attempts=attempts))
        return Claim(approval=approval, attempt=attempts)

    @staticmethod
    def _tell_started(connection: Connection, approval: StoredApproval, *, at: datetime) -> None:
        append_event(
            connection,
            AuditEvent(
                event_id=event_id(Action.EXECUTION_STARTED, approval.approval_id),
                at=at,
                actor="system:worker",
                action=Action.EXECUTION_STARTED,
                approval_id=approval.approval_id,
                digest=approval.digest,
                details={"declaration": approval.declaration},
            ),
        )

    @staticmethod
    def _tell_refused(connection: Connection, row: Row[Any], refused: str, *, at: datetime) -> None:
        append_event(
            connection,
            AuditEvent(
                event_id=event_id(Action.EXECUTION_REFUSED, row.id, row.status, refused),
                at=at,
                actor="system:worker",
                action=Action.EXECUTION_REFUSED,
                approval_id=row.id,
                digest=row.digest,
                details={"refusal": refused, "status": row.status},
            ),
        )


def _stored_approval(connection: Connection, row: Row[Any]) -> StoredApproval:
    votes = _approving_decisions(connection, row.id)
    return StoredApproval(
        approval_id=row.id,
        status=ApprovalStatus(row.status),
        agent_id=row.agent_id,
        agent_owner=row.agent_owner,
        operation=Operation(
            type=row.operation_type,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            parameters=row.parameters,
        ),
        declaration=row.declaration,
        plan=ExecutionPlan.model_validate(row.plan),
        digest=row.digest,
        verdict=Verdict(row.verdict),
        risk_level=RiskLevel(row.risk_level),
        required_approvals=row.required_approvals,
        expires_at=row.expires_at,
        seal=Signature.model_validate(row.seal),
        approvals=votes,
        active_names=_active_names(connection, [row.agent_id, *(vote.reviewer for vote in votes)]),
    )


def _is_claimed(connection: Connection, approval_id: str) -> bool:
    claim = select(executions.c.approval_id).where(executions.c.approval_id == approval_id)
    return connection.execute(claim).one_or_none() is not None


def _approving_decisions(connection: Connection, approval_id: str) -> tuple[Decision, ...]:
    accepted = connection.execute(_READ_APPROVING, {"approval_id": approval_id})
    return tuple(
        Decision(
            decision_id=row.id,
            approval_id=row.approval_id,
            reviewer=row.reviewer,
            owner=row.owner,
            role=Role(row.role),
            outcome=Outcome(row.outcome),
            comment=row.comment,
            digest=row.digest,
            decided_at=row.decided_at,
            signature=Signature.model_validate(row.signature),
        )
        for row in accepted
    )


def _active_names(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    """Return those of `names` whose key is not revoked, or who are people that may still decide."""
    return frozenset(connection.execute(_READ_ACTIVE_NAMES, {"names": names}).scalars()) | {AUTOMATION}
