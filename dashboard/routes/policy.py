"""The policy in force, as people read it, and a form that tries a request on it."""

from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from assent.models import Role
from assent.policy_models import Trial
from dashboard.refusals import status_of
from dashboard.screen import Screen, ScreenDep
from dashboard.team import agents_of
from dashboard.views.rule_text import chips_of, sentence_of, time_of
from dashboard.views.trial_forms import TrialForm, read
from dashboard.views.trial_words import Explained, explained
from domain.errors import InvalidInputError, TooManySubmissionsError

router = APIRouter(prefix="/policy")

Typed = Annotated[TrialForm, Form()]


@router.get("")
async def policy(screen: ScreenDep) -> HTMLResponse:
    """Show the rules in force."""
    return await _page(screen, TrialForm())


@router.get("/try")
async def show_trial() -> RedirectResponse:
    """Lead to the form: the address of a result that was reloaded."""
    return RedirectResponse("/policy#try", 303)


@router.post("/try")
async def try_it(screen: ScreenDep, form: Typed) -> HTMLResponse:
    """Say what would become of a request. Nothing is stored."""
    reading = read(form, screen.services.catalog.operation_types)
    if reading.trial is None:
        return await _page(screen, form, status=422, problems=reading.problems)
    try:
        tried = await _tried(screen, reading.trial)
    except (InvalidInputError, TooManySubmissionsError) as error:
        return await _page(screen, form, status=status_of(error), told=error.detail)
    return await _page(screen, form, tried=tried)


async def _tried(screen: Screen, trial: Trial) -> Explained:
    assessment = await screen.services.policy.assess(screen.principal, trial)
    return explained(assessment, screen.services.catalog.title(trial.operation))


async def _page(  # noqa: PLR0913  each is one part of what is shown
    screen: Screen,
    form: TrialForm,
    *,
    status: int = 200,
    problems: dict[str, str] | None = None,
    told: str = "",
    tried: Explained | None = None,
) -> HTMLResponse:
    catalog = screen.services.catalog
    shown: dict[str, Any] = {
        "form": form,
        "problems": problems or {},
        "told": told,
        "tried": tried,
        "types": catalog.operation_types,
        "resources": catalog.resource_types,
        "agents": await _agents(screen),
    }
    if screen.wants_part:
        return screen.part("parts/policy_try.html", status=status, **shown)
    view = await screen.services.policy.view(screen.principal)
    return await screen.page(
        "policy.html",
        status=status,
        policy=view,
        rules=[{"rule": rule, "sentence": sentence_of(rule), "chips": chips_of(rule)} for rule in view.rules],
        time_of=time_of,
        **shown,
    )


async def _agents(screen: Screen) -> list[str]:
    """Return the agents that the form may name, for those who may list keys."""
    if screen.principal.role not in {Role.ADMIN, Role.AUDITOR}:
        return []
    return agents_of(await screen.services.keys.all(screen.principal))
