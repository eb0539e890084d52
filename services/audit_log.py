"""Reading the audit log: of one approval, or all of it, page by page or as a whole."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import uuid6

from assent.models import AuditEvent as AuditLine
from assent.models import AuditPage, Role
from domain.audit import Action, AuditEvent
from domain.clock import Clock
from domain.errors import InvalidQueryError, RoleNotAllowedError
from domain.frozen import Frozen
from domain.principal import Principal
from domain.results import storable
from services.approvals import Approvals
from storage.audit import append_event, read_events
from storage.database import Database

_EXPORT_PAGE = 1_000


class AuditFilter(Frozen):
    """What is read of the log; None restricts nothing. `since` belongs to what is wanted, `until` no longer does."""

    approval_id: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """The audit log as a caller may see it."""

    def __init__(self, database: Database, approvals: Approvals, clock: Clock) -> None:
        """Take the record, who may see which approval, and the clock."""
        self._clock = clock
        self._database = database
        self._approvals = approvals

    async def of_approval(self, principal: Principal, approval_id: str, *, limit: int, cursor: str | None) -> AuditPage:
        """Return the events of one approval, oldest first. Raises ApprovalNotFoundError."""
        await self._approvals.get(principal, approval_id)
        return await asyncio.to_thread(self._page, AuditFilter(approval_id=approval_id), limit, cursor)

    async def page(
        self,
        principal: Principal,
        wanted: AuditFilter,
        *,
        limit: int,
        cursor: str | None,
        newest_first: bool = False,
    ) -> AuditPage:
        """Return a page of the whole log, oldest or newest first. Raises RoleNotAllowedError or InvalidQueryError."""
        _check_reads_the_log(principal)
        return await asyncio.to_thread(self._page, wanted, limit, cursor, newest_first=newest_first)

    def export(self, principal: Principal, wanted: AuditFilter) -> AsyncIterator[list[AuditLine]]:
        """Return everything wanted, oldest first, in pages that are read as they are asked for.

        Raises RoleNotAllowedError at once, and StorageUnavailableError from whichever page cannot be read.
        """
        _check_reads_the_log(principal)
        return self._export(wanted)

    async def _export(self, wanted: AuditFilter) -> AsyncIterator[list[AuditLine]]:
        cursor: str | None = None
        while True:
            page = await asyncio.to_thread(self._page, wanted, _EXPORT_PAGE, cursor)
            if page.items:
                yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    async def tell_refused_access(self, principal: Principal, method: str, path: str) -> None:
        """Tell in the log that a key asked for what its role does not include."""
        tried = AuditEvent(
            event_id=str(uuid6.uuid7()),
            at=self._clock(),
            actor=str(principal),
            action=Action.ACCESS_REFUSED,
            details={"method": method, "path": storable(path, limit=200)},
        )
        await asyncio.to_thread(self._append, tried)

    def _append(self, audit_event: AuditEvent) -> None:
        with self._database.write() as connection:
            append_event(connection, audit_event)

    def _page(self, wanted: AuditFilter, limit: int, cursor: str | None, *, newest_first: bool = False) -> AuditPage:
        after = _position(cursor)
        with self._database.read() as connection:
            found = read_events(connection, **dict(wanted), after=after, newest_first=newest_first, limit=limit + 1)
        items: list[AuditLine] = [line for _, line in found[:limit]]
        return AuditPage(items=items, next_cursor=str(found[limit - 1][0]) if len(found) > limit else None)


def _check_reads_the_log(principal: Principal) -> None:
    if principal.role is Role.AGENT:
        message = "An agent's key reads the events of its own approvals only: GET /v1/approvals/{id}/events."
        raise RoleNotAllowedError(message)


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= len(str(2**63)) - 1):
        message = "This cursor means nothing. Leave it out to start from the first page."
        raise InvalidQueryError(message)
    return int(cursor)
