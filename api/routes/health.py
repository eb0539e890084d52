"""Whether this process lives, and whether approvals would get anywhere."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.dependencies import ServicesDep
from services.readiness import Readiness

router = APIRouter(tags=["Health"])


class Alive(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Is this process alive?")
async def healthz() -> Alive:
    """Answer as long as this process lives; it asks nobody else."""
    return Alive()


@router.get(
    "/readyz",
    summary="Would an approval get through?",
    responses={503: {"model": Readiness, "description": "Something that an approval needs is missing."}},
)
async def readyz(response: Response, services: ServicesDep) -> Readiness:
    """Check the database, Temporal, a worker, and that their clocks agree within 2 s."""
    readiness = await services.readiness.check()
    response.status_code = 200 if readiness.ready else 503
    return readiness
