"""The bare workflow's clients: they start, signal, and await the result, straight from Temporal."""

import asyncio
import functools
import sys
import uuid

from temporalio.client import Client

from bench.engine import request
from bench.engine.bare import BareApproval
from bench.engine.load import Approver, Submitted, obey
from tests.support.eventually import eventually

# Started; its task scheduled, started, completed; the timer started.
_EVENTS_WITH_TIMER = 5
_LONGEST_SECONDS = 120.0


class BareApprover:
    """An agent and a reviewer, with one connection among all."""

    def __init__(self, client: Client, task_queue: str) -> None:
        """Take the connection."""
        self._client = client
        self._task_queue = task_queue

    async def submit(self) -> Submitted:
        """Start the workflow."""
        workflow_id = f"bare-{uuid.uuid4()}"
        await self._client.start_workflow(
            BareApproval.run, request.SUBMISSION, id=workflow_id, task_queue=self._task_queue
        )
        return Submitted(workflow_id=workflow_id)

    async def until_it_waits(self, submitted: Submitted) -> None:
        """Look until it has set its timer. The tasks of those that others submitted before have come before its own."""
        handle = self._client.get_workflow_handle(submitted.workflow_id)

        async def events() -> int:
            return (await handle.describe()).history_length

        await eventually("the timer is set", events, until=_EVENTS_WITH_TIMER.__le__, within=_LONGEST_SECONDS)

    async def approve(self, submitted: Submitted) -> None:
        """Signal, and await the result."""
        handle = self._client.get_workflow_handle_for(BareApproval.run, submitted.workflow_id)
        await handle.signal(BareApproval.decide, True)  # noqa: FBT003  a signal's arguments have no names
        if (ended := await handle.result()) != "executed":
            message = f"A bare workflow ended as {ended}."
            raise RuntimeError(message)


async def _open(client: Client, task_queue: str, clients: int) -> list[Approver]:
    return [BareApprover(client, task_queue)] * clients


async def main(address: str, task_queue: str) -> None:
    """Obey until there are no more orders."""
    await obey(functools.partial(_open, await Client.connect(address), task_queue))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
