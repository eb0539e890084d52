"""The workflow of one approval.

It proposes, the recording transaction decides, and it adopts the stored result: a local activity's result is not
durable until its workflow task completes, so after a kill the same record runs again, with signals that were not there
before.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError

from assent.models import ApprovalStatus
from domain.approval import WORKFLOW_ID_PREFIX, ApprovalState, ExecutionOutcome
from domain.messages import Assess, Execute, RecordExpiry, RecordOutcome, RecordSignal, SignalKind
from domain.signing import Unverified, unverified_text
from workflows.activity_interfaces import AssessmentInterface, ExecutionInterface, RecordingInterface
from workflows.activity_options import CLOSING_GRACE, LONG_RUN, execution_options, record, record_durably
from workflows.descriptions import details, execution_summary, signal_summary, timer_summary
from workflows.search_attributes import APPROVAL_STATUS, DECIDED_BY, EXPIRES_AT, RISK_LEVEL

MAX_MESSAGES = 200
"""More messages than this are dropped unread; the API stops long before, and ten thousand would kill a workflow."""

MAX_REQUEST = 1_500_000
MAX_MESSAGE = 50_000
"""Characters of JSON. Requests of 256 KB and decisions fit, however much of them is escaped; 2 MB do not."""

Command = TypeVar("Command")
Stored = TypeVar("Stored")


@workflow.defn(name="ApprovalWorkflow")
class ApprovalWorkflow:
    """One approval, from its assessment to its end. Everything it holds is a copy of the stored row."""

    @workflow.init
    def __init__(self, request: Unverified = None) -> None:
        """Take the signed request. Whatever else it may be is found out by the assessment."""
        self._request = unverified_text(request, MAX_REQUEST)
        self._approval_id = workflow.info().workflow_id.removeprefix(WORKFLOW_ID_PREFIX)
        self._inbox: deque[RecordSignal] = deque()
        self._messages = 0
        self._approval: ApprovalState

    @workflow.run
    async def run(self, request: Unverified = None) -> ApprovalState:  # noqa: ARG002  taken by __init__
        """Return the approval as it ended."""
        story = asyncio.create_task(self._story())
        try:
            return await asyncio.shield(story)
        except asyncio.CancelledError:
            # A cancel from the Temporal UI is one more message; it never tears a record that is being written.
            self._remember(SignalKind.TEMPORAL_CANCEL)
        approval = await story
        if approval.status is ApprovalStatus.CANCELLED:
            raise asyncio.CancelledError
        return approval

    @workflow.signal
    def decide(self, decision: Unverified = None) -> None:
        """Queue a reviewer's decision; the story takes them one at a time, in order."""
        self._remember(SignalKind.DECIDE, decision)

    @workflow.signal
    def cancel(self, cancel: Unverified = None) -> None:
        """Queue a wish to cancel, in the same line as the decisions."""
        self._remember(SignalKind.CANCEL, cancel)

    async def _story(self) -> ApprovalState:
        await self._assess()
        await self._wait_for_outcome()
        if self._approval.status is ApprovalStatus.APPROVED:
            await self._execute()
        await self._answer_the_rest()
        # No await from here on: a message that comes later finds the workflow closed, and its sender is told so.
        workflow.upsert_search_attributes(
            [APPROVAL_STATUS.value_set(self._approval.status.value), DECIDED_BY.value_set(self._approval.decided_by)]
        )
        return self._approval

    async def _assess(self) -> None:
        info = workflow.info()
        command = Assess(
            approval_id=self._approval_id,
            run_id=info.run_id,
            started_at=info.workflow_start_time,
            request=self._request,
        )
        stored = await _recorded(AssessmentInterface.assess, command, "Assess the request")
        if stored is None:
            message = "Refused: this request was not signed by an Assent API. Nothing was stored, and nothing runs."
            raise ApplicationError(message, type="unauthentic", non_retryable=True)
        self._adopt(stored)
        attributes: list[SearchAttributeUpdate[Any]] = [
            RISK_LEVEL.value_set(stored.risk_level.value),
            EXPIRES_AT.value_set(stored.expires_at),
        ]
        if stored.decided_by:
            attributes.append(DECIDED_BY.value_set(stored.decided_by))
        workflow.upsert_search_attributes(attributes)

    async def _wait_for_outcome(self) -> None:
        while self._approval.status is ApprovalStatus.PENDING:
            if self._inbox:
                await self._record_signal(self._inbox.popleft())
                continue
            # The deadline itself is held by comparing times in the record; `now` only sizes the timer.
            remaining = self._approval.expires_at + CLOSING_GRACE - workflow.now()
            if remaining <= timedelta(0) or not await self._message_within(remaining):
                await self._record_expiry()

    async def _message_within(self, remaining: timedelta) -> bool:
        try:
            await workflow.wait_condition(
                lambda: bool(self._inbox), timeout=remaining, timeout_summary=timer_summary(self._approval)
            )
        except TimeoutError:
            return False
        return True

    async def _execute(self) -> None:
        plan = self._approval.plan
        if plan.run_timeout > LONG_RUN:
            workflow.upsert_search_attributes([APPROVAL_STATUS.value_set(self._approval.status.value)])
        try:
            outcome = await workflow.execute_activity_method(
                ExecutionInterface.execute,
                Execute(approval_id=self._approval_id),
                **execution_options(plan, execution_summary(self._approval)),
            )
        except FailureError:
            # Tries are not limited, so this is somebody's hand: an activity failed or reset from outside.
            outcome = ExecutionOutcome(outcome_unknown=True)
        if outcome.recorded is None:
            await self._record_outcome(outcome)
        else:
            self._adopt(outcome.recorded)

    async def _answer_the_rest(self) -> None:
        while self._inbox:
            await self._record_signal(self._inbox.popleft())

    async def _record_signal(self, command: RecordSignal) -> None:
        self._adopt(await _recorded(RecordingInterface.record_signal, command, signal_summary(command.kind)))

    async def _record_expiry(self) -> None:
        command = RecordExpiry(approval_id=self._approval_id, at=workflow.now())
        self._adopt(await _recorded(RecordingInterface.record_expiry, command, "Record the expiry"))

    async def _record_outcome(self, outcome: ExecutionOutcome) -> None:
        command = RecordOutcome(approval_id=self._approval_id, at=workflow.now(), outcome=outcome)
        self._adopt(await _recorded(RecordingInterface.record_outcome, command, "Record how it ended"))

    def _remember(self, kind: SignalKind, content: Unverified = None) -> None:
        self._messages += 1
        if self._messages <= MAX_MESSAGES or kind is SignalKind.TEMPORAL_CANCEL:
            self._inbox.append(
                RecordSignal(
                    approval_id=self._approval_id,
                    kind=kind,
                    at=workflow.now(),
                    content=unverified_text(content, MAX_MESSAGE),
                )
            )

    def _adopt(self, stored: ApprovalState) -> None:
        self._approval = stored
        workflow.set_current_details(details(stored))


async def _recorded(method: Callable[[Any, Command], Stored], command: Command, summary: str) -> Stored:
    """Write a record: quickly while the database is well, and durably when it is not."""
    try:
        return await workflow.execute_local_activity_method(method, command, **record(summary))
    except FailureError:
        return await workflow.execute_activity_method(method, command, **record_durably(summary))
