"""The run of an approved operation: claimed first, bounded in time, and honest about what is not known."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta

import structlog
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from typing_extensions import override

from assent.models import Pause
from domain.approval import ExecutionOutcome, workflow_id_of
from domain.clock import Clock
from domain.errors import InvalidInputError, MissingRowError, StorageUnavailableError
from domain.execution import StoredApproval
from domain.messages import Execute
from domain.pauses import since
from domain.results import recorded_result, storable
from operations.registry import OperationRegistry
from storage.approvals import ApprovalStore
from storage.claims import ClaimStore
from workflows.activity_interfaces import ExecutionInterface

EXECUTION_BEAT = timedelta(seconds=2)
"""How often an execution says that its worker lives. The worker must be told as well: by itself the SDK passes on one
heartbeat in eight of the ten seconds after which the server gives the worker up, so that one late beat is the end."""

_LATE_AFTER = timedelta(seconds=3)
"""How long an execution may lie in a busy worker before it asks whether Temporal still counts on it."""

_RECORD_WITHIN = timedelta(seconds=2)
"""For a database that takes longer, or does not answer, the workflow waits, which holds the outcome meanwhile."""

_LOOK_AGAIN_AFTER = timedelta(seconds=5)
"""How long after a resume something that it has held may still wait."""

# Without an exporter its spans are nothing.
_tracer = trace.get_tracer("assent")


class Execution(ExecutionInterface):
    """Runs what the record says was approved; nothing of the operation comes from the caller."""

    def __init__(
        self, claims: ClaimStore, approvals: ApprovalStore, operations: OperationRegistry, clock: Clock
    ) -> None:
        """Take the claims, the record, the declared operations, and the clock that dates them."""
        self._claims = claims
        self._approvals = approvals
        self._operations = operations
        self._clock = clock

    @override
    @activity.defn(name="execute")
    async def execute(self, command: Execute) -> ExecutionOutcome:
        """Run the stored operation if it is approved; return how it ended."""
        workflow_id = activity.info().workflow_id
        async with _heartbeats():
            await self._still_counted_on()
            if (ended := await self._ended_before(command.approval_id)) is not None:
                return ended
            claim = await asyncio.to_thread(
                self._claims.claim,
                command.approval_id,
                at=self._clock(),
                refusal=lambda approval: self._refusal(approval, workflow_id),
            )
            if claim.refused is not None:
                return ExecutionOutcome(refused=claim.refused)
            if claim.paused is not None:
                raise _held(claim.paused)
            if claim.approval is None or claim.already_started:
                return ExecutionOutcome(outcome_unknown=True)
            outcome = await self._run(claim.approval, last_attempt=claim.attempt >= claim.approval.plan.attempts)
            return await self._recorded(command.approval_id, outcome)

    async def _still_counted_on(self) -> None:
        """Fail, with nothing claimed, when this attempt came so late that Temporal has given it up for another.

        The other would find the claim and could only say that nobody knows. Clocks that differ cost a question each.
        """
        started = activity.info()
        if self._clock() - started.started_time > _LATE_AFTER:
            await activity.client().get_async_activity_handle(task_token=started.task_token).heartbeat()

    async def _ended_before(self, approval_id: str) -> ExecutionOutcome | None:
        """Return the end that an earlier attempt recorded, whose answer to Temporal was lost; None without one."""
        started = activity.info()
        if started.attempt == 1 or started.workflow_id != workflow_id_of(approval_id):
            return None
        with suppress(MissingRowError):
            state = await asyncio.to_thread(self._approvals.state, approval_id)
            return ExecutionOutcome(recorded=state) if state.status.is_terminal else None
        return None

    async def _recorded(self, approval_id: str, outcome: ExecutionOutcome) -> ExecutionOutcome:
        """Record the end at once, which saves the workflow a step; what can't be is left to the workflow."""
        try:
            async with asyncio.timeout(_RECORD_WITHIN.total_seconds()):
                state = await asyncio.to_thread(self._approvals.finish, approval_id, outcome, at=self._clock())
        except (StorageUnavailableError, TimeoutError):
            return outcome
        return ExecutionOutcome(recorded=state)

    def _refusal(self, approval: StoredApproval, workflow_id: str | None) -> str | None:
        if workflow_id != workflow_id_of(approval.approval_id):
            return "It was not asked for by the approval's own workflow."
        declared = self._operations.find(approval.operation.type)
        if declared is None:
            return f"{approval.operation.type} is no longer declared."
        if declared.declaration.identity != approval.declaration:
            return (
                f"{approval.operation.type} was approved as {approval.declaration} "
                f"and is now declared as {declared.declaration.identity}."
            )
        try:
            checked, _ = self._operations.checked(approval.operation)
        except InvalidInputError as error:
            return f"The declaration no longer takes this operation: {error.detail}"
        if checked != approval.operation:
            return "The parameter model has changed since: it would run other parameters than those approved."
        return None

    async def _run(self, approval: StoredApproval, *, last_attempt: bool) -> ExecutionOutcome:
        seconds = approval.plan.run_timeout.total_seconds()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                with _named(approval):
                    result = await self._operations.run(
                        approval.operation, approval_id=approval.approval_id, agent_id=approval.agent_id
                    )
        except asyncio.CancelledError:
            # The worker is being stopped. A thread cannot be stopped, so nobody can say how far it came.
            return _ended_unknown("The worker was stopped while it ran.", last_attempt=last_attempt)
        except Exception as error:  # noqa: BLE001  whatever an operation raises is its failure, and must be recorded
            if limit.expired():
                return _ended_unknown(f"It did not finish within {seconds:g} s.", last_attempt=last_attempt)
            return _failed(f"{type(error).__name__}: {error}", last_attempt=last_attempt)
        recorded = recorded_result(result)
        return ExecutionOutcome(result=recorded.text, result_digest=recorded.digest, result_bytes=recorded.size)


def _held(pause: Pause) -> ApplicationError:
    # What Temporal's UI shows holds our words alone, so the admin's reason stays in the record.
    return ApplicationError(
        f"Paused {since(pause)}: it has not started.",
        type="paused",
        next_retry_delay=_LOOK_AGAIN_AFTER,
        category=ApplicationErrorCategory.BENIGN,
    )


def _failed(error: str, *, last_attempt: bool) -> ExecutionOutcome:
    if last_attempt:
        return ExecutionOutcome(error=storable(error))
    raise ApplicationError(storable(error), type="operation-failed")


def _ended_unknown(error: str, *, last_attempt: bool) -> ExecutionOutcome:
    if last_attempt:
        return ExecutionOutcome(error=error, outcome_unknown=True)
    raise ApplicationError(error, type="operation-unfinished")


@contextmanager
def _named(approval: StoredApproval) -> Iterator[None]:
    """Name the approval in each line that the operation logs, and make its run a span. Neither holds any content."""
    about = {"assent.approval_id": approval.approval_id, "assent.operation_type": approval.operation.type}
    run = _tracer.start_as_current_span(
        f"run {approval.operation.type}", attributes=about, record_exception=False, set_status_on_exception=False
    )
    with structlog.contextvars.bound_contextvars(approval_id=approval.approval_id), run as span:
        try:
            yield
        except BaseException as error:
            # Its type alone, since a message may quote what the operation was given.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Tell Temporal that this worker lives, for as long as the block runs."""

    async def beat() -> None:
        while True:
            # Most operations are over by then, and each heartbeat is a write in Temporal's database.
            await asyncio.sleep(EXECUTION_BEAT.total_seconds())
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
