"""Real processes: started, killed, waited for, never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from dev.postgres_programs import identity
from tests.support.eventually import wait_until

ROOT = Path(__file__).resolve().parents[2]

STOP_SECONDS = 15.0
_SHOWN_BYTES = 20_000


class Program:
    """One running process; everything that it writes goes to the end of a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        settings: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        """Start `command` in the repository's root, as `user` where we may choose."""
        self.name = name
        self._log = log
        self._known: set[psutil.Process] = set()
        with log.open("ab") as output:
            # A session of its own: Ctrl-C stops the tests, which then stop it.
            self._process = subprocess.Popen(  # noqa: S603  the tests' own commands
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment(settings or {}),
                start_new_session=True,
                **identity(user),
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the signal's number when one killed it; None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """What it has written so far; of much, the end."""
        return self._log.read_bytes()[-_SHOWN_BYTES:].decode(errors="replace")

    def check_running(self) -> None:
        """Raise AssertionError, with its log, when it has ended."""
        if self.exit_code is not None:
            message = f"{self.name} ended with {self.exit_code}:\n{self.log}"
            raise AssertionError(message)

    def wait(self, within: float = STOP_SECONDS) -> int:
        """Wait until it ends; return its exit code. AssertionError, with its log, when it runs on."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            message = f"{self.name} still runs after {within:g} s:\n{self.log}"
            raise AssertionError(message) from None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to a process that has ended, nothing."""
        self._remember_children()
        self._process.send_signal(number)

    def kill9(self) -> None:
        """Kill it as a crash would, and wait until it is gone. What it has started lives on, until `reap`."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = STOP_SECONDS) -> int:
        """Ask it to end, and wait; return its exit code. AssertionError when it does not end."""
        self.send(number)
        return self.wait(within)

    def reap(self) -> None:
        """Kill it and everything that it has started, now."""
        self.kill9()
        for child in self._known:
            # psutil knows a process by its start time as well: a number used again is left alone.
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        wait_until(f"what {self.name} had started is gone", lambda: not any(map(_lives, self._known)))

    def _remember_children(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._known.update(psutil.Process(self.pid).children(recursive=True))


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Programs:
    """The processes of one test. Leaving the block ends them and writes their logs, which pytest shows on failure."""

    def __init__(self, folder: Path) -> None:
        """Keep the logs in `folder`."""
        self._folder = folder
        self._started: list[Program] = []

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, the last one first."""
        with contextlib.ExitStack() as stack:
            for program in self._started:
                stack.callback(program.reap)
        for program in self._started:
            sys.stdout.write(f"----- {program.name}: ended with {program.exit_code}\n{program.log}\n")

    def start(self, name: str, command: Sequence[str], settings: Mapping[str, str] | None = None) -> Program:
        """Start any command, with `settings` added to the environment."""
        log = self._folder / f"{len(self._started)}-{name}.log"
        program = Program(name, command, log=log, settings=settings)
        self._started.append(program)
        return program

    def worker(self, settings: Mapping[str, str]) -> Program:
        """Start a worker, as production does."""
        return self.start("worker", [sys.executable, "worker.py"], settings)

    def api(self, settings: Mapping[str, str]) -> Program:
        """Start the API, as production does; `ASSENT_PORT` says where it listens."""
        return self.start("api", [sys.executable, "-m", "cli", "api"], settings)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with `settings`, without what this machine sets for Assent, Temporal and traces."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASSENT_", "OTEL_", "TEMPORAL_"))}
    # pytest's own search path is not passed on, and a profile in the home folder must not choose another Temporal.
    path = os.pathsep.join([str(ROOT), str(ROOT / "sdk"), *filter(None, [kept.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "TEMPORAL_CONFIG_FILE": os.devnull} | dict(settings)
