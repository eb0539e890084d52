"""Trusted patterns: make, list, change, delete, and try one on the history."""

from fastapi import APIRouter, Response

from api.dependencies import Caller, PatternId, ServicesDep
from api.errors import describe
from assent.policy_models import Backtest, NewTrustedPattern, PatternChange, PatternList, TrustedPattern

router = APIRouter(prefix="/v1/trusted-patterns", tags=["Trusted patterns"])


@router.post("", status_code=201, summary="Make a trusted pattern", responses=describe(401, 403, 413, 415, 422, 503))
async def create(
    wanted: NewTrustedPattern, response: Response, caller: Caller, services: ServicesDep
) -> TrustedPattern:
    """Let operations that match through without a person, with an admin's key.

    A broad pattern (a wildcard in the agent, or no condition) needs `"broad": true`. Nobody makes a pattern that can
    match an agent for whom they answer. `warnings` say what is dangerous about it.
    """
    pattern = await services.patterns.create(caller, wanted)
    response.headers["Location"] = f"/v1/trusted-patterns/{pattern.id}"
    return pattern


@router.get("", summary="List trusted patterns", responses=describe(401, 403, 503))
async def all_patterns(caller: Caller, services: ServicesDep) -> PatternList:
    """Return every pattern with its use, the newest first, to people."""
    return await services.patterns.all(caller)


# Before the routes with an id, or it would be taken for one.
@router.post("/backtest", summary="Try a pattern on the history", responses=describe(401, 403, 413, 415, 422, 503))
async def backtest(wanted: NewTrustedPattern, caller: Caller, services: ServicesDep) -> Backtest:
    """Say what a draft would have let through of the newest 100,000 requests, and what people made of those."""
    return await services.patterns.backtest(caller, wanted)


@router.get("/{pattern_id}", summary="Read a trusted pattern", responses=describe(401, 403, 404, 422, 503))
async def read(pattern_id: PatternId, caller: Caller, services: ServicesDep) -> TrustedPattern:
    """Return one pattern with its use, to people."""
    return await services.patterns.get(caller, pattern_id)


@router.get(
    "/{pattern_id}/revisions",
    summary="Read every revision of a trusted pattern",
    responses=describe(401, 403, 404, 422, 503),
)
async def revisions(pattern_id: PatternId, caller: Caller, services: ServicesDep) -> PatternList:
    """Return what a pattern has said since it was made, the oldest revision first, also once it was deleted."""
    return await services.patterns.revisions(caller, pattern_id)


@router.patch(
    "/{pattern_id}", summary="Change a trusted pattern", responses=describe(401, 403, 404, 413, 415, 422, 503)
)
async def change(pattern_id: PatternId, wanted: PatternChange, caller: Caller, services: ServicesDep) -> TrustedPattern:
    """Make the next revision, with an admin's key; what is left out stays. A reviewer may set `status` to `suspended`.

    What was let through before stays let through.
    """
    return await services.patterns.change(caller, pattern_id, wanted)


@router.delete(
    "/{pattern_id}", status_code=204, summary="Delete a trusted pattern", responses=describe(401, 403, 404, 422, 503)
)
async def delete(pattern_id: PatternId, caller: Caller, services: ServicesDep) -> None:
    """Take a pattern out of force for good, with an admin's key. Its revisions and its uses stay in the record."""
    await services.patterns.delete(caller, pattern_id)
