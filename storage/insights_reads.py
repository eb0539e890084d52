"""What the record counts for insights: aggregates alone, so that a month of requests fits into any memory."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CTE,
    CompoundSelect,
    Integer,
    Row,
    Select,
    String,
    cast,
    func,
    null,
    select,
    union_all,
)

from assent.models import ApprovalStatus, RiskLevel, Verdict
from domain.frozen import Frozen
from domain.insights import DecidedCount, ExecutionCount, TimeCount, Way, way_of
from storage.database import Database
from storage.moments import SecondsBetween, UtcDay
from storage.tables import approvals, decisions, executions, settlements

# Statuses are sorted out in Python, from a few hundred counts: as conditions, they would lead SQLite to an index that
# has everything which ever came to them, where an index on time has the days that are wanted.
_BY_PEOPLE = (Way.APPROVED, Way.REJECTED)
_BY_RULES = (Way.ALLOWED_BY_POLICY, Way.ALLOWED_BY_PATTERN)
_BY_NOBODY = (Way.EXPIRED, Way.CANCELLED, Way.DENIED_BY_POLICY)


class Counted(Frozen):
    """What happened in a span of time."""

    decided: tuple[DecidedCount, ...]
    times: tuple[TimeCount, ...]
    executions: ExecutionCount


class InsightsReads:
    """Counts what was decided. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def counted(self, begins: datetime, ends: datetime) -> Counted:
        """Return what was decided and executed from `begins` until just before `ends`."""
        with self._database.read() as connection:
            people = connection.execute(_by_people(begins, ends)).all()
            let_through = connection.execute(_let_through(begins, ends)).all()
            closed = connection.execute(_closed(begins, ends)).all()
        return Counted(
            decided=(*_decided_by_people(people), *_let_through_by_rules(let_through), *_decided_by_nobody(closed)),
            times=tuple(_times(people)),
            executions=_executions(closed),
        )


def _by_people(begins: datetime, ends: datetime) -> CompoundSelect[Any]:
    """Count the approvals with votes twice, in one pass: by the day of the last vote that counts, and by its time."""
    voted = _voted(begins, ends)
    day, seconds = UtcDay(voted.c.decided_at), SecondsBetween(voted.c.created_at, voted.c.decided_at)
    kind, number = (voted.c.status, voted.c.risk_level), func.count().label("number")
    return union_all(
        select(day.label("day"), cast(null(), Integer).label("seconds"), *kind, number).group_by(day, *kind),
        select(cast(null(), String).label("day"), seconds.label("seconds"), *kind, number).group_by(seconds, *kind),
    )


def _voted(begins: datetime, ends: datetime) -> CTE:
    columns = (approvals.c.id, approvals.c.status, approvals.c.risk_level, approvals.c.created_at)
    has_ended = select(*columns).where(approvals.c.closed_at >= begins)
    still_runs = select(*columns).where(approvals.c.status == ApprovalStatus.APPROVED.value)
    found = union_all(has_ended, still_runs).subquery()
    decided_at = func.max(decisions.c.recorded_at)
    return (
        select(*found.c, decided_at.label("decided_at"))
        .join(decisions, decisions.c.approval_id == found.c.id)
        .where(decisions.c.accepted.is_(True))
        .group_by(*found.c)
        .having(decided_at >= begins, decided_at < ends)
        .cte("voted")
    )


def _let_through(begins: datetime, ends: datetime) -> Select[Any]:
    day, by_pattern = UtcDay(approvals.c.created_at), approvals.c.pattern.is_not(None)
    kind = (approvals.c.status, approvals.c.verdict, approvals.c.risk_level)
    return (
        select(day.label("day"), by_pattern.label("by_pattern"), *kind, func.count().label("number"))
        .where(approvals.c.created_at >= begins, approvals.c.created_at < ends)
        .where(approvals.c.verdict == Verdict.ALLOW.value)
        .group_by(day, by_pattern, *kind)
    )


def _closed(begins: datetime, ends: datetime) -> Select[Any]:
    day, settled = UtcDay(approvals.c.closed_at), settlements.c.approval_id.is_not(None)
    kind = (approvals.c.status, approvals.c.verdict, approvals.c.risk_level, executions.c.outcome_unknown)
    return (
        select(day.label("day"), settled.label("settled"), *kind, func.count().label("number"))
        .outerjoin(executions, executions.c.approval_id == approvals.c.id)
        .outerjoin(settlements, settlements.c.approval_id == approvals.c.id)
        .where(approvals.c.closed_at >= begins, approvals.c.closed_at < ends)
        .group_by(day, settled, *kind)
    )


def _decided_by_people(rows: Iterable[Row[Any]]) -> Iterable[DecidedCount]:
    for row in rows:
        way = way_of(ApprovalStatus(row.status), Verdict.ASK)
        if row.day is not None and way in _BY_PEOPLE:
            yield _count(row, way)


def _times(rows: Iterable[Row[Any]]) -> Iterable[TimeCount]:
    for row in rows:
        if row.day is None and way_of(ApprovalStatus(row.status), Verdict.ASK) in _BY_PEOPLE:
            yield TimeCount(risk_level=RiskLevel(row.risk_level), seconds=max(row.seconds, 0), number=row.number)


def _let_through_by_rules(rows: Iterable[Row[Any]]) -> Iterable[DecidedCount]:
    for row in rows:
        way = way_of(ApprovalStatus(row.status), Verdict.ALLOW, by_pattern=row.by_pattern)
        if way in _BY_RULES:
            yield _count(row, way)


def _decided_by_nobody(rows: Iterable[Row[Any]]) -> Iterable[DecidedCount]:
    for row in rows:
        way = way_of(ApprovalStatus(row.status), Verdict(row.verdict))
        if way in _BY_NOBODY:
            yield _count(row, way)


def _executions(rows: Iterable[Row[Any]]) -> ExecutionCount:
    numbers = Counter[str]()
    for row in rows:
        if row.status == ApprovalStatus.EXECUTED:
            numbers["executed"] += row.number
        elif row.status == ApprovalStatus.FAILED:
            # One that was refused before its start has no execution at all.
            numbers["unknown" if row.outcome_unknown else "failed"] += row.number
            numbers["settled"] += row.number if row.settled else 0
    return ExecutionCount(**numbers)


def _count(row: Row[Any], way: Way) -> DecidedCount:
    return DecidedCount(
        day=date.fromisoformat(row.day), way=way, risk_level=RiskLevel(row.risk_level), number=row.number
    )
