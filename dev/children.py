"""All the child processes together, and how they end: the last one started first, within a few seconds."""

import asyncio
import contextlib
from collections.abc import Sequence

from dev.child import Child
from dev.process import Program
from dev.terminal import Terminal

# Together with Python's own end this stays below the five seconds that a person waits.
GRACE_SECONDS = 3.5
# Each one gets this long alone before the next one is asked too: a worker finishes its records while Temporal listens.
HEAD_START_SECONDS = 1.0
# After SIGKILL only the kernel's own work is left.
AFTER_KILL_SECONDS = 1.0


class Children:
    """The child processes, in the order in which they were started."""

    def __init__(self, terminal: Terminal, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Pass their output on to `terminal`; when they are told to stop, all together have the grace to do so."""
        self._terminal = terminal
        self._grace_seconds = grace_seconds
        self._children: list[Child] = []

    async def start(self, program: Program) -> Child:
        """Start `program`, to be stopped with the others."""
        child = await Child.start(program, self._terminal)
        self._children.append(child)
        return child

    async def stop(self) -> None:
        """Ask each to stop, the last one started first, and kill what is left after the grace."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace_seconds
        for child in reversed(self._children):
            child.terminate()
            await _wait([child], min(HEAD_START_SECONDS, deadline - loop.time()))
        await _wait(self._children, deadline - loop.time())
        self.kill()
        await _wait(self._children, AFTER_KILL_SECONDS)

    def kill(self) -> None:
        """Kill them all now."""
        for child in self._children:
            child.kill()


async def _wait(children: Sequence[Child], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            for child in children:
                await child.ended()
