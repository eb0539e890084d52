"""One approval: all that a reviewer needs, the steps before a decision, and the decision."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from assent.models import MAX_COMMENT, Approval, ApprovalStatus, NewSettlement, Outcome, SettledOutcome
from dashboard.screen import Screen, ScreenDep
from dashboard.views.rows import row_of
from dashboard.views.states import State, lost, state_of
from dashboard.views.words import is_soon
from domain.confirmation import Shown, hindrance, word_to_type
from domain.errors import (
    AssentError,
    DecisionRefusedError,
    InvalidDecisionError,
    NotConfirmedError,
    OwnRequestError,
    RoleNotAllowedError,
    TemporalUnavailableError,
    TooManyDecisionsError,
)
from domain.frozen import Frozen
from domain.listing import ApprovalFilter, Sort
from services.audit_log import AuditFilter
from services.reviews import Review

router = APIRouter(prefix="/approvals")

_EVENTS = 200
_SENT = "Sent, not recorded yet. Don't send it again; this page will tell you."
_REFUSALS = (
    DecisionRefusedError,
    InvalidDecisionError,
    NotConfirmedError,
    OwnRequestError,
    RoleNotAllowedError,
    TooManyDecisionsError,
)


class Step(Frozen):
    """The last step before a decision, as it is shown. `word` must be typed; `proof` says that this was shown."""

    outcome: Outcome
    shown: Shown
    proof: str
    word: str | None = None
    comment: str = ""
    refused: str = ""


@router.get("/{approval_id}")
async def show(screen: ScreenDep, approval_id: str) -> HTMLResponse:
    """Show one approval."""
    return await _page(screen, await screen.services.approvals.get(screen.principal, approval_id))


@router.get("/{approval_id}/approve")
async def approve(screen: ScreenDep, approval_id: str, shown: Shown = Shown.PAGE, digest: str = "") -> Response:
    """Show the last step before an approval. It decides nothing."""
    return await _show_step(screen, approval_id, Outcome.APPROVE, shown, digest)


@router.get("/{approval_id}/reject")
async def reject(screen: ScreenDep, approval_id: str, shown: Shown = Shown.PAGE, digest: str = "") -> Response:
    """Show the form of a rejection. It decides nothing."""
    return await _show_step(screen, approval_id, Outcome.REJECT, shown, digest)


@router.get("/{approval_id}/bar")
async def bar(screen: ScreenDep, approval_id: str) -> Response:
    """Show the decision bar as it is before a step."""
    if not screen.wants_part:
        return RedirectResponse(f"/approvals/{approval_id}", 303)
    approval = await screen.services.approvals.get(screen.principal, approval_id)
    return screen.part("parts/bar.html", **await _bar(screen, approval))


@router.post("/{approval_id}/decisions")
async def decide(  # noqa: PLR0913, PLR0917  each is one field of the form
    screen: ScreenDep,
    approval_id: str,
    outcome: Annotated[Outcome, Form()],
    shown: Annotated[Shown, Form()],
    digest: Annotated[str, Form(pattern="^[0-9a-f]{64}$")],
    proof: Annotated[str, Form(max_length=256)],
    typed: Annotated[str, Form(max_length=MAX_COMMENT)] = "",
    comment: Annotated[str, Form(max_length=MAX_COMMENT)] = "",
) -> Response:
    """Take the decision of a form whose last step was shown to this session."""
    review = Review(
        approval_id=approval_id,
        outcome=outcome,
        shown=shown,
        digest=digest,
        proof=proof,
        typed=typed,
        comment=comment.replace("\r\n", "\n"),
    )
    try:
        decided = await screen.services.reviews.decide(screen.session, review)
    except _REFUSALS as error:
        return await _refused(screen, review, error)
    except TemporalUnavailableError as error:
        approval = await screen.services.approvals.get(screen.principal, approval_id)
        # With the same proof: it may have arrived, and sent again it must still be the same decision.
        step = _step(screen, approval, outcome, shown, review.comment, error.detail).model_copy(update={"proof": proof})
        return await _ask_again(screen, approval, step, status=503)
    told = "" if decided.recorded else _SENT
    if screen.wants_part:
        return await _after(screen, decided.approval, shown, told)
    if decided.recorded:
        return RedirectResponse(f"/approvals/{approval_id}", 303)
    return await _page(screen, decided.approval, told=told, status=202)


@router.post("/{approval_id}/settle")
async def settle(
    screen: ScreenDep,
    approval_id: str,
    outcome: Annotated[SettledOutcome, Form()],
    note: Annotated[str, Form(min_length=1, max_length=MAX_COMMENT)],
) -> Response:
    """Say what was found out about an execution whose outcome is unknown."""
    settlement = NewSettlement(outcome=outcome, note=note.replace("\r\n", "\n"))
    await screen.services.settlements.settle(screen.principal, approval_id, settlement)
    return RedirectResponse(f"/approvals/{approval_id}", 303)


async def _show_step(screen: Screen, approval_id: str, outcome: Outcome, shown: Shown, digest: str) -> Response:
    approval = await screen.services.approvals.get(screen.principal, approval_id)
    page = f"/approvals/{approval_id}"
    if shown is Shown.STRIP:
        row = row_of(screen, approval)
        if row.is_open and (row.quick or (outcome is Outcome.REJECT and row.hindrance is None)):
            step = _step(screen, approval, outcome, shown)
            return screen.part("parts/strip.html", row=row, step=step)
        # What does not fit there, or is not decided there, is shown whole.
        return Response(status_code=200, headers={"HX-Redirect": page})
    if approval.status is not ApprovalStatus.PENDING or hindrance(screen.principal, approval) is not None:
        return RedirectResponse(page, 303)
    if screen.wants_part and digest != approval.digest:
        # The page around the bar shows other content than what would be decided: the whole page is shown again.
        return Response(status_code=200, headers={"HX-Redirect": page})
    step = _step(screen, approval, outcome, shown)
    if screen.wants_part:
        return screen.part("parts/bar.html", **await _bar(screen, approval, step))
    return await _page(screen, approval, step)


def _step(  # noqa: PLR0913, PLR0917  each is one part of what is shown
    screen: Screen, approval: Approval, outcome: Outcome, shown: Shown, comment: str = "", refused: str = ""
) -> Step:
    approves = outcome is Outcome.APPROVE and approval.risk is not None
    level = approval.risk.level if approval.risk is not None and approves else None
    return Step(
        outcome=outcome,
        shown=shown,
        proof=screen.services.reviews.proof(screen.session, approval, outcome, shown),
        word=None if level is None else word_to_type(level, approval.operation.resource_id, approval.digest),
        comment=comment,
        refused=refused,
    )


async def _refused(screen: Screen, review: Review, error: AssentError) -> Response:
    """Show why a decision did not count: who was first, or which step is still to be taken."""
    approval = await screen.services.approvals.get(screen.principal, review.approval_id)
    asked_again = isinstance(error, (NotConfirmedError, InvalidDecisionError)) and review.digest == approval.digest
    if asked_again and approval.status is ApprovalStatus.PENDING:
        step = _step(screen, approval, review.outcome, review.shown, review.comment, error.detail)
        return await _ask_again(screen, approval, step, status=409)
    hindered = hindrance(screen.principal, approval) if approval.status is ApprovalStatus.PENDING else None
    told = lost(approval, screen.now) or hindered or error.detail
    if not screen.wants_part:
        return await _page(screen, approval, told=told, status=409)
    return await _after(screen, approval, review.shown, told, status=409)


async def _ask_again(screen: Screen, approval: Approval, step: Step, *, status: int) -> HTMLResponse:
    if not screen.wants_part:
        return await _page(screen, approval, step, status=status)
    if step.shown is Shown.STRIP:
        return screen.part("parts/strip.html", row=row_of(screen, approval), step=step, status=status)
    return screen.part("parts/bar.html", status=status, **await _bar(screen, approval, step))


async def _after(screen: Screen, approval: Approval, shown: Shown, told: str, status: int = 200) -> HTMLResponse:
    if shown is Shown.STRIP:
        return screen.part("parts/row.html", row=row_of(screen, approval), note=told, status=status)
    return screen.part("parts/bar.html", status=status, **await _bar(screen, approval, told=told))


async def _page(
    screen: Screen, approval: Approval, step: Step | None = None, *, told: str = "", status: int = 200
) -> HTMLResponse:
    services, principal = screen.services, screen.principal
    # The approval was read already, so the log is asked for its events alone.
    trail = await services.audit_log.page(principal, AuditFilter(approval_id=approval.id), limit=_EVENTS, cursor=None)
    return await screen.page(
        "approval.html",
        status=status,
        past=await services.queue.history_of(principal, approval),
        events=trail.items,
        more_events=trail.next_cursor is not None,
        **await _bar(screen, approval, step, told),
    )


async def _bar(screen: Screen, approval: Approval, step: Step | None = None, told: str = "") -> dict[str, Any]:
    standing = await screen.services.standings.current()
    shown = screen.services.catalog.shown(approval.operation)
    state: State = state_of(approval, shown.title, screen.now, worker=standing.worker)
    waits = approval.status is ApprovalStatus.PENDING
    return {
        "approval": approval,
        "shown": shown,
        "state": state,
        "soon": is_soon(approval, screen.now),
        "step": step,
        "told": told,
        "hindrance": hindrance(screen.principal, approval) if waits else None,
        "following": None if waits and not told else await _following(screen, approval),
    }


async def _following(screen: Screen, approval: Approval) -> dict[str, str] | None:
    """Return the next approval that waits, to go on with."""
    wanted = ApprovalFilter(status=ApprovalStatus.PENDING)
    page = await screen.services.approvals.page(screen.principal, wanted, sort=Sort.EXPIRES_AT, limit=5, cursor=None)
    found = next((each for each in page.items if each.id != approval.id and not each.overdue), None)
    return None if found is None else {"id": found.id, "title": screen.services.catalog.title(found.operation)}
