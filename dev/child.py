"""A program that is to run all the time: started again when it dies by itself."""

import asyncio
import signal
from typing import Never

from config.errors import SettingsError, StartError
from dev.process import Process, Program
from dev.terminal import Terminal

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
# A child that has run this long is well again: its next death is not part of a series.
STEADY_SECONDS = 60.0


class Child:
    """One program and the process that runs it now, which may be the first or a later one."""

    def __init__(self, program: Program, terminal: Terminal, process: Process) -> None:
        """Take a process of `program` that runs."""
        self._program = program
        self._terminal = terminal
        self._process = process

    @classmethod
    async def start(cls, program: Program, terminal: Terminal) -> "Child":
        """Start `program`; its output and what befalls it are told to `terminal`."""
        return cls(program, terminal, await Process.start(program, terminal))

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the signal's number when one killed it; None while it runs."""
        return self._process.exit_code

    async def keep_running(self) -> Never:
        """Start it again whenever it dies. Raises StartError when it says that its settings are wrong."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while True:
            started = loop.time()
            code = await self._process.ended()
            if code == SettingsError.exit_code:
                message = f"The {self._program.name} process cannot work with these settings; what it said is above."
                raise StartError(message)
            if loop.time() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._terminal.say(
                f"The {self._program.name} process stopped ({_way(code)}): starting it again in {pause:g} s."
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._process = await Process.start(self._program, self._terminal)

    async def ended(self) -> int:
        """Wait until the process that runs now has ended; return its exit code."""
        return await self._process.ended()

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill it, and whatever it has started."""
        self._process.kill()


def _way(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
