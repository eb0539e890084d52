"""Trusted patterns: what they let through, made and changed with a check as one types, tried, suspended, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from assent.models import Role
from assent.policy_models import NewStatus, NewTrustedPattern, PatternChange, TrustedPattern
from dashboard.refusals import status_of
from dashboard.screen import Screen, ScreenDep
from dashboard.team import agents_of
from dashboard.views.pattern_chart import chart_of
from dashboard.views.pattern_forms import PatternForm, change_of, read
from dashboard.views.pattern_rows import revisions_of, row_of
from domain.condition_paths import paths_read
from domain.errors import AssentError, BroadPatternError, InvalidPatternError, OwnPatternError, PatternNotFoundError
from domain.frozen import Frozen
from domain.narrow_patterns import narrow_pattern

router = APIRouter(prefix="/patterns")

PatternId = Annotated[str, Path(max_length=64, pattern="^[0-9a-f-]+$")]
From = Annotated[str, Query(alias="from", max_length=64, pattern="^[0-9a-f-]*$")]
Posted = Annotated[PatternForm, Form()]

_BROAD = "This pattern is broad. Narrow it, or say below that you mean it."
_REFUSALS = (BroadPatternError, InvalidPatternError, OwnPatternError)


class Checked(Frozen):
    """What is said below a condition. `reads`: what it looks at; `draft`: the pattern, once all its fields are good."""

    condition: bool = False
    problem: str = ""
    reads: tuple[str, ...] = ()
    draft: TrustedPattern | None = None


@router.get("")
async def patterns(screen: ScreenDep) -> HTMLResponse:
    """Show every pattern, the newest first."""
    found = await screen.services.patterns.all(screen.principal)
    rows = [row_of(each, screen.principal, screen.now) for each in found.items]
    return await screen.page("patterns.html", rows=rows)


@router.get("/new")
async def new(screen: ScreenDep, approval_id: From = "") -> HTMLResponse:
    """Show the form of a new pattern, empty or narrowly filled in from an approval."""
    screen.services.patterns.check_maker(screen.principal)
    if not approval_id:
        return await _form(screen, PatternForm())
    approval = await screen.services.approvals.get(screen.principal, approval_id)
    narrow = narrow_pattern(approval, now=screen.now)
    made_from = {"id": approval.id, "title": screen.services.catalog.title(approval.operation)}
    return await _form(screen, PatternForm.of(narrow.wanted), hints=narrow.hints, made_from=made_from)


@router.post("/check")
async def check(screen: ScreenDep, form: Posted) -> HTMLResponse:
    """Say what is wrong with the form as it stands, or dangerous about it. Nothing is stored."""
    return screen.part("parts/pattern_check.html", checked=await _checked(screen, form))


@router.post("/backtest")
async def backtest(screen: ScreenDep, form: Posted) -> HTMLResponse:
    """Try the form's pattern on the history."""
    reading = read(form)
    found: dict[str, Any] = {"problems": reading.problems, "told": "", "result": None}
    if reading.wanted is not None:
        try:
            found["result"] = await _tried(screen, reading.wanted)
        except InvalidPatternError as error:
            found["told"] = error.detail
    status = 200 if found["result"] else 422
    if screen.wants_part:
        return screen.part("parts/pattern_backtest.html", status=status, **found)
    if screen.principal.role is Role.ADMIN:
        return await _form(screen, form, status=status, **found)
    return await screen.page("pattern_backtest.html", status=status, form=form, **found)


@router.post("")
async def create(screen: ScreenDep, form: Posted) -> Response:
    """Make a pattern."""
    reading = read(form)
    if reading.wanted is None:
        return await _form(screen, form, status=422, problems=reading.problems)
    try:
        made = await screen.services.patterns.create(screen.principal, reading.wanted)
    except _REFUSALS as error:
        return await _form(screen, form, status=status_of(error), told=_told(error))
    return RedirectResponse(f"/patterns/{made.id}", 303)


@router.get("/{pattern_id}")
async def show(screen: ScreenDep, pattern_id: PatternId) -> HTMLResponse:
    """Show one pattern with its revisions, also one that was deleted."""
    revisions = await screen.services.patterns.revisions(screen.principal, pattern_id)
    deleted = False
    try:
        pattern = await screen.services.patterns.get(screen.principal, pattern_id)
    except PatternNotFoundError:
        pattern, deleted = revisions.items[-1], True
    return await screen.page(
        "pattern.html",
        row=row_of(pattern, screen.principal, screen.now),
        revisions=revisions_of(revisions.items, screen.now),
        deleted=deleted,
        form=PatternForm.of(pattern),
    )


@router.get("/{pattern_id}/edit")
async def edit(screen: ScreenDep, pattern_id: PatternId) -> HTMLResponse:
    """Show the form of a pattern as it is."""
    screen.services.patterns.check_maker(screen.principal)
    pattern = await screen.services.patterns.get(screen.principal, pattern_id)
    return await _form(screen, PatternForm.of(pattern))


@router.post("/{pattern_id}")
async def change(screen: ScreenDep, pattern_id: PatternId, form: Posted) -> Response:
    """Make the next revision of a pattern, of what the form changes of the one that it was made from."""
    form = form.model_copy(update={"pattern_id": pattern_id})
    reading = read(form)
    if reading.wanted is None:
        return await _form(screen, form, status=422, problems=reading.problems)
    current = await screen.services.patterns.get(screen.principal, pattern_id)
    try:
        await screen.services.patterns.change(
            screen.principal, pattern_id, change_of(reading.wanted, current), of_revision=form.revision
        )
    except _REFUSALS as error:
        return await _form(screen, form, status=status_of(error), told=_told(error))
    return RedirectResponse(f"/patterns/{pattern_id}", 303)


@router.post("/{pattern_id}/suspend")
async def suspend(screen: ScreenDep, pattern_id: PatternId) -> Response:
    """Suspend a pattern at once."""
    change = PatternChange(status=NewStatus.SUSPENDED)
    pattern = await screen.services.patterns.change(screen.principal, pattern_id, change)
    if not screen.wants_part:
        return RedirectResponse(f"/patterns/{pattern_id}", 303)
    row = row_of(pattern, screen.principal, screen.now)
    return screen.part("parts/pattern.html", row=row, told="It lets nothing through from now on.")


@router.get("/{pattern_id}/activate")
async def confirm_activation(screen: ScreenDep, pattern_id: PatternId) -> HTMLResponse:
    """Ask whether a pattern is to be trusted again. It changes nothing."""
    return await _ask(screen, pattern_id, "activate")


@router.post("/{pattern_id}/activate")
async def activate(screen: ScreenDep, pattern_id: PatternId, broad: Annotated[bool, Form()] = False) -> Response:  # noqa: FBT002  a field of the form
    """Let a suspended pattern let operations through again."""
    change = PatternChange(status=NewStatus.ACTIVE, broad=broad)
    try:
        await screen.services.patterns.change(screen.principal, pattern_id, change)
    except _REFUSALS as error:
        return await _ask(screen, pattern_id, "activate", told=_told(error), status=status_of(error))
    return RedirectResponse(f"/patterns/{pattern_id}", 303)


@router.get("/{pattern_id}/delete")
async def confirm_deletion(screen: ScreenDep, pattern_id: PatternId) -> HTMLResponse:
    """Ask whether a pattern is to go for good. It changes nothing."""
    return await _ask(screen, pattern_id, "delete")


@router.post("/{pattern_id}/delete")
async def delete(screen: ScreenDep, pattern_id: PatternId) -> Response:
    """Take a pattern out of force for good."""
    await screen.services.patterns.delete(screen.principal, pattern_id)
    return RedirectResponse("/patterns", 303)


async def _ask(screen: Screen, pattern_id: str, what: str, *, told: str = "", status: int = 200) -> HTMLResponse:
    screen.services.patterns.check_maker(screen.principal)
    pattern = await screen.services.patterns.get(screen.principal, pattern_id)
    row = row_of(pattern, screen.principal, screen.now)
    return await screen.page("pattern_confirm.html", status=status, row=row, what=what, told=told)


async def _form(  # noqa: PLR0913  each is one part of what is shown
    screen: Screen,
    form: PatternForm,
    *,
    status: int = 200,
    told: str = "",
    problems: dict[str, str] | None = None,
    hints: tuple[str, ...] = (),
    made_from: dict[str, str] | None = None,
    result: Any = None,  # noqa: ANN401  what `_tried` returns
) -> HTMLResponse:
    services = screen.services
    checked = await _checked(screen, form)
    return await screen.page(
        "pattern_form.html",
        status=status,
        form=form,
        told=told,
        problems=problems or {},
        checked=checked,
        hints=hints,
        made_from=made_from,
        result=result,
        agents=agents_of(await services.keys.all(screen.principal)),
        types=list(services.catalog.operation_types),
        resources=services.catalog.resource_types,
    )


async def _checked(screen: Screen, form: PatternForm) -> Checked:
    wanted = read(form).wanted
    said = bool(form.condition)
    try:
        if wanted is None:
            # The other fields may still be empty; the condition is checked as soon as there is one.
            await screen.services.patterns.check_condition(screen.principal, form.condition or "true")
            draft = None
        elif form.pattern_id:
            current = await screen.services.patterns.get(screen.principal, form.pattern_id)
            changed = change_of(wanted, current)
            draft = await screen.services.patterns.check_change(screen.principal, form.pattern_id, changed)
        else:
            draft = await screen.services.patterns.check(screen.principal, wanted)
    except (InvalidPatternError, OwnPatternError) as error:
        return Checked(condition=said, problem=error.detail)
    return Checked(condition=said, reads=paths_read(form.condition), draft=draft)


async def _tried(screen: Screen, wanted: NewTrustedPattern) -> dict[str, Any]:
    found = await screen.services.patterns.backtest(screen.principal, wanted)
    title = screen.services.catalog.title
    examples = [{"each": each, "title": title(each.operation)} for each in found.rejected_examples]
    return {"found": found, "chart": chart_of(found), "examples": examples}


def _told(error: AssentError) -> str:
    # What the API says of a broad pattern names the API's own words for meaning it.
    return _BROAD if isinstance(error, BroadPatternError) else error.detail
