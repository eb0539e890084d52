"""What the queue and an approval's page tell beside the approvals themselves, each by a bounded query or two."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, literal, select

from assent.models import Approval, ApprovalStatus
from domain.canonical import canonical_json
from domain.listing import ApprovalHistory, QueueSummary, SimilarRequest
from storage.database import Database
from storage.tables import approvals, audit_events

COUNTED_UP_TO = 10_000
"""How many waiting approvals are counted: whoever reads the number does not act on how many more there are."""

REMEMBERED_FOR = timedelta(days=30)
REMEMBERED = 2_000
"""How many of an agent's requests are counted, and how many of a type are looked through for similar ones."""

_SUBJECT = (approvals.c.agent_id, approvals.c.operation_type, approvals.c.resource_type, approvals.c.resource_id)

_NAMED = case((approvals.c.resource_id == "", approvals.c.parameters))


class QueueReads:
    """Reads around the queue. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def summary(self, now: datetime) -> QueueSummary:
        """Return what waits at `now`."""
        with self._database.read() as connection:
            return read_summary(connection, now)

    def rejected_recently(self, wanted: Sequence[Approval], since: datetime) -> dict[str, datetime]:
        """Return, by approval id, when the same request of the same agent was last rejected since then.

        The same: of its operation type, its resource type and its resource id; without an id, also of its parameters,
        which then say what it is about. The others are left out.
        """
        query = (
            select(*_SUBJECT, _NAMED, func.max(approvals.c.closed_at))
            # Nothing is rejected after its deadline: the index on status and deadline leads to few more than needed.
            .where(approvals.c.status == ApprovalStatus.REJECTED.value, approvals.c.expires_at > since)
            .where(approvals.c.closed_at >= since)
            .where(approvals.c.agent_id.in_({each.agent_id for each in wanted}))
            .group_by(*_SUBJECT, _NAMED)
        )
        with self._database.read() as connection:
            rejected_at: dict[tuple[str, ...], datetime] = {
                (*row[:-2], _written(row[-2])): row[-1] for row in connection.execute(query)
            }
        return {each.id: rejected_at[_subject(each)] for each in wanted if _subject(each) in rejected_at}

    def history_of(self, approval: Approval, *, now: datetime, limit: int = 5) -> ApprovalHistory:
        """Return what became of the requests beside this one, with the newest `limit` similar ones."""
        with self._database.read() as connection:
            counts = connection.execute(_counted(approval, now)).all()
            similar = tuple(_similar(row) for row in connection.execute(_similar_to(approval, limit)))
        others = [row for row in counts if not row.this]
        return ApprovalHistory(
            agent=_by_status(others),
            same_operation=_by_status(row for row in others if row.same_type),
            similar=similar,
            capped=sum(row.number for row in counts) > REMEMBERED,
        )


def read_summary(connection: Connection, now: datetime) -> QueueSummary:
    """Return what waits at `now`, as this transaction sees it."""
    waits = (approvals.c.status == ApprovalStatus.PENDING.value, approvals.c.expires_at > now)
    counted = select(literal(1)).select_from(approvals).where(*waits).limit(COUNTED_UP_TO + 1).subquery()
    row = connection.execute(
        select(
            select(func.count()).select_from(counted).scalar_subquery().label("waiting"),
            select(func.min(approvals.c.expires_at)).where(*waits).scalar_subquery().label("next_expires_at"),
            select(func.max(approvals.c.closed_at)).scalar_subquery().label("last_decided_at"),
            select(approvals.c.id).exists().label("any_ever"),
            select(func.max(audit_events.c.seq)).scalar_subquery().label("position"),
        )
    ).one()
    return QueueSummary(
        waiting=min(row.waiting, COUNTED_UP_TO),
        capped=row.waiting > COUNTED_UP_TO,
        next_expires_at=row.next_expires_at,
        last_decided_at=row.last_decided_at,
        any_ever=row.any_ever,
        position=row.position or 0,
    )


def _subject(approval: Approval) -> tuple[str, ...]:
    operation = approval.operation
    named = None if operation.resource_id else operation.parameters
    return (approval.agent_id, operation.type, operation.resource_type, operation.resource_id, _written(named))


def _written(parameters: dict[str, Any] | None) -> str:
    return "" if parameters is None else canonical_json(parameters).decode()


def _counted(approval: Approval, now: datetime) -> Select[Any]:
    """Count the agent's newest requests; this one too, so that the sum tells whether there were more."""
    newest = (
        select(
            approvals.c.status,
            (approvals.c.operation_type == approval.operation.type).label("same_type"),
            (approvals.c.id == approval.id).label("this"),
        )
        .where(approvals.c.agent_id == approval.agent_id, approvals.c.created_at > now - REMEMBERED_FOR)
        .order_by(approvals.c.created_at.desc(), approvals.c.id.desc())
        .limit(REMEMBERED + 1)
        .subquery()
    )
    return select(*newest.c, func.count().label("number")).group_by(*newest.c)


def _by_status(counts: Iterable[Row[Any]]) -> dict[ApprovalStatus, int]:
    numbers = Counter[ApprovalStatus]()
    for row in counts:
        numbers[ApprovalStatus(row.status)] += row.number
    return {status: numbers[status] for status in ApprovalStatus if status in numbers}


def _similar_to(approval: Approval, limit: int) -> Select[Any]:
    newest = (
        select(
            approvals.c.id,
            approvals.c.agent_id,
            approvals.c.resource_type,
            approvals.c.resource_id,
            approvals.c.status,
            approvals.c.created_at,
            approvals.c.decided_by,
        )
        .where(approvals.c.operation_type == approval.operation.type)
        .order_by(approvals.c.created_at.desc(), approvals.c.id.desc())
        # One type may be used on many types of resource: those of this one are looked for among the newest only.
        .limit(REMEMBERED)
        .subquery()
    )
    return (
        select(newest)
        .where(newest.c.resource_type == approval.operation.resource_type, newest.c.id != approval.id)
        .order_by(newest.c.created_at.desc(), newest.c.id.desc())
        .limit(limit)
    )


def _similar(row: Row[Any]) -> SimilarRequest:
    return SimilarRequest(
        id=row.id,
        agent_id=row.agent_id,
        resource_id=row.resource_id,
        status=ApprovalStatus(row.status),
        created_at=row.created_at,
        decided_by=tuple(row.decided_by),
    )
