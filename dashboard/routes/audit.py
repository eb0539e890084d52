"""The audit log: filtered by its address, and as a file."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, StreamingResponse

from assent.models import AuditEvent as AuditLine
from dashboard.screen import Screen, ScreenDep
from dashboard.views.audit_rows import days_of
from domain.audit import Action
from domain.frozen import Frozen
from services.audit_export import csv_lines, jsonl_lines
from services.audit_log import AuditFilter

router = APIRouter()

PAGE = 100

Lines = Callable[[AsyncIterator[Sequence[AuditLine]]], AsyncIterator[str]]
Text = Annotated[str, Query(max_length=128)]
Cursor = Annotated[str | None, Query(max_length=32)]


class Followed(Frozen):
    """What the log is filtered by, as its address has it; empty restricts nothing. Both days are included, in UTC."""

    approval_id: Text = ""
    actor: Text = ""
    action: Text = ""
    since: date | Literal[""] = ""
    until: date | Literal[""] = ""

    @property
    def filters(self) -> dict[str, str]:
        """What restricts the list, as parameters of an address."""
        return {name: str(value) for name, value in self if value}

    @property
    def likely_actors(self) -> tuple[str, ...]:
        """Whom a name without a role may mean: the record has an actor's role before its name."""
        name = self.actor.strip()
        if not name or ":" in name:
            return ()
        return tuple(f"{role}:{name}" for role in ("reviewer", "admin", "auditor", "agent"))

    def address(self, path: str = "/audit", **more: str | None) -> str:
        """Return the address of this list, or of its file, with more parameters."""
        parameters = self.filters | {name: value for name, value in more.items() if value}
        return f"{path}?{urlencode(parameters)}" if parameters else path

    def following(self, **filters: str) -> str:
        """Return the address of this list with some filters set otherwise."""
        return self.model_copy(update=filters).address()

    def as_filter(self) -> AuditFilter:
        """Return it as the record is asked."""
        until = self.until if self.until and self.until != date.max else None
        return AuditFilter(
            approval_id=self.approval_id.strip() or None,
            actor=self.actor.strip() or None,
            action=self.action or None,
            since=_begin(self.since) if self.since else None,
            until=_begin(until + timedelta(days=1)) if until else None,
        )


Wanted = Annotated[Followed, Query()]


@router.get("/audit")
async def log(screen: ScreenDep, wanted: Wanted, cursor: Cursor = None) -> HTMLResponse:
    """Show the log, the newest line first."""
    page = await screen.services.audit_log.page(
        screen.principal, wanted.as_filter(), limit=PAGE, cursor=cursor, newest_first=True
    )
    return await screen.page(
        "audit.html",
        days=days_of(page.items),
        wanted=wanted,
        actions=[action.value for action in Action],
        cursor=cursor,
        older=wanted.address(cursor=page.next_cursor) if page.next_cursor else None,
    )


@router.get("/audit.csv")
async def as_csv(screen: ScreenDep, wanted: Wanted) -> StreamingResponse:
    """Give what is wanted of the log, oldest first, as a table that no spreadsheet runs anything of."""
    return _file(screen, wanted, csv_lines, "csv", "text/csv")


@router.get("/audit.jsonl")
async def as_jsonl(screen: ScreenDep, wanted: Wanted) -> StreamingResponse:
    """Give what is wanted of the log, oldest first, one JSON object a line."""
    return _file(screen, wanted, jsonl_lines, "jsonl", "application/x-ndjson")


def _file(screen: Screen, wanted: Followed, lines: Lines, ending: str, media_type: str) -> StreamingResponse:
    pages = screen.services.audit_log.export(screen.principal, wanted.as_filter())
    name = f"assent-audit-{screen.now:%Y-%m-%d}.{ending}"
    disposition = f'attachment; filename="{name}"'
    return StreamingResponse(lines(pages), media_type=media_type, headers={"Content-Disposition": disposition})


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
