"""A client process as the benchmark sees it: it takes orders and gives reports."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bench.engine.orders import Order, Report
from tests.support.processes import ROOT, environment

_LONGEST_LINE = 64_000_000


class Driver:
    """One client process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take the running process, its input and output being pipes."""
        self._process = process

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def order(self, order: Order) -> Report:
        """Have an order carried out. Raises RuntimeError when the process ends instead."""
        if self._process.stdin is None or self._process.stdout is None:
            message = "The client process has no pipes."
            raise RuntimeError(message)
        self._process.stdin.write(f"{order.model_dump_json()}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            message = f"A client process ended with {await self._process.wait()}; see what it wrote above."
            raise RuntimeError(message)
        return Report.model_validate_json(line)


@asynccontextmanager
async def drive(module: str, *arguments: str, settings: Mapping[str, str]) -> AsyncIterator[Driver]:
    """Run a module as a client process, with `settings` added to its environment, until the block is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment(settings),
        limit=_LONGEST_LINE,
    )
    try:
        yield Driver(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
