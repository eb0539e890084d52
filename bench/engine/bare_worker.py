"""The bare workflow's worker: a process of its own."""

import asyncio
import signal
import sys

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from bench.engine.bare import BareApproval, execute

RUNNING = "running"
SANDBOXED = "sandboxed"


async def main(address: str, task_queue: str, *, sandboxed: bool) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Worker(
        await Client.connect(address),
        task_queue=task_queue,
        workflows=[BareApproval],
        activities=[execute],
        workflow_runner=SandboxedWorkflowRunner() if sandboxed else UnsandboxedWorkflowRunner(),
    ):
        sys.stdout.write(f"{RUNNING}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], sandboxed=SANDBOXED in sys.argv[3:]))
