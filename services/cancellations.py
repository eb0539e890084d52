"""Cancelling what is pending: by its agent, by an administrator, or because the agent's key was revoked."""

import asyncio
from uuid import UUID, uuid5

import uuid6

from assent.models import Approval, ApprovalStatus, Role
from domain.approval import BY_REVOCATION
from domain.audit import cancel_refused
from domain.ballot import Cancel
from domain.clock import Clock
from domain.errors import NotPendingError, RoleNotAllowedError
from domain.principal import Principal
from domain.signing import SigningKeys
from services.approvals import Approvals
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore

RECORDED_WITHIN_SECONDS = 5.0

_NAMESPACE = UUID("0193f1a4-95b7-7e12-a6d8-7b3e1c0f4d52")
_BATCH = 500


class Cancellations:
    """Sends signed cancels and tells what the record made of them."""

    def __init__(  # noqa: PLR0913  each is one thing that a cancel needs
        self,
        *,
        approvals: Approvals,
        reads: ApprovalReads,
        store: ApprovalStore,
        workflows: ApprovalWorkflows,
        watch: ApprovalWatch,
        signing_keys: SigningKeys,
        clock: Clock,
    ) -> None:
        """Take the record, Temporal, and the keys that sign."""
        self._approvals = approvals
        self._reads = reads
        self._store = store
        self._workflows = workflows
        self._watch = watch
        self._signing_keys = signing_keys
        self._clock = clock

    async def cancel(self, principal: Principal, approval_id: str) -> tuple[Approval, bool]:
        """Cancel a pending approval; return it, and whether the cancel is recorded already.

        Raises RoleNotAllowedError, ApprovalNotFoundError or NotPendingError.
        """
        if principal.role not in (Role.AGENT, Role.ADMIN):
            message = f"A key with the role {principal.role.value} does not cancel. Its agent or an admin does."
            raise RoleNotAllowedError(message)
        approval = await self._approvals.get(principal, approval_id)
        cancel = self._signed(str(uuid6.uuid7()), approval_id, str(principal), "Cancelled on request.")
        if approval.status is not ApprovalStatus.PENDING:
            refused = cancel_refused(cancel, approval.status, digest=approval.digest, at=cancel.requested_at)
            await asyncio.to_thread(self._store.append, refused)
            raise _not_pending(approval)

        async def closed() -> Approval | None:
            found = await self._approvals.recorded(approval_id)
            return found if found is not None and found.status is not ApprovalStatus.PENDING else None

        with self._watch.following(approval_id) as following:
            delivered = await self._workflows.cancel(cancel)
            found = await following.until(closed, seconds=RECORDED_WITHIN_SECONDS if delivered else 0)
        if found is None:
            if not delivered:
                message = "The approval's workflow is no longer running. It is being closed: read it again in a minute."
                raise NotPendingError(message)
            return approval, False
        if found.status is not ApprovalStatus.CANCELLED:
            raise _not_pending(found)
        return self._approvals.shown_to(principal, found, approval_id), True

    async def cancel_for_revoked_agents(self) -> None:
        """Send a cancel for every pending approval of an agent whose key was revoked. Safe to run again."""
        last = ""
        while found := await asyncio.to_thread(self._reads.pending_of_revoked_agents, after=last, limit=_BATCH):
            for approval_id in found:
                cancel_id = str(uuid5(_NAMESPACE, approval_id))
                reason = "The agent's key was revoked."
                await self._workflows.cancel(self._signed(cancel_id, approval_id, BY_REVOCATION, reason))
            last = found[-1]

    def _signed(self, cancel_id: str, approval_id: str, actor: str, reason: str) -> Cancel:
        cancel = Cancel(
            cancel_id=cancel_id, approval_id=approval_id, actor=actor, reason=reason, requested_at=self._clock()
        )
        return cancel.model_copy(update={"signature": self._signing_keys.sign(cancel.signed_fields())})


def _not_pending(approval: Approval) -> NotPendingError:
    by = ", ".join(approval.decided_by) or "nobody"
    message = f"Only a pending approval can be cancelled. This one is {approval.status.value}, by {by}."
    return NotPendingError(message, decided_by=tuple(approval.decided_by))
