"""Submitting an operation for approval."""

import asyncio
from enum import StrEnum
from uuid import UUID, uuid5

import uuid6

from assent.models import Approval, Role, Submission
from domain.audit import Action, AuditEvent, event_id
from domain.clock import Clock
from domain.errors import (
    ApprovalNotFoundError,
    IdempotencyConflictError,
    InvalidOperationError,
    PausedError,
    RoleNotAllowedError,
)
from domain.frozen import Frozen
from domain.operation import ApprovalRequest, content_digest, operation_digest
from domain.principal import Principal
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from services.approvals import Approvals, unassessed
from services.pauses import Pauses
from services.submission_limit import SubmissionLimit
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore

ASSESSED_WITHIN_SECONDS = 2.0

_NAMESPACE = UUID("0193f1a4-7d21-7b6e-8c4f-2f1a0b9e6d35")


class Novelty(StrEnum):
    """What a submission turned out to be."""

    ASSESSED = "assessed"
    ACCEPTED = "accepted"
    KNOWN = "known"


class Submitted(Frozen):
    """The approval that a submission led to. `accepted`: it is durable, and no worker has assessed it yet."""

    approval: Approval
    novelty: Novelty


class Submissions:
    """Takes operations from agents and starts their workflows."""

    def __init__(  # noqa: PLR0913  each is one thing that a submission needs
        self,
        *,
        approvals: Approvals,
        reads: ApprovalReads,
        store: ApprovalStore,
        operations: OperationRegistry,
        workflows: ApprovalWorkflows,
        watch: ApprovalWatch,
        limit: SubmissionLimit,
        pauses: Pauses,
        signing_keys: SigningKeys,
        clock: Clock,
    ) -> None:
        """Take the record, the declared operations, Temporal, what a key may submit when, and the keys that sign."""
        self._limit = limit
        self._pauses = pauses
        self._approvals = approvals
        self._reads = reads
        self._store = store
        self._operations = operations
        self._workflows = workflows
        self._watch = watch
        self._signing_keys = signing_keys
        self._clock = clock

    async def submit(self, principal: Principal, submission: Submission, idempotency_key: str | None) -> Submitted:
        """Start an approval, or return the one that this idempotency key started before.

        Raises RoleNotAllowedError, TooManySubmissionsError, PausedError, UndeclaredOperationError,
        InvalidOperationError, IdempotencyConflictError, StorageUnavailableError or TemporalUnavailableError.
        """
        if principal.role not in (Role.AGENT, Role.ADMIN):
            message = f"A key with the role {principal.role.value} does not submit. Use an agent's key."
            raise RoleNotAllowedError(message)
        self._limit.take(principal.name)
        content = _content_digest(submission)
        approval_id = _approval_id(principal, idempotency_key)
        if idempotency_key is not None and (known := await self._known(principal, approval_id, content)) is not None:
            return known
        try:
            await self._pauses.check(principal.name, submission.operation.type)
        except PausedError:
            # A start that no worker has assessed is known to Temporal alone.
            started = None if idempotency_key is None else await self._workflows.read_start(approval_id)
            if started is None:
                raise
            return await self._started_before(principal, approval_id, content, started)
        request = self._request(principal, submission, approval_id, content, idempotency_key)

        async def assessed() -> Approval | None:
            return await self._approvals.recorded(approval_id)

        with self._watch.following(approval_id) as following:
            if not await self._workflows.start(request):
                started = await self._workflows.read_start(approval_id)
                # A start whose answer was lost on the way is tried again by the client below, and is still this one.
                if started is None or started.signature != request.signature:
                    return await self._started_before(principal, approval_id, content, started)
            approval = await following.until(assessed, seconds=ASSESSED_WITHIN_SECONDS)
        if approval is None:
            waiting = self._approvals.shown_to(principal, unassessed(request), approval_id)
            return Submitted(approval=waiting, novelty=Novelty.ACCEPTED)
        shown = self._approvals.shown_to(principal, approval, approval_id)
        return Submitted(approval=shown, novelty=Novelty.ASSESSED)

    def _request(
        self,
        principal: Principal,
        submission: Submission,
        approval_id: str,
        content: str,
        idempotency_key: str | None,
    ) -> ApprovalRequest:
        operation, declaration = self._operations.checked(submission.operation)
        request = ApprovalRequest(
            approval_id=approval_id,
            agent_id=principal.name,
            agent_owner=principal.owner,
            operation=operation,
            reason=submission.reason,
            context=submission.context,
            declaration=declaration.identity,
            digest=operation_digest(approval_id, principal.name, operation, declaration.identity),
            content_digest=content,
            idempotency_key=idempotency_key,
            submitted_at=self._clock(),
            risk_level=submission.risk_level,
        )
        return request.model_copy(update={"signature": self._signing_keys.sign(request.signed_fields())})

    async def _known(self, principal: Principal, approval_id: str, content: str) -> Submitted | None:
        stored = await asyncio.to_thread(self._reads.content_digest, approval_id)
        if stored is None:
            return None
        await self._compare(principal, approval_id, stored, content)
        approval = await self._approvals.get(principal, approval_id)
        return Submitted(approval=approval, novelty=Novelty.KNOWN)

    async def _started_before(
        self, principal: Principal, approval_id: str, content: str, started: ApprovalRequest | None
    ) -> Submitted:
        if (known := await self._known(principal, approval_id, content)) is not None:
            return known
        if started is None:
            message = (
                f"A workflow that is not ours holds the id of approval {approval_id}. Use another Idempotency-Key."
            )
            raise ApprovalNotFoundError(message)
        await self._compare(principal, approval_id, started.content_digest, content)
        return Submitted(approval=await self._approvals.get(principal, approval_id), novelty=Novelty.KNOWN)

    async def _compare(self, principal: Principal, approval_id: str, first: str, second: str) -> None:
        if first == second:
            return
        await asyncio.to_thread(
            self._store.append,
            AuditEvent(
                event_id=event_id(Action.SUBMISSION_CONFLICT, approval_id, second),
                at=self._clock(),
                actor=str(principal),
                action=Action.SUBMISSION_CONFLICT,
                approval_id=approval_id,
                details={"first_content_digest": first, "second_content_digest": second},
            ),
        )
        message = (
            f"This Idempotency-Key was used for other content, under approval {approval_id}. "
            "Send other content under another key."
        )
        raise IdempotencyConflictError(message)


def _approval_id(principal: Principal, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return str(uuid6.uuid7())
    return str(uuid5(_NAMESPACE, f"{principal.name}\x00{idempotency_key}"))


def _content_digest(submission: Submission) -> str:
    try:
        return content_digest(submission.operation, submission.reason, submission.context, submission.risk_level)
    except ValueError as error:
        message = f"The submission cannot be written as canonical JSON: {error}"
        raise InvalidOperationError(message) from error
