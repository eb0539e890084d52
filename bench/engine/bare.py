"""The barest workflow that could do it: a signal, a timer, and one activity."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from bench.engine import request

DEADLINE = timedelta(hours=12)


@activity.defn
async def execute(submission: dict[str, Any]) -> str:
    """Run the operation."""
    return await request.run(submission["reason"])


@workflow.defn
class BareApproval:
    """Waits for a decision, or for the deadline."""

    def __init__(self) -> None:
        """Begin without a decision."""
        self._approved: bool | None = None

    @workflow.run
    async def run(self, submission: dict[str, Any]) -> str:
        """Return how it ended."""
        try:
            await workflow.wait_condition(lambda: self._approved is not None, timeout=DEADLINE)
        except TimeoutError:
            return "expired"
        if not self._approved:
            return "rejected"
        await workflow.execute_activity(execute, submission, start_to_close_timeout=timedelta(seconds=10))
        return "executed"

    @workflow.signal
    def decide(self, approve: bool) -> None:  # noqa: FBT001  a signal's arguments have no names
        """Take the decision."""
        self._approved = approve
