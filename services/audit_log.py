"""Reading the audit log: of one approval, or all of it."""

import asyncio

from assent.models import AuditEvent, AuditPage, Role
from domain.errors import InvalidQueryError, RoleNotAllowedError
from domain.frozen import Frozen
from domain.principal import Principal
from services.approvals import Approvals
from storage.audit import read_events
from storage.database import Database


class AuditFilter(Frozen):
    """What a page of the log is restricted to; None restricts nothing."""

    approval_id: str | None = None
    actor: str | None = None
    action: str | None = None


class AuditLog:
    """The audit log as a caller may see it."""

    def __init__(self, database: Database, approvals: Approvals) -> None:
        """Take the record, and who may see which approval."""
        self._database = database
        self._approvals = approvals

    async def of_approval(self, principal: Principal, approval_id: str, *, limit: int, cursor: str | None) -> AuditPage:
        """Return the events of one approval, oldest first. Raises ApprovalNotFoundError."""
        await self._approvals.get(principal, approval_id)
        return await asyncio.to_thread(self._page, AuditFilter(approval_id=approval_id), limit, cursor)

    async def page(self, principal: Principal, wanted: AuditFilter, *, limit: int, cursor: str | None) -> AuditPage:
        """Return a page of the whole log, oldest first. Raises RoleNotAllowedError or InvalidQueryError."""
        if principal.role is Role.AGENT:
            message = "An agent's key reads the events of its own approvals only: GET /v1/approvals/{id}/events."
            raise RoleNotAllowedError(message)
        return await asyncio.to_thread(self._page, wanted, limit, cursor)

    def _page(self, wanted: AuditFilter, limit: int, cursor: str | None) -> AuditPage:
        after = _position(cursor)
        with self._database.read() as connection:
            found = read_events(connection, **dict(wanted), after=after, limit=limit + 1)
        items: list[AuditEvent] = [line for _, line in found[:limit]]
        return AuditPage(items=items, next_cursor=str(found[limit - 1][0]) if len(found) > limit else None)


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= len(str(2**63)) - 1):
        message = "This cursor means nothing. Leave it out to start from the first page."
        raise InvalidQueryError(message)
    return int(cursor)
