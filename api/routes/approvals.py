"""Approvals: submit, read, wait, decide, cancel, settle."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.dependencies import STORABLE, ApprovalId, Caller, IdempotencyKey, ServicesDep
from api.errors import describe
from assent.models import (
    Approval,
    ApprovalPage,
    ApprovalStatus,
    AuditPage,
    DecisionRequest,
    NewSettlement,
    RiskLevel,
    Submission,
)
from domain.listing import ApprovalFilter, Sort
from services.submissions import Novelty

router = APIRouter(prefix="/v1/approvals", tags=["Approvals"])

MAX_WAIT_SECONDS = 60
MAX_PAGE = 200

_STATUS_OF = {Novelty.ASSESSED: 201, Novelty.ACCEPTED: 202, Novelty.KNOWN: 200}


class UnrecordedDecision(Approval):
    """An approval whose workflow has the decision, while no worker has recorded a verdict on it."""

    decision_id: str = Field(description="The decision's id, among the approval's `decisions` once it is recorded.")


@router.post(
    "",
    status_code=201,
    summary="Submit an operation for approval",
    responses={
        200: {"model": Approval, "description": "The approval that this Idempotency-Key started before."},
        202: {"model": Approval, "description": "Durably accepted; no worker has assessed it yet."},
        **describe(401, 403, 409, 413, 415, 422, 429, 503),
    },
)
async def submit(
    submission: Submission,
    response: Response,
    caller: Caller,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> Approval:
    """Ask for approval of one operation, with an agent's key.

    The risk level sets how long reviewers have: `low` (minor operations) 24 h, `medium` (standard sensitive operations)
    12 h, `high` (critical operations) 4 h, `critical` (emergency-level risk) 1 h. No decision in time means that the
    operation does not run.
    """
    submitted = await services.submissions.submit(caller, submission, idempotency_key)
    response.status_code = _STATUS_OF[submitted.novelty]
    response.headers["Location"] = f"/v1/approvals/{submitted.approval.id}"
    return submitted.approval


@router.get("", summary="List approvals", responses=describe(401, 422, 503))
async def page(  # noqa: PLR0913, PLR0917  each is one filter of the list
    caller: Caller,
    services: ServicesDep,
    status: ApprovalStatus | None = None,
    risk_level: RiskLevel | None = None,
    agent_id: Annotated[str | None, Query(max_length=63, pattern=STORABLE)] = None,
    operation_type: Annotated[str | None, Query(max_length=128, pattern=STORABLE)] = None,
    resource_type: Annotated[str | None, Query(max_length=128, pattern=STORABLE)] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=STORABLE,
            description="Words that all occur in the approval: in its id, agent, operation type, resource type, "
            "resource id or reason, in capitals or not.",
        ),
    ] = None,
    sort: Annotated[
        Sort,
        Query(
            description="`-created_at`: the newest first. `expires_at`: the nearest deadline first. `-risk_level`: "
            "`critical` first, then `high`, `medium` and `low`, each by its deadline."
        ),
    ] = Sort.NEWEST,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> ApprovalPage:
    """Return a page of approvals; agents see their own. Pages are stable while approvals arrive."""
    wanted = ApprovalFilter(
        status=status,
        risk_level=risk_level,
        agent_id=agent_id,
        operation_type=operation_type,
        resource_type=resource_type,
        q=q,
    )
    return await services.approvals.page(caller, wanted, sort=sort, limit=limit, cursor=cursor)


@router.get("/{approval_id}", summary="Read an approval, or wait for its end", responses=describe(401, 404, 422, 503))
async def read(
    approval_id: ApprovalId,
    caller: Caller,
    services: ServicesDep,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a terminal status.")] = 0,
) -> Approval:
    """Return one approval: at once, or as soon as it has ended, or as it stands after `wait` seconds."""
    return await services.approvals.wait(caller, approval_id, seconds=wait)


@router.get("/{approval_id}/events", summary="Read an approval's audit trail", responses=describe(401, 404, 422, 503))
async def events(
    approval_id: ApprovalId,
    caller: Caller,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> AuditPage:
    """Return the audit events of one approval, oldest first."""
    return await services.audit_log.of_approval(caller, approval_id, limit=limit, cursor=cursor)


@router.post(
    "/{approval_id}/decisions",
    summary="Approve or reject an operation",
    responses={
        202: {"model": UnrecordedDecision, "description": "The workflow has it; no worker has recorded it yet."},
        **describe(401, 403, 404, 409, 413, 415, 422, 429, 503),
    },
)
async def decide(  # noqa: PLR0913, PLR0917  each is one part of the request
    approval_id: ApprovalId,
    decision: DecisionRequest,
    response: Response,
    caller: Caller,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> Approval | UnrecordedDecision:
    """Decide with a reviewer's or an admin's key. Who decided comes from the key, never from the body.

    A rejection needs a comment. At high and critical risk the decision must carry the `digest` of what was seen; a
    digest that is given is always compared.
    """
    decided = await services.decisions.decide(caller, approval_id, decision, idempotency_key)
    if decided.recorded:
        return decided.approval
    response.status_code = 202
    response.headers["Location"] = f"/v1/approvals/{approval_id}"
    return UnrecordedDecision(**dict(decided.approval), decision_id=decided.decision_id)


@router.post(
    "/{approval_id}/cancel",
    summary="Cancel a pending approval",
    responses={
        202: {"model": Approval, "description": "The workflow has it; no worker has recorded it yet."},
        **describe(401, 403, 404, 409, 413, 415, 422, 503),
    },
)
async def cancel(approval_id: ApprovalId, response: Response, caller: Caller, services: ServicesDep) -> Approval:
    """Cancel what is still pending, with its agent's or an admin's key."""
    approval, recorded = await services.cancellations.cancel(caller, approval_id)
    response.status_code = 200 if recorded else 202
    return approval


@router.post(
    "/{approval_id}/settle",
    summary="Settle an unknown outcome",
    responses=describe(401, 403, 404, 409, 413, 415, 422, 503),
)
async def settle(approval_id: ApprovalId, settlement: NewSettlement, caller: Caller, services: ServicesDep) -> Approval:
    """Say what became of a failed approval with `outcome_unknown`, with an admin's key, once.

    The status stays as it ended; `execution.settlement` tells what was found, and by whom.
    """
    return await services.settlements.settle(caller, approval_id, settlement)
