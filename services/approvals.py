"""Reading approvals: one, one as soon as it ends, or a page of many."""

import asyncio
import base64
import binascii

from pydantic import BaseModel, ConfigDict, ValidationError

from assent.models import Approval, ApprovalPage, ApprovalStatus, Execution, TemporalLink
from domain.approval import BY_RECONCILE, workflow_id_of
from domain.clock import Clock
from domain.errors import ApprovalNotFoundError, InvalidQueryError
from domain.listing import ApprovalFilter, Position, Sort
from domain.lost import END_SENTENCES, WorkflowEnd
from domain.operation import ApprovalRequest
from domain.principal import Principal
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads


class Approvals:
    """Approvals as a caller may see them: agents their own, everybody else all."""

    def __init__(
        self,
        reads: ApprovalReads,
        workflows: ApprovalWorkflows,
        watch: ApprovalWatch,
        clock: Clock,
        link_base: str | None,
    ) -> None:
        """Take the record, Temporal, the watch, the clock, and where the Temporal UI shows a workflow (or None)."""
        self._reads = reads
        self._workflows = workflows
        self._watch = watch
        self._clock = clock
        self._link_base = link_base

    async def get(self, principal: Principal, approval_id: str) -> Approval:
        """Return one approval. Raises ApprovalNotFoundError."""
        approval = await self.recorded(approval_id)
        if approval is None:
            started = await self._started(approval_id)
            # Looked up again: the row may have been written while Temporal was asked.
            approval = await self.recorded(approval_id) or started
        return self.shown_to(principal, approval, approval_id)

    async def _started(self, approval_id: str) -> Approval | None:
        """Return an approval that has no row, as Temporal has it, or None."""
        request = await self._workflows.read_start(approval_id)
        if request is None:
            return None
        look = await self._workflows.look(approval_id)
        approval = unassessed(request).model_copy(update={"stuck": look.stuck})
        return approval if look.end is None else _never_recorded(approval, look.end)

    async def wait(self, principal: Principal, approval_id: str, *, seconds: float) -> Approval:
        """Return one approval as soon as it has ended, or as it stands after `seconds`."""
        if seconds <= 0:
            return await self.get(principal, approval_id)
        with self._watch.following(approval_id, to_the_end=True) as following:
            approval = await self.get(principal, approval_id)
            if approval.status.is_terminal:
                return approval

            async def ended() -> Approval | None:
                found = await self.recorded(approval_id)
                return found if found is not None and found.status.is_terminal else None

            found = await following.until(ended, seconds=seconds)
        if found is None:
            return await self.get(principal, approval_id)
        return self.shown_to(principal, found, approval_id)

    async def page(
        self, principal: Principal, wanted: ApprovalFilter, *, sort: Sort, limit: int, cursor: str | None
    ) -> ApprovalPage:
        """Return one page. Agents see their own approvals, whatever they filter by. Raises InvalidQueryError."""
        if not principal.reads_all:
            if wanted.agent_id not in (None, principal.name):
                return ApprovalPage(items=[])
            wanted = wanted.model_copy(update={"agent_id": principal.name})
        after = None if cursor is None else _position(cursor, sort)
        found = await asyncio.to_thread(
            self._reads.page, wanted, sort=sort, after=after, limit=limit + 1, now=self._clock()
        )
        items = [self.shown_to(principal, approval, approval.id) for approval in found[:limit]]
        return ApprovalPage(items=items, next_cursor=_cursor(items[-1], sort) if len(found) > limit else None)

    async def recorded(self, approval_id: str) -> Approval | None:
        """Return the approval as the record has it, or None before it was assessed."""
        return await asyncio.to_thread(self._reads.get, approval_id, now=self._clock())

    def shown_to(self, principal: Principal, approval: Approval | None, approval_id: str) -> Approval:
        """Return what this caller may see. Raises ApprovalNotFoundError, also for another agent's approval."""
        if approval is None or not (principal.reads_all or approval.agent_id == principal.name):
            message = f"There is no approval {approval_id} that this key may see."
            raise ApprovalNotFoundError(message)
        if not principal.reads_all or self._link_base is None:
            return approval
        url = f"{self._link_base}/{approval.temporal.workflow_id}/{approval.temporal.run_id or ''}".rstrip("/")
        return approval.model_copy(update={"temporal": approval.temporal.model_copy(update={"url": url})})


def unassessed(request: ApprovalRequest) -> Approval:
    """Return an approval that no worker has assessed yet: pending, its risk and its deadline not known."""
    return Approval(
        id=request.approval_id,
        status=ApprovalStatus.PENDING,
        operation=request.operation,
        agent_id=request.agent_id,
        reason=request.reason,
        context=request.context,
        digest=request.digest,
        created_at=request.submitted_at,
        temporal=TemporalLink(workflow_id=workflow_id_of(request.approval_id)),
        agent_owner=request.agent_owner,
    )


def _never_recorded(approval: Approval, end: WorkflowEnd) -> Approval:
    """Return an approval without a row whose workflow has ended: nothing assesses it any more."""
    if end is not WorkflowEnd.ENDED:
        # Nothing starts without a row.
        ended = {"status": ApprovalStatus.CANCELLED, "decided_by": [BY_RECONCILE]}
        return approval.model_copy(update=ended)
    # A workflow that comes to its end has had a row: this record is older, and does not know what ran.
    execution = Execution(error=END_SENTENCES[end], outcome_unknown=True)
    return approval.model_copy(update={"status": ApprovalStatus.FAILED, "execution": execution})


_NO_CURSOR = "This cursor means nothing. Leave it out to start from the first page."


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sort: Sort
    position: Position


def _cursor(approval: Approval, sort: Sort) -> str:
    at = approval.created_at if sort is Sort.NEWEST else approval.expires_at
    level = approval.risk.level if sort is Sort.RISK and approval.risk is not None else None
    position = Position.model_validate({"at": at, "approval_id": approval.id, "risk_level": level})
    return (
        base64.urlsafe_b64encode(_Cursor(sort=sort, position=position).model_dump_json().encode()).decode().rstrip("=")
    )


def _position(cursor: str, sort: Sort) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        read = _Cursor.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValidationError, ValueError) as error:
        raise InvalidQueryError(_NO_CURSOR) from error
    if read.sort is not sort:
        message = f"This cursor belongs to sort={read.sort.value}. Keep the sort while you page."
        raise InvalidQueryError(message)
    if (read.position.risk_level is None) is (sort is Sort.RISK):
        raise InvalidQueryError(_NO_CURSOR)
    return read.position
