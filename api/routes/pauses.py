"""Pauses: hold everything, one agent or one operation type back, and resume it."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Caller, ServicesDep
from api.errors import describe
from assent.models import NewPause, Pause, PauseScope

router = APIRouter(prefix="/v1", tags=["Pauses"])


class PauseList(BaseModel):
    """The pauses in force, the oldest first."""

    items: list[Pause]


@router.post("/pause", status_code=201, summary="Pause", responses=describe(401, 403, 409, 413, 415, 422, 503))
async def pause(wanted: NewPause, caller: Caller, services: ServicesDep) -> Pause:
    """Pause one agent, one operation type or, with neither, everything, as an admin.

    New submissions are answered 503, and what is approved does not start. What runs already goes on; reviewers may
    decide, and deadlines still count.
    """
    return await services.pauses.pause(caller, wanted)


@router.post("/resume", summary="Resume", responses=describe(401, 403, 404, 413, 415, 422, 503))
async def resume(scope: PauseScope, caller: Caller, services: ServicesDep) -> Pause:
    """End the pause of exactly this scope, as an admin.

    What is approved, and held by no other pause, starts within 5 s.
    """
    return await services.pauses.resume(caller, scope)


@router.get("/pauses", summary="List pauses", responses=describe(401, 403, 503))
async def all_pauses(caller: Caller, services: ServicesDep) -> PauseList:
    """Return the pauses in force, the oldest first. Needs a reviewer's, an admin's or an auditor's key."""
    return PauseList(items=await services.pauses.active(caller))
