"""Approvals as everyone reads them: one, or a page of many, from the record alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, func, or_, select

from assent.models import (
    Approval,
    ApprovalStatus,
    Decision,
    Execution,
    Operation,
    Outcome,
    PatternUse,
    Pause,
    Risk,
    RiskLevel,
    RuleResult,
    Settlement,
    Stuck,
    TemporalLink,
)
from domain.approval import workflow_id_of
from domain.audit import Action
from domain.ballot import Ballot
from domain.listing import ApprovalFilter, Position, Sort
from domain.pauses import pause_on
from storage.database import Database
from storage.pauses import active_pauses
from storage.rows import ballot_of, read_row
from storage.search import words_of
from storage.settlements import settlements_of
from storage.stuck import stuck_of
from storage.tables import approvals, audit_events, decisions, executions, keys
from storage.text_reads import found_ids

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)

# Built once: to make a statement costs as much as to run it.
_READ_MANY = select(approvals).where(approvals.c.id.in_(_IDS))
_READ_DECISIONS = (
    select(decisions).where(decisions.c.approval_id.in_(_IDS)).order_by(decisions.c.recorded_at, decisions.c.id)
)
_COUNT_DECISIONS = select(func.count()).where(decisions.c.approval_id == bindparam("approval_id"))
_READ_CLAIMS = select(executions).where(executions.c.approval_id.in_(_IDS))
_READ_REVISIONS = select(approvals.c.id, approvals.c.revision, approvals.c.closed_at.is_not(None).label("ended")).where(
    approvals.c.id.in_(_IDS)
)

_ORDER_INDEXES: dict[Sort, tuple[set[str], ...]] = {
    Sort.NEWEST: (set(), {"agent_id"}, {"operation_type"}),
    Sort.EXPIRES_AT: (set(), {"status"}),
    Sort.RISK: (),
}
"""What each order may be narrowed by to be read from an index on `approvals`."""


class Revision(NamedTuple):
    """How often an approval has changed, and whether it has ended."""

    number: int
    ended: bool


class StoredBallot(Ballot):
    """What stands on an approval, with what the API needs to refuse a decision before it is sent."""

    risk_level: RiskLevel
    decisions: int
    revision: int


class ApprovalReads:
    """Reads approvals. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def get(self, approval_id: str, *, now: datetime) -> Approval | None:
        """Return one approval with its decisions and its execution, or None."""
        with self._database.read() as connection:
            row = read_row(connection, approval_id)
            return None if row is None else _approvals(connection, [row], now)[0]

    def content_digest(self, approval_id: str) -> str | None:
        """Return the digest of what was submitted under this id, or None."""
        with self._database.read() as connection:
            query = select(approvals.c.content_digest).where(approvals.c.id == approval_id)
            return connection.execute(query).scalar_one_or_none()

    def ballot(self, approval_id: str) -> StoredBallot | None:
        """Return what stands on an approval, or None before it was assessed."""
        with self._database.read() as connection:
            row = read_row(connection, approval_id)
            if row is None:
                return None
            return StoredBallot(
                **dict(ballot_of(connection, row)),
                risk_level=RiskLevel(row.risk_level),
                decisions=connection.execute(_COUNT_DECISIONS, {"approval_id": approval_id}).scalar_one(),
                revision=row.revision,
            )

    def decision_content(self, decision_id: str) -> str | None:
        """Return the digest of what was decided under this id, or None."""
        with self._database.read() as connection:
            query = select(decisions.c.content_digest).where(decisions.c.id == decision_id)
            return connection.execute(query).scalar_one_or_none()

    def page(
        self, wanted: ApprovalFilter, *, sort: Sort, after: Position | None, limit: int, now: datetime
    ) -> list[Approval]:
        """Return up to `limit` approvals after a position, in the order of `sort`."""
        if not _has_order_index(wanted, sort):
            with self._database.read() as connection:
                ids = found_ids(connection, wanted, sort=sort, after=after, limit=limit)
                return _in_order(connection, ids, now)
        query = _sorted(_filtered(select(approvals), wanted), sort, after).limit(limit)
        with self._database.read() as connection:
            return _approvals(connection, connection.execute(query).all(), now)

    def by_ids(self, approval_ids: Sequence[str], *, now: datetime) -> list[Approval]:
        """Return these approvals in the order of their ids; one that has no row is left out."""
        with self._database.read() as connection:
            return _in_order(connection, approval_ids, now)

    def revisions(self, approval_ids: Iterable[str]) -> dict[str, Revision]:
        """Return the revision of each of these approvals; one that has no row is left out."""
        with self._database.read() as connection:
            found = connection.execute(_READ_REVISIONS, {"ids": list(approval_ids)})
            return {row.id: Revision(row.revision, ended=row.ended) for row in found}

    def pending_of_revoked_agents(self, *, after: str, limit: int) -> list[str]:
        """Return the ids, beyond `after`, of pending approvals whose agent's key was revoked, in order."""
        query = (
            select(approvals.c.id)
            .join(keys, keys.c.name == approvals.c.agent_id)
            .where(approvals.c.status == ApprovalStatus.PENDING.value, keys.c.revoked_at.is_not(None))
            .where(approvals.c.id > after)
            .order_by(approvals.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _has_order_index(wanted: ApprovalFilter, sort: Sort) -> bool:
    """Whether an index on `approvals` has this list in its order, so that a page of it is all that is read."""
    narrowed = {name for name, value in wanted if value is not None}
    if wanted.q is not None and not words_of(wanted.q):
        narrowed.remove("q")
    return narrowed in _ORDER_INDEXES[sort]


def _filtered(query: Select[Any], wanted: ApprovalFilter) -> Select[Any]:
    for name, value in wanted:
        if name != "q" and value is not None:
            query = query.where(approvals.c[name] == str(value))
    return query


def _sorted(query: Select[Any], sort: Sort, after: Position | None) -> Select[Any]:
    if sort is Sort.EXPIRES_AT:
        time = approvals.c.expires_at
        if after is not None:
            # A bound of its own for the time: an index begins there, and not at the first page.
            query = query.where(time >= after.at, or_(time > after.at, approvals.c.id > after.approval_id))
        return query.order_by(time, approvals.c.id)
    time = approvals.c.created_at
    if after is not None:
        query = query.where(time <= after.at, or_(time < after.at, approvals.c.id < after.approval_id))
    return query.order_by(time.desc(), approvals.c.id.desc())


def _in_order(connection: Connection, approval_ids: Sequence[str], now: datetime) -> list[Approval]:
    rows = connection.execute(_READ_MANY, {"ids": approval_ids}).all()
    found = {each.id: each for each in _approvals(connection, rows, now)}
    return [found[approval_id] for approval_id in approval_ids if approval_id in found]


def _approvals(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> list[Approval]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    votes: dict[str, list[Decision]] = defaultdict(list)
    for vote in connection.execute(_READ_DECISIONS, {"ids": ids}):
        votes[vote.approval_id].append(_decision(vote))
    claims = connection.execute(_READ_CLAIMS, {"ids": ids}).all()
    settled = settlements_of(connection, [claim.approval_id for claim in claims if claim.outcome_unknown])
    runs = {claim.approval_id: _execution(claim, settled.get(claim.approval_id)) for claim in claims}
    never_started = [row for row in rows if row.status == ApprovalStatus.FAILED and row.id not in runs]
    runs |= _refused_executions(connection, never_started)
    held = _held(connection, [row for row in rows if row.id not in runs])
    still_open = [row.id for row in rows if not ApprovalStatus(row.status).is_terminal]
    stuck = stuck_of(connection, still_open) if still_open else {}
    return [_approval(row, votes[row.id], runs.get(row.id), held.get(row.id), stuck.get(row.id), now) for row in rows]


def _held(connection: Connection, never_started: Sequence[Row[Any]]) -> dict[str, Pause]:
    """Return what keeps those from starting that may still start."""
    may_start = [row for row in never_started if not ApprovalStatus(row.status).is_terminal]
    if not may_start:
        return {}
    pauses = active_pauses(connection)
    found = {row.id: pause_on(pauses, row.agent_id, row.operation_type) for row in may_start}
    return {approval_id: pause for approval_id, pause in found.items() if pause is not None}


def _refused_executions(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Execution]:
    """Return why approved operations never started. They have no claim, so only the log can tell."""
    if not rows:
        return {}
    failed = select(audit_events).where(
        audit_events.c.approval_id.in_([row.id for row in rows]),
        audit_events.c.action == Action.APPROVAL_FAILED.value,
    )
    return {
        line.approval_id: Execution(finished_at=line.at, error=line.details.get("refusal"))
        for line in connection.execute(failed)
    }


def _approval(  # noqa: PLR0913, PLR0917  each is one part of what is told
    row: Row[Any],
    votes: list[Decision],
    run: Execution | None,
    pause: Pause | None,
    stuck: Stuck | None,
    now: datetime,
) -> Approval:
    status = ApprovalStatus(row.status)
    return Approval(
        id=row.id,
        status=status,
        overdue=status is ApprovalStatus.PENDING and now >= row.expires_at,
        operation=Operation(
            type=row.operation_type,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            parameters=row.parameters,
        ),
        agent_id=row.agent_id,
        reason=row.reason,
        context=row.context,
        digest=row.digest,
        risk=Risk(level=RiskLevel(row.risk_level), reasons=row.risk_reasons),
        created_at=row.created_at,
        expires_at=row.expires_at,
        required_approvals=row.required_approvals,
        decisions=votes,
        decided_by=row.decided_by,
        execution=run,
        temporal=TemporalLink(workflow_id=workflow_id_of(row.id), run_id=row.run_id),
        rules=[RuleResult.model_validate(rule) for rule in row.rules or ()],
        pattern=None if row.pattern is None else PatternUse.model_validate(row.pattern),
        policy_version=row.policy_version,
        pause=pause,
        agent_owner=row.agent_owner,
        stuck=stuck,
    )


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        id=row.id,
        reviewer=row.reviewer,
        outcome=Outcome(row.outcome),
        comment=row.comment,
        decided_at=row.decided_at,
        accepted=row.accepted,
        refusal=row.refusal,
    )


def _execution(row: Row[Any], settlement: Settlement | None) -> Execution:
    return Execution(
        started_at=row.started_at,
        finished_at=row.finished_at,
        result=None if row.result is None else json.loads(row.result),
        error=row.error,
        outcome_unknown=row.outcome_unknown,
        settlement=settlement,
    )
