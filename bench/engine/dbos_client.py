"""DBOS's clients: they enqueue, send the decision, and await the result, straight from the database."""

import asyncio
import functools
import sys

from dbos import DBOSClient, WorkflowHandleAsync

from bench.engine import request
from bench.engine.dbos_workflow import NAME, QUEUE, TOPIC, WORKFLOW
from bench.engine.load import Approver, Submitted, obey
from tests.support.eventually import eventually

_CONNECTIONS = 20
_LONGEST_SECONDS = 120.0


class DbosApprover:
    """An agent and a reviewer, with some connections among all."""

    def __init__(self, client: DBOSClient, poll_seconds: float) -> None:
        """Take the connections, and how often to look."""
        self._client = client
        self._poll_seconds = poll_seconds
        self._handles: dict[str, WorkflowHandleAsync[str]] = {}

    async def submit(self) -> Submitted:
        """Enqueue the workflow."""
        handle: WorkflowHandleAsync[str] = await self._client.enqueue_async(
            {"queue_name": QUEUE, "workflow_name": WORKFLOW}, request.SUBMISSION
        )
        self._handles[handle.get_workflow_id()] = handle
        return Submitted(workflow_id=handle.get_workflow_id())

    async def until_it_waits(self, submitted: Submitted) -> None:
        """Look until the queue has let it begin."""

        async def status() -> str:
            return (await self._handles[submitted.workflow_id].get_status()).status

        await eventually("it has begun", status, until="ENQUEUED".__ne__, within=_LONGEST_SECONDS)

    async def approve(self, submitted: Submitted) -> None:
        """Send the decision, and await the result."""
        await self._client.send_async(submitted.workflow_id, message=True, topic=TOPIC)
        handle = self._handles.pop(submitted.workflow_id)
        if (ended := await handle.get_result(polling_interval_sec=self._poll_seconds)) != "executed":
            message = f"A DBOS workflow ended as {ended}."
            raise RuntimeError(message)


async def _open(approver: DbosApprover, clients: int) -> list[Approver]:
    return [approver] * clients


async def main(url: str, poll_seconds: float) -> None:
    """Obey until there are no more orders."""
    client = DBOSClient(system_database_url=url, system_database_pool_size=_CONNECTIONS, application_name=NAME)
    await obey(functools.partial(_open, DbosApprover(client, poll_seconds)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
