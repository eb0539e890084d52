"""The queue: what waits for a decision, the nearest deadline or the highest risk first; and the history of all."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from assent.models import Approval, ApprovalStatus, RiskLevel
from dashboard.screen import Screen, ScreenDep
from dashboard.views.rows import Row, by_deadline_then_risk, rows_of
from domain.frozen import Frozen
from domain.listing import ApprovalFilter, Sort

router = APIRouter()

PAGE = 200
REJECTED_WITHIN = timedelta(hours=1)

Text = Annotated[str, Query(max_length=200)]
Cursor = Annotated[str | None, Query(max_length=512)]


class Wanted(Frozen):
    """What a list is filtered by, as its address has it; empty restricts nothing. `sort` is the order of the queue."""

    q: Text = ""
    risk: RiskLevel | Literal[""] = ""
    agent: Text = ""
    type: Text = ""
    status: ApprovalStatus | Literal[""] = ""
    sort: Literal["risk", ""] = ""

    @property
    def filters(self) -> dict[str, str]:
        """What restricts the list, as parameters of an address."""
        return {name: str(value) for name, value in self if value and name != "sort"}

    def address(self, path: str, **more: str | None) -> str:
        """Return the address of this list, with more parameters."""
        kept = self.filters | {"sort": self.sort}
        parameters = {name: value for name, value in (kept | more).items() if value}
        return f"{path}?{urlencode(parameters)}" if parameters else path

    def without(self, name: str, path: str) -> str:
        """Return the address of this list without one filter."""
        return self.model_copy(update={name: ""}).address(path)

    def cleared(self, path: str) -> str:
        """Return the address of the whole list, in the same order."""
        return Wanted(sort=self.sort).address(path)

    def as_filter(self, status: ApprovalStatus | None = None) -> ApprovalFilter:
        """Return it as the record is asked."""
        return ApprovalFilter(
            status=status or self.status or None,
            risk_level=self.risk or None,
            agent_id=self.agent or None,
            operation_type=self.type or None,
            q=self.q or None,
        )


@router.get("/")
async def queue(screen: ScreenDep, wanted: Annotated[Wanted, Query()], cursor: Cursor = None) -> HTMLResponse:
    """Show what waits."""
    page = await screen.services.approvals.page(
        screen.principal,
        wanted.as_filter(ApprovalStatus.PENDING),
        sort=Sort.RISK if wanted.sort else Sort.EXPIRES_AT,
        limit=PAGE,
        cursor=cursor,
    )
    return await screen.page(
        "queue.html",
        rows=await _waiting(screen, page.items if wanted.sort else by_deadline_then_risk(page.items)),
        wanted=wanted,
        types=screen.services.catalog.operation_types,
        next_page=wanted.address("/", cursor=page.next_cursor) if page.next_cursor else None,
        base_address=str(screen.request.base_url).rstrip("/"),
    )


@router.get("/banners")
async def banners(screen: ScreenDep) -> HTMLResponse:
    """Show again what is said at the top of every page: pauses, and whether a worker runs."""
    return screen.part("parts/banners.html", standing=await screen.services.standings.current())


@router.get("/rows/{approval_id}")
async def one_row(screen: ScreenDep, approval_id: str) -> HTMLResponse:
    """Show one row of the queue again, after a strip was closed without a decision."""
    approval = await screen.services.approvals.get(screen.principal, approval_id)
    (row,) = await _waiting(screen, [approval])
    return screen.part("parts/row.html", row=row, note="")


@router.get("/history")
async def history(screen: ScreenDep, wanted: Annotated[Wanted, Query()], cursor: Cursor = None) -> HTMLResponse:
    """Show every approval, the newest first."""
    page = await screen.services.approvals.page(
        screen.principal, wanted.as_filter(), sort=Sort.NEWEST, limit=PAGE // 4, cursor=cursor
    )
    return await screen.page(
        "history.html",
        rows=rows_of(screen, page.items),
        wanted=wanted,
        types=screen.services.catalog.operation_types,
        next_page=wanted.address("/history", cursor=page.next_cursor) if page.next_cursor else None,
    )


async def _waiting(screen: Screen, approvals: list[Approval]) -> list[Row]:
    """Return rows that say of which the like was rejected a short time ago."""
    since = screen.now - REJECTED_WITHIN
    return rows_of(screen, approvals, await screen.services.queue.rejected_recently(screen.principal, approvals, since))
