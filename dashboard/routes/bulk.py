"""Several approvals at once: all of them listed first, then one decision for each."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse

from assent.models import Approval, ApprovalStatus, Outcome
from dashboard.screen import Screen, ScreenDep
from dashboard.views.rows import Row, row_of
from dashboard.views.words import decided, votes
from domain.confirmation import MAX_BULK, Shown, needs_page
from domain.errors import AssentError, InvalidDecisionError
from domain.frozen import Frozen
from services.reviews import Review

router = APIRouter(prefix="/bulk")

Ids = Annotated[list[str], Query(alias="approval", max_length=200)]
_SEPARATOR = "/"


class Item(Frozen):
    """One approval of several, with the proof that it was listed; `why_not` says why it cannot be among them."""

    row: Row
    field: str = ""
    why_not: str = ""


class Result(Frozen):
    """What became of one decision of several."""

    row: Row
    counted: bool
    told: str


@router.get("")
async def listed(screen: ScreenDep, approval: Ids = []) -> HTMLResponse:  # noqa: B006  FastAPI copies it
    """List what was selected. It decides nothing."""
    selected = list(dict.fromkeys(approval))
    _check_number(selected)
    items = [_item(screen, each) for each in await screen.services.queue.by_ids(screen.principal, selected)]
    return await screen.page("bulk.html", items=items, most=MAX_BULK, ready=[each for each in items if each.field])


@router.post("")
async def decide(screen: ScreenDep, item: Annotated[list[str], Form(max_length=200)]) -> HTMLResponse:
    """Approve each of those that were listed, by a decision of its own."""
    _check_number(item)
    fields = {each.split(_SEPARATOR)[0]: each for each in item}
    listed = await screen.services.queue.by_ids(screen.principal, list(fields))
    # One after the other: their order is what the page showed, and the record takes them one by one anyway.
    results = [await _decide(screen, each, fields[each.id]) for each in listed]
    return await screen.page("bulk_done.html", results=results, counted=sum(each.counted for each in results))


def _check_number(selected: list[str]) -> None:
    if not selected:
        message = "Nothing is selected. Select rows in the queue by their boxes, or by x."
        raise InvalidDecisionError(message)
    if len(selected) > MAX_BULK:
        message = f"At most {MAX_BULK} are approved at once, and {len(selected)} are selected. Take fewer."
        raise InvalidDecisionError(message)


def _item(screen: Screen, approval: Approval) -> Item:
    row = row_of(screen, approval)
    if (why_not := _why_not(row)) is not None:
        return Item(row=row, why_not=why_not)
    proof = screen.services.reviews.proof(screen.session, approval, Outcome.APPROVE, Shown.BULK)
    return Item(row=row, field=_SEPARATOR.join((approval.id, approval.digest, proof)))


def _why_not(row: Row) -> str | None:
    approval = row.approval
    if approval.status is not ApprovalStatus.PENDING:
        return decided(approval)
    if row.hindrance is not None:
        return row.hindrance
    if approval.risk is None or needs_page(approval.risk.level):
        return "It is approved on its own page only."
    return None


def _told(approval: Approval) -> str:
    if approval.status is ApprovalStatus.PENDING:
        return f"Your approval counts: {votes(approval)}."
    return decided(approval)


async def _decide(screen: Screen, approval: Approval, field: str) -> Result:
    _, digest, proof = (*field.split(_SEPARATOR), "", "")[:3]
    review = Review(approval_id=approval.id, outcome=Outcome.APPROVE, shown=Shown.BULK, digest=digest, proof=proof)
    try:
        decision = await screen.services.reviews.decide(screen.session, review)
    except AssentError as error:
        # Whatever else fails now, what became of the others is shown.
        with suppress(AssentError):
            approval = await screen.services.approvals.get(screen.principal, approval.id)
        return Result(row=row_of(screen, approval), counted=False, told=error.detail)
    told = _told(decision.approval) if decision.recorded else "Sent, not recorded yet. Don't send it again."
    return Result(row=row_of(screen, decision.approval), counted=True, told=told)
