"""The queue as people read it: how much waits, what was rejected a moment ago, and what became of the like before."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from assent.models import Approval
from domain.clock import Clock
from domain.errors import RoleNotAllowedError
from domain.listing import ApprovalHistory, QueueSummary
from domain.principal import Principal
from services.approvals import Approvals
from storage.approval_reads import ApprovalReads
from storage.queue_reads import QueueReads


class Queue:
    """What people see around the approvals. Every method raises RoleNotAllowedError for an agent."""

    def __init__(self, reads: ApprovalReads, queue_reads: QueueReads, approvals: Approvals, clock: Clock) -> None:
        """Take the record, what is read around it, who may see what of an approval, and the clock."""
        self._reads = reads
        self._queue_reads = queue_reads
        self._approvals = approvals
        self._clock = clock

    async def summary(self, principal: Principal) -> QueueSummary:
        """Return what waits for a decision now."""
        _check_person(principal)
        return await asyncio.to_thread(self._queue_reads.summary, self._clock())

    async def history_of(self, principal: Principal, approval: Approval) -> ApprovalHistory:
        """Return what became of the requests beside this one."""
        _check_person(principal)
        return await asyncio.to_thread(self._queue_reads.history_of, approval, now=self._clock())

    async def rejected_recently(
        self, principal: Principal, approvals: Sequence[Approval], since: datetime
    ) -> dict[str, datetime]:
        """Return, by approval id, when the same request of the same agent was last rejected since then."""
        _check_person(principal)
        if not approvals:
            return {}
        return await asyncio.to_thread(self._queue_reads.rejected_recently, approvals, since)

    async def by_ids(self, principal: Principal, approval_ids: Sequence[str]) -> list[Approval]:
        """Return these approvals in the order of their ids, without those that the record does not have."""
        _check_person(principal)
        found = await asyncio.to_thread(self._reads.by_ids, approval_ids, now=self._clock())
        return [self._approvals.shown_to(principal, approval, approval.id) for approval in found]


def _check_person(principal: Principal) -> None:
    if not principal.reads_all:
        message = "The queue is for people. An agent's key reads its own approvals: GET /v1/approvals."
        raise RoleNotAllowedError(message)
