"""Real Temporal servers: the dev server that can be killed and restarted, and the one that skips time."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from config.temporal import SEARCH_ATTRIBUTES, indexed_type
from tests.support.eventually import wait_until
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program

READY_SECONDS = 30.0
NAMESPACE = "default"

_FLAGS = (
    *("--headless", "--ip", LOOPBACK, "--log-level", "warn", "--namespace", NAMESPACE),
    *("--sqlite-pragma", "synchronous=FULL"),
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
    *(word for name, kind in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", f"{name}={kind}")),
)
# Only a file has a write-ahead log.
_FILE_FLAGS = ("--sqlite-pragma", "journal_mode=WAL")


class TemporalServer:
    """A dev server with ports of its own, which it keeps when it is started again; so it does its state, in a file."""

    def __init__(self, folder: Path, *, in_memory: bool = False, flags: Sequence[str] = ()) -> None:
        """Keep log and state in `folder`; start nothing yet. In memory it is faster, and forgets when it stops."""
        self._folder = folder
        self._flags = flags
        self._port = free_port()
        self._http_port = free_port()
        self._database = () if in_memory else ("--db-filename", str(folder / "temporal.db"), *_FILE_FLAGS)
        self._program: Program | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    @property
    def settings(self) -> dict[str, str]:
        """The variables that lead a process of ours to this server."""
        return {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": NAMESPACE}

    def start(self) -> None:
        """Start it, and wait until it serves the namespace with its search attributes; takes half a second."""
        ports = ("--port", str(self._port), "--http-port", str(self._http_port), "--metrics-port", str(free_port()))
        program = Program(
            "temporal",
            [find_program("temporal"), "server", "start-dev", *ports, *_FLAGS, *self._flags, *self._database],
            log=self._folder / "temporal.log",
        )
        self._program = program

        def attributes() -> set[str]:
            program.check_running()
            return self._search_attributes()

        wait_until(
            "Temporal serves the search attributes",
            attributes,
            until=SEARCH_ATTRIBUTES.keys().__le__,
            within=READY_SECONDS,
            despite=(httpx2.HTTPError,),
        )

    def stop(self) -> None:
        """Stop it as Ctrl-C does; takes a second or two."""
        self._running().stop()

    def kill9(self) -> None:
        """Kill it as a crash would."""
        self._running().kill9()

    def command(self, *words: str) -> None:
        """Run a command of Temporal's own on it, as an operator does: `command("workflow", "terminate", ...)`."""
        where = ("--address", self.address, "--namespace", NAMESPACE)
        command = [find_program("temporal"), *words, *where]
        ran = subprocess.run(command, input="y\n", capture_output=True, text=True, check=False)  # noqa: S603  the tests' own
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._program is not None:
            self._program.reap()

    def _running(self) -> Program:
        if self._program is None:
            message = "The Temporal server has not been started."
            raise RuntimeError(message)
        return self._program

    def _search_attributes(self) -> set[str]:
        url = f"http://{LOOPBACK}:{self._http_port}/cluster/namespaces/{NAMESPACE}/search-attributes"
        answer = httpx2.get(url, timeout=5, trust_env=False).raise_for_status().json()
        return set(answer.get("customAttributes", {}))


async def connect(server: TemporalServer) -> Client:
    """Return a client of `server` for the running event loop."""
    return await Client.connect(server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter)


@asynccontextmanager
async def time_skipping_environment() -> AsyncIterator[WorkflowEnvironment]:
    """Run a server of its own whose clock jumps to the next timer while a workflow's result is awaited.

    It takes search attributes at the start and by upserts, shows them in `describe`, and cannot list workflows.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=find_program("temporal-test-server"), data_converter=pydantic_data_converter
    ) as environment:
        # All that this server offers of what `prepare_namespace` does elsewhere.
        await environment.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=environment.client.namespace,
                search_attributes={name: indexed_type(kind) for name, kind in SEARCH_ATTRIBUTES.items()},
            )
        )
        yield environment


def find_program(name: str) -> str:
    """Return the path of a program that a package has put beside Python, or that is on the PATH."""
    beside_python = Path(sys.executable).with_name(name)
    found = str(beside_python) if beside_python.exists() else shutil.which(name)
    if found is None:
        message = f"The program {name} is not installed."
        raise RuntimeError(message)
    return found
