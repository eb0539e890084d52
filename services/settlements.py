"""Settling: an admin says what became of an execution whose outcome Assent could not know."""

import asyncio

from assent.models import Approval, NewSettlement, Role, Settlement
from domain.clock import Clock
from domain.errors import RoleNotAllowedError
from domain.principal import Principal
from services.approvals import Approvals
from storage.settlements import SettlementStore


class Settlements:
    """Takes what was found out. It changes nothing that runs, and no status."""

    def __init__(self, approvals: Approvals, store: SettlementStore, clock: Clock) -> None:
        """Take the approvals, the stored settlements and the clock."""
        self._approvals = approvals
        self._store = store
        self._clock = clock

    async def settle(self, principal: Principal, approval_id: str, wanted: NewSettlement) -> Approval:
        """Record what was found, once, and return the approval with it.

        The same sent again by the same admin is answered the same. Raises RoleNotAllowedError, ApprovalNotFoundError
        or NotUnknownError.
        """
        if principal.role is not Role.ADMIN:
            message = f"The role {principal.role.value} does not settle an unknown outcome. Ask an admin."
            raise RoleNotAllowedError(message)
        # Raises when there is no such approval, whether or not it has been assessed.
        await self._approvals.get(principal, approval_id)
        settlement = Settlement(
            outcome=wanted.outcome, note=wanted.note, settled_by=str(principal), settled_at=self._clock()
        )
        await asyncio.to_thread(self._store.settle, approval_id, settlement)
        return await self._approvals.get(principal, approval_id)
