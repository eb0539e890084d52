"""One run of a program: its session, its output and its end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev import tether
from dev.terminal import Terminal

# Output may stay open after the end, in the hands of a process that was left behind.
LAST_WORDS_SECONDS = 0.5

CHUNK_BYTES = 65_536
LONGEST_LINE_BYTES = 1_048_576
LONGEST_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Program:
    """What to run. With `log`, its output goes to the end of that file, else to the terminal.

    `cwd` is the folder in which it runs, ours by default; `user` is whom it runs as when we are root; `stop_signal`
    asks it to stop. `tether_mode` is how it ends when this process dies first; `dev.tether` knows the modes.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path | None = None
    cwd: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    tether_mode: str = tether.MODE_HERE


class Process:
    """A program that runs, or has run. It has a session of its own: the terminal's Ctrl-C does not reach it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        held: contextlib.ExitStack,
        telling: asyncio.Future[None],
        stop_signal: signal.Signals,
    ) -> None:
        """Take what `start` has made, what to close after its end, the passing on of its output, and how to stop it."""
        self._process = process
        self._stop_signal = stop_signal
        self._telling = telling
        self._life = asyncio.create_task(self._live(held))

    @classmethod
    async def start(cls, program: Program, terminal: Terminal) -> "Process":
        """Start `program`. What it prints goes to its log or to `terminal`."""
        with contextlib.ExitStack() as held, contextlib.ExitStack() as handed_over:
            output, telling = await _output(program, terminal, held, handed_over)
            tied = (sys.executable, "-I", "-S", tether.__file__, program.tether_mode, str(os.getpid()))
            process = await asyncio.create_subprocess_exec(
                *(*tied, program.user or "", *program.command),
                stdin=_input(program, held, handed_over),
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=program.cwd,
                env=program.environment,
                start_new_session=True,
            )
            return cls(process, held.pop_all(), telling, program.stop_signal)

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the signal's number when one killed it; None while it runs."""
        return self._process.returncode

    async def ended(self) -> int:
        """Wait until it has ended and its last words are told; return its exit code."""
        return await asyncio.shield(self._life)

    def terminate(self) -> None:
        """Ask it to stop."""
        # Not by asyncio's own method: that one may reap the process, and then nobody learns how it ended.
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, self._stop_signal)

    def kill(self) -> None:
        """Kill it, and whatever it has started."""
        if self.exit_code is None:
            self._kill_session()

    async def _live(self, held: contextlib.ExitStack) -> int:
        with held:
            code = await self._process.wait()
            # Whatever it has started and left behind would keep ports, files and this terminal.
            self._kill_session()
            await asyncio.wait([self._telling], timeout=LAST_WORDS_SECONDS)
            self._telling.cancel()
            return code

    def _kill_session(self) -> None:
        # The session's leader may be gone, and macOS answers EPERM for a group of which only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _input(program: Program, held: contextlib.ExitStack, handed_over: contextlib.ExitStack) -> int:
    """Return what the process reads: nothing, or a pipe that is closed when this process is gone."""
    if program.tether_mode != tether.PIPE:
        return asyncio.subprocess.DEVNULL
    theirs, ours = os.pipe()
    handed_over.callback(os.close, theirs)
    held.callback(os.close, ours)
    return theirs


async def _output(
    program: Program, terminal: Terminal, held: contextlib.ExitStack, handed_over: contextlib.ExitStack
) -> tuple[int, asyncio.Future[None]]:
    """Return where the process writes, and the task that passes it on."""
    loop = asyncio.get_running_loop()
    if program.log is not None:
        too_long = program.log.exists() and program.log.stat().st_size > LONGEST_LOG_BYTES
        log = handed_over.enter_context(program.log.open("wb" if too_long else "ab"))
        nothing_to_tell: asyncio.Future[None] = loop.create_future()
        nothing_to_tell.set_result(None)
        return log.fileno(), nothing_to_tell
    # Not asyncio's own pipe: its `wait` would wait for whoever holds the other end, the process or not.
    ours, theirs = os.pipe()
    handed_over.callback(os.close, theirs)
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb"))
    held.callback(transport.close)
    telling = asyncio.create_task(_pass_on(reader, program.name, terminal))
    return theirs, telling


async def _pass_on(output: asyncio.StreamReader, name: str, terminal: Terminal) -> None:
    unfinished = b""
    while chunk := await output.read(CHUNK_BYTES):
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        if len(unfinished) > LONGEST_LINE_BYTES:
            lines, unfinished = [*lines, unfinished], b""
        for line in lines:
            terminal.pass_on(name, line.decode(errors="replace").removesuffix("\r"))
    if unfinished:
        terminal.pass_on(name, unfinished.decode(errors="replace"))
