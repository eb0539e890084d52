"""A Temporal dev server as it is shipped: `start-dev` with a file for its state, and nothing else said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program
from tests.support.temporal import READY_SECONDS, find_program


@asynccontextmanager
async def default_temporal(folder: Path) -> AsyncIterator[tuple[Client, Program]]:
    """Run one until the block is left; give a connection to it, and its process."""
    port = free_port()
    ports = ("--port", str(port), "--http-port", str(free_port()), "--metrics-port", str(free_port()))
    program = Program(
        "temporal-defaults",
        [
            *(find_program("temporal"), "server", "start-dev", "--headless", "--ip", LOOPBACK, *ports),
            *("--db-filename", str(folder / "temporal-defaults.db"), "--log-level", "warn"),
        ],
        log=folder / "temporal-defaults.log",
    )

    async def connected() -> Client:
        program.check_running()
        client = await Client.connect(f"{LOOPBACK}:{port}")
        await client.count_workflows()
        return client

    try:
        client = await eventually("Temporal answers", connected, within=READY_SECONDS, despite=(RuntimeError, RPCError))
        yield client, program
    finally:
        program.reap()
