"""Any sequence of decisions, forgeries, cancels and passing time leaves the approval where a simple model says."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from typing_extensions import override

from assent.models import Approval, ApprovalStatus, Outcome
from domain.approval import ApprovalState
from domain.ballot import Decision
from tests.support.desk import Desk, Handle, open_desk
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.temporal import time_skipping_environment

Result = TypeVar("Result")

OPERATIONS = {
    "note.critical": (1, ApprovalStatus.EXECUTED),
    "note.quorum": (2, ApprovalStatus.EXECUTED),
    "note.fail": (1, ApprovalStatus.FAILED),
}
EXAMPLES = 25
# What leads to an execution is drawn more often: it takes more steps than the other endings.
OUTCOMES = st.sampled_from([Outcome.APPROVE, Outcome.APPROVE, Outcome.REJECT])
REVIEWERS = st.sampled_from(["ada", "bob", "cleo"])


class World:
    """A desk on the server that skips time, with a worker, on an event loop of its own thread."""

    def __init__(self, database_url: str) -> None:
        """Start the loop's thread and everything on it."""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.environment: WorkflowEnvironment
        self.desk: Desk
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(database_url),))
        self._thread.start()
        assert self._ready.wait(30)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def close(self) -> None:
        """End everything."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _live(self, database_url: str) -> None:
        async with (
            time_skipping_environment() as self.environment,
            open_desk(self.environment.client, database_url) as self.desk,
            self.desk.worker(max_cached_workflows=50),
        ):
            self._ready.set()
            await self._stop.wait()


class ApprovalMachine(RuleBasedStateMachine):
    """One approval beside its model."""

    world: ClassVar[World]
    operation_type: ClassVar[str]
    reached: ClassVar[set[ApprovalStatus]] = set()

    handle: Handle
    deadline: datetime

    @initialize()
    def submit(self) -> None:
        """Start an approval."""
        self.desk = self.world.desk
        self.request = self.desk.request(self.operation_type)
        self.required, self.after_approval = OPERATIONS[self.operation_type]
        self.status = ApprovalStatus.PENDING
        self.approvers: set[str] = set()
        self.verdicts: list[str | None] = []
        self.sent: list[Decision] = []
        self.handle = self.world.run(self.desk.start(self.request))
        found = self.world.run(eventually("it is assessed", lambda: self.desk.approval(self.request)))
        assert found is not None
        assert found.expires_at is not None
        self.deadline = found.expires_at

    @precondition(lambda self: self.status is ApprovalStatus.PENDING)
    @rule(reviewer=REVIEWERS, outcome=OUTCOMES, late=st.sampled_from([False, False, True]))
    def decide(self, reviewer: str, outcome: Outcome, late: bool) -> None:  # noqa: FBT001  drawn
        """Decide in time or too late."""
        at = self.deadline + timedelta(seconds=1) if late else self.deadline - timedelta(seconds=1)
        decision = self.desk.decision(self.request, at=at, reviewer=reviewer, outcome=outcome)
        self.sent.append(decision)
        if late:
            self.verdicts.append("too_late")
        elif reviewer in self.approvers:
            self.verdicts.append("already_voted")
        else:
            self.verdicts.append(None)
            self._count(reviewer, outcome)
        self._signal("decide", decision)

    @precondition(lambda self: self.status is ApprovalStatus.PENDING)
    @rule(reviewer=REVIEWERS)
    def decide_on_what_was_never_shown(self, reviewer: str) -> None:
        """Decide with an authentic signature over another digest."""
        other = self.request.model_copy(update={"digest": "0" * 64})
        decision = self.desk.decision(other, at=self.deadline - timedelta(seconds=1), reviewer=reviewer)
        self.verdicts.append("wrong_digest")
        self._signal("decide", decision)

    @precondition(lambda self: self.status is ApprovalStatus.PENDING and self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Replay any decision that was sent before: it changes nothing."""
        self._signal("decide", data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self.status is ApprovalStatus.PENDING)
    @rule(
        content=st.sampled_from([None, {}, {"outcome": "approve"}, "approve"]),
        name=st.sampled_from(["decide", "cancel"]),
    )
    def forge(self, content: object, name: str) -> None:
        """Signal without a signature: it changes nothing."""
        self._signal(name, content)

    @precondition(lambda self: self.status is ApprovalStatus.PENDING and self.verdicts)
    @rule()
    def cancel(self) -> None:
        """Cancel on request."""
        self.status = ApprovalStatus.CANCELLED
        self._signal("cancel", self.desk.cancel(self.request, at=self.deadline))

    @precondition(lambda self: self.status is ApprovalStatus.PENDING and self.verdicts)
    @rule()
    def cancel_in_temporal(self) -> None:
        """Cancel the workflow."""
        self.status = ApprovalStatus.CANCELLED
        self.world.run(self.handle.cancel())
        self._compare()

    @precondition(lambda self: self.status is ApprovalStatus.PENDING and self.verdicts)
    @rule()
    def let_the_time_pass(self) -> None:
        """Go past the deadline and its grace."""
        self.status = ApprovalStatus.EXPIRED
        self.world.run(self.world.environment.sleep(timedelta(hours=25)))
        self._compare()

    @precondition(lambda self: self.status is not ApprovalStatus.PENDING)
    @rule(reviewer=REVIEWERS)
    def decide_after_the_end(self, reviewer: str) -> None:
        """Nobody takes a decision any more, and its sender is told so."""
        self.world.run(self._result())
        with pytest.raises(RPCError) as refused:
            self._signal("decide", self.desk.decision(self.request, at=self.deadline, reviewer=reviewer))
        assert refused.value.status is RPCStatusCode.NOT_FOUND
        self._compare()

    @override
    def teardown(self) -> None:
        """Whatever is still pending expires; then workflow and record must agree with the model."""
        if not hasattr(self, "handle"):
            return
        if self.status is ApprovalStatus.PENDING:
            self.status = ApprovalStatus.EXPIRED
        state = self.world.run(self._result())
        assert state is None or state.status is self.status
        assert (state is None) <= (self.status is ApprovalStatus.CANCELLED)
        self._compare()
        self.reached.add(self.status)

    def _count(self, reviewer: str, outcome: Outcome) -> None:
        if outcome is Outcome.REJECT:
            self.status = ApprovalStatus.REJECTED
            return
        self.approvers.add(reviewer)
        if len(self.approvers) == self.required:
            self.status = self.after_approval

    def _signal(self, name: str, content: object) -> None:
        self.world.run(self.handle.signal(name, content))
        self._compare()

    def _compare(self) -> None:
        def agrees(found: Approval | None) -> bool:
            return (
                found is not None
                and found.status is self.status
                and [decision.refusal for decision in found.decisions] == self.verdicts
            )

        self.world.run(
            eventually(
                f"{self.status} with {self.verdicts}",
                lambda: self.desk.approval(self.request),
                until=agrees,
            )
        )

    async def _result(self) -> ApprovalState | None:
        try:
            return await self.handle.result()
        except WorkflowFailureError:
            return None


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world that the machines share."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    opened = World(sqlite_url)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.timeout(300)
def test_the_workflow_agrees_with_the_model(world: World) -> None:
    """Every step of every example agrees, and together the examples reach every terminal status."""
    ApprovalMachine.world = world
    ApprovalMachine.reached.clear()
    for operation_type in OPERATIONS:
        ApprovalMachine.operation_type = operation_type
        run_state_machine_as_test(
            ApprovalMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=6,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert ApprovalMachine.reached == {status for status in ApprovalStatus if status.is_terminal}
    assert sum(check_promises(world.desk.database).values()) >= EXAMPLES * len(OPERATIONS)
