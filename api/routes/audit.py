"""The audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import STORABLE, Caller, ServicesDep
from api.errors import describe
from assent.models import AuditPage
from domain.audit import Action
from services.audit_log import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["Audit"])


@router.get("", summary="Read the audit log", responses=describe(401, 403, 422, 503))
async def page(  # noqa: PLR0913, PLR0917  each is one filter of the list
    caller: Caller,
    services: ServicesDep,
    approval_id: Annotated[str | None, Query(max_length=64, pattern=STORABLE)] = None,
    actor: Annotated[str | None, Query(max_length=96, pattern=STORABLE, examples=["reviewer:ada"])] = None,
    action: Action | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=32)] = None,
) -> AuditPage:
    """Return audit events, oldest first. Needs a reviewer's, an admin's or an auditor's key."""
    wanted = AuditFilter(approval_id=approval_id, actor=actor, action=None if action is None else action.value)
    return await services.audit_log.page(caller, wanted, limit=limit, cursor=cursor)
