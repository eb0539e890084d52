"""The history that a pattern is tried on: read in pages, so that no transaction lasts and no page is large."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from assent.models import ApprovalStatus, Operation, RiskLevel, Verdict
from domain.backtest import PastApproval
from domain.frozen import Frozen
from domain.globs import is_literal
from domain.patterns import TrustedPattern
from domain.risk import rank
from storage.database import Database
from storage.tables import approvals

PAGE = 1_000

_WANTED: Sequence[ColumnElement[Any]] = (
    approvals.c.id,
    approvals.c.status,
    approvals.c.risk_level,
    approvals.c.agent_id,
    approvals.c.agent_owner,
    approvals.c.operation_type,
    approvals.c.resource_type,
    approvals.c.resource_id,
    approvals.c.parameters,
    approvals.c.reason,
    approvals.c.context,
    approvals.c.created_at,
    approvals.c.decided_by,
)


class History(Frozen):
    """The newest part of the record: how many approvals it has, and where it begins; None when it is empty."""

    size: int
    begins: datetime | None


class BacktestReads:
    """Reads past approvals. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def history(self, most: int) -> History:
        """Return the newest `most` approvals' number and beginning."""
        newest = select(approvals.c.created_at).order_by(approvals.c.created_at.desc()).limit(most).subquery()
        first = func.min(newest.c.created_at, type_=approvals.c.created_at.type)
        with self._database.read() as connection:
            row = connection.execute(select(func.count(), first).select_from(newest)).one()
            return History(size=row[0], begins=row[1])

    def pages(self, pattern: TrustedPattern, begins: datetime) -> Iterator[list[PastApproval]]:
        """Yield the approvals since `begins` that the pattern may speak of, the oldest first.

        Only what SQL decides as surely as the rules is left out here.
        """
        after: tuple[datetime, str] | None = None
        while True:
            query = select(*_WANTED).where(approvals.c.created_at >= begins, *_possible(pattern))
            if after is not None:
                later = approvals.c.created_at > after[0]
                query = query.where(or_(later, and_(approvals.c.created_at == after[0], approvals.c.id > after[1])))
            query = query.order_by(approvals.c.created_at, approvals.c.id).limit(PAGE)
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            yield [_past(row) for row in rows]
            if len(rows) < PAGE:
                return
            after = (rows[-1].created_at, rows[-1].id)


def _possible(pattern: TrustedPattern) -> list[ColumnElement[bool]]:
    literal = (
        (approvals.c.agent_id, pattern.agent_id),
        (approvals.c.operation_type, pattern.operation_type),
        (approvals.c.resource_type, pattern.resource_type),
    )
    levels = [level.value for level in RiskLevel if rank(level) <= rank(pattern.allowed_risk)]
    # Rows from before patterns do not say whether policy would have left them to one: those that asked one person did.
    from_before = and_(
        approvals.c.open_to_patterns.is_(None),
        approvals.c.verdict == Verdict.ASK.value,
        approvals.c.required_approvals == 1,
        approvals.c.risk_level != RiskLevel.CRITICAL.value,
    )
    return [
        *(column == glob for column, glob in literal if is_literal(glob)),
        approvals.c.risk_level.in_(levels),
        or_(approvals.c.open_to_patterns.is_(True), from_before),
    ]


def _past(row: Row[Any]) -> PastApproval:
    return PastApproval(
        id=row.id,
        status=ApprovalStatus(row.status),
        risk_level=RiskLevel(row.risk_level),
        agent_id=row.agent_id,
        agent_owner=row.agent_owner,
        # Not validated again: a hundred thousand of them are read while somebody waits.
        operation=Operation.model_construct(
            type=row.operation_type,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            parameters=row.parameters,
        ),
        reason=row.reason,
        context=row.context,
        created_at=row.created_at,
        decided_by=tuple(row.decided_by),
    )
