"""Everything that the use cases say to Temporal: start an approval's workflow, signal it, read its start."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import uuid6
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollActivityTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from assent.models import ApprovalStatus
from domain.approval import ApprovalState, workflow_id_of
from domain.ballot import Cancel, Decision
from domain.clock import Clock
from domain.errors import TemporalUnavailableError
from domain.operation import ApprovalRequest
from domain.signing import SigningKeys
from services.open_workflows import Look, OpenWorkflows
from workflows.approval import ApprovalWorkflow
from workflows.descriptions import static_summary
from workflows.search_attributes import AGENT_ID, APPROVAL_STATUS, OPERATION_TYPE, RESOURCE_TYPE

_RPC_TIMEOUT = timedelta(seconds=5)

_CLOCK_QUEUE = "assent-clock"
# Temporal refuses polls that would end sooner than this; ours is given up as soon as it was stamped.
_CLOCK_POLL = timedelta(seconds=10)
_CLOCK_LOOKS = 20
_CLOCK_LOOK_SECONDS = 0.05


class ApprovalWorkflows:
    """The approvals' workflows, as a client sees them.

    Everything raises TemporalUnavailableError when Temporal does not answer.
    """

    def __init__(self, client: Client, signing_keys: SigningKeys, task_queue: str) -> None:
        """Take a connected client, the keys that prove a start, and the workers' task queue."""
        self._client = client
        self._open = OpenWorkflows(client, task_queue)
        self._signing_keys = signing_keys
        self._task_queue = task_queue

    async def start(self, request: ApprovalRequest) -> bool:
        """Start the workflow of a signed request. Return False when its id was started before."""
        operation = request.operation
        try:
            await self._client.start_workflow(
                ApprovalWorkflow.run,
                request,
                id=workflow_id_of(request.approval_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                # Not `use existing`: the caller must learn whether the content is that of the first start.
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(APPROVAL_STATUS, ApprovalStatus.PENDING.value),
                        SearchAttributePair(AGENT_ID, request.agent_id),
                        SearchAttributePair(OPERATION_TYPE, operation.type),
                        SearchAttributePair(RESOURCE_TYPE, operation.resource_type),
                    ]
                ),
                static_summary=static_summary(operation.type, operation.resource_type),
                rpc_timeout=_RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            message = (
                f"Temporal does not answer, so it is not known whether approval {request.approval_id} was accepted. "
                "Send it again with the same Idempotency-Key, or read it under this id."
            )
            raise TemporalUnavailableError(message) from error
        return True

    async def decide(self, decision: Decision) -> bool:
        """Send a signed decision. Return False when the workflow is closed or gone."""
        handle = self._handle(decision.approval_id)
        return await _delivered(
            handle.signal(ApprovalWorkflow.decide, decision, rpc_timeout=_RPC_TIMEOUT), decision.decision_id
        )

    async def cancel(self, cancel: Cancel) -> bool:
        """Send a signed cancel. Return False when the workflow is closed or gone."""
        handle = self._handle(cancel.approval_id)
        return await _delivered(
            handle.signal(ApprovalWorkflow.cancel, cancel, rpc_timeout=_RPC_TIMEOUT), cancel.cancel_id
        )

    async def read_start(self, approval_id: str) -> ApprovalRequest | None:
        """Return the signed request that an approval's workflow was started with, or None when there is none.

        The first event of the history is read, since descriptions and visibility lag behind what was acknowledged.
        """
        history = self._handle(approval_id).fetch_history_events(page_size=1, rpc_timeout=_RPC_TIMEOUT)
        try:
            async for event in history:
                payloads = event.workflow_execution_started_event_attributes.input.payloads
                decoded = await self._client.data_converter.decode(payloads[:1], [ApprovalRequest])
                request: ApprovalRequest = decoded[0]
                return request if self._signing_keys.verify(request.signed_fields(), request.signature) else None
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return None
            message = "Temporal does not answer. Try again in a few seconds."
            raise TemporalUnavailableError(message) from error
        except (ValueError, IndexError, RuntimeError):
            # Somebody started a workflow under an approval's name with something that is no request.
            return None
        return None

    async def look(self, approval_id: str) -> Look:
        """Return whether an approval's workflow has ended or is stuck, by its own state, which does not lag."""
        return await self._open.look(approval_id)

    async def answers(self) -> bool:
        """Whether Temporal serves requests."""
        try:
            return await self._client.service_client.check_health(timeout=_RPC_TIMEOUT)
        except RPCError:
            return False

    async def clock_ahead(self, clock: Clock) -> timedelta:
        """Return how far Temporal's clock is surely ahead of `clock` (behind: negative), zero when they may agree.

        Temporal tells its time nowhere by itself. It does stamp each poll of a task queue, so one short poll of a queue
        that nobody else uses is compared with the time around it.
        """
        queue = TaskQueue(name=_CLOCK_QUEUE)
        namespace = self._client.namespace
        identity = f"{self._client.identity}-clock-{uuid6.uuid7()}"
        service = self._client.workflow_service
        before = clock()
        polling = asyncio.create_task(
            service.poll_activity_task_queue(
                PollActivityTaskQueueRequest(namespace=namespace, task_queue=queue, identity=identity),
                timeout=_CLOCK_POLL,
            )
        )
        try:
            stamp = await self._poll_stamp(namespace, queue, identity)
        except RPCError as error:
            message = "Temporal does not answer. Try again in a few seconds."
            raise TemporalUnavailableError(message) from error
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
        if stamp is None:
            return timedelta(0)
        return max(stamp - clock(), timedelta(0)) or min(stamp - before, timedelta(0))

    async def _poll_stamp(self, namespace: str, queue: TaskQueue, identity: str) -> datetime | None:
        request = DescribeTaskQueueRequest(
            namespace=namespace, task_queue=queue, task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
        )
        for _ in range(_CLOCK_LOOKS):
            described = await self._client.workflow_service.describe_task_queue(request, timeout=_RPC_TIMEOUT)
            for poller in described.pollers:
                if poller.identity == identity:
                    return poller.last_access_time.ToDatetime(tzinfo=UTC)
            await asyncio.sleep(_CLOCK_LOOK_SECONDS)
        return None

    def _handle(self, approval_id: str) -> WorkflowHandle[ApprovalWorkflow, ApprovalState]:
        return self._client.get_workflow_handle_for(ApprovalWorkflow.run, workflow_id_of(approval_id))


async def _delivered(signal: Awaitable[None], message_id: str) -> bool:
    try:
        await signal
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        detail = (
            f"Temporal does not answer, so it is not known whether {message_id} was accepted. "
            "Read the approval before you send it again."
        )
        raise TemporalUnavailableError(detail, decision_id=message_id) from error
    return True
