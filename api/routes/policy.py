"""Policy: the rules in force, and what they would make of a submission."""

from fastapi import APIRouter

from api.dependencies import Caller, ServicesDep
from api.errors import describe
from assent.policy_models import Assessment, Policy, Trial

router = APIRouter(prefix="/v1/policy", tags=["Policy"])


@router.get("", summary="Read the policy", responses=describe(401, 403, 503))
async def read(caller: Caller, services: ServicesDep) -> Policy:
    """Return the rules in force and their version. Needs a reviewer's, an admin's or an auditor's key."""
    return await services.policy.view(caller)


@router.post("/assess", summary="Try a submission", responses=describe(401, 403, 413, 415, 422, 429, 503))
async def assess(trial: Trial, caller: Caller, services: ServicesDep) -> Assessment:
    """Say what would become of a submission. Nothing is stored.

    An agent's key asks for that agent; a reviewer's, an admin's or an auditor's may ask for any, by `agent_id`.
    """
    return await services.policy.assess(caller, trial)
