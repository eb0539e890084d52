"""The same on DBOS: a message with a deadline, and one step. This process runs the workflows."""

import asyncio
import signal
import sys
from datetime import timedelta
from typing import Any

from dbos import DBOS

from bench.engine import request

NAME = "bench"
QUEUE = "approvals"
WORKFLOW = "approval"
TOPIC = "decision"
RUNNING = "running"

DEADLINE = timedelta(hours=12)


@DBOS.step()
async def execute(submission: dict[str, Any]) -> str:
    """Run the operation."""
    return await request.run(submission["reason"])


@DBOS.workflow(name=WORKFLOW)
async def approval(submission: dict[str, Any]) -> str:
    """Return how it ended."""
    approve = await DBOS.recv_async(TOPIC, timeout_seconds=DEADLINE.total_seconds())
    if approve is None:
        return "expired"
    if not approve:
        return "rejected"
    await execute(submission)
    return "executed"


async def main(url: str, poll_seconds: float) -> None:
    """Run workflows until told to stop; look for new ones so often."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    DBOS(config={"name": NAME, "system_database_url": url, "log_level": "WARNING"})
    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, polling_interval_sec=poll_seconds)
    sys.stdout.write(f"{RUNNING}\n")
    sys.stdout.flush()
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
