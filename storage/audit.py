"""The audit log's rows: appended in the transaction of what they tell, never changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from assent.models import AuditEvent as AuditLine
from domain.audit import AuditEvent
from storage.appended import Appended, Wait, note
from storage.database import insert_once
from storage.tables import audit_events


def append_event(connection: Connection, audit_event: AuditEvent, wait: Wait | None = None) -> None:
    """Write `audit_event` unless a retry has written it already; `wait` is the one that it ends."""
    inserted = insert_once(
        connection,
        audit_events,
        {
            "event_id": audit_event.event_id,
            "at": audit_event.at,
            "actor": audit_event.actor,
            "action": audit_event.action.value,
            "approval_id": audit_event.approval_id,
            "digest": audit_event.digest,
            "details": audit_event.details,
        },
    )
    if inserted:
        note(connection, Appended(audit_event, wait))


def read_events(  # noqa: PLR0913  each is one filter of the list
    connection: Connection,
    *,
    approval_id: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int | None = None,
    newest_first: bool = False,
    limit: int,
) -> list[tuple[int, AuditLine]]:
    """Return up to `limit` events that follow position `after`, oldest or newest first, each with its position.

    `since` is the first moment of the events wanted, `until` the first one no longer wanted.
    """
    seq = audit_events.c.seq
    query = select(audit_events).order_by(seq.desc() if newest_first else seq).limit(limit)
    if after is not None:
        query = query.where(seq < after if newest_first else seq > after)
    if since is not None:
        query = query.where(audit_events.c.at >= since)
    if until is not None:
        query = query.where(audit_events.c.at < until)
    if approval_id is not None:
        query = query.where(audit_events.c.approval_id == approval_id)
    if actor is not None:
        query = query.where(audit_events.c.actor == actor)
    if action is not None:
        query = query.where(audit_events.c.action == action)
    return [(row.seq, _line(row)) for row in connection.execute(query)]


def _line(row: Row[Any]) -> AuditLine:
    return AuditLine(
        id=row.event_id,
        at=row.at,
        actor=row.actor,
        action=row.action,
        approval_id=row.approval_id,
        digest=row.digest,
        details=row.details,
    )
