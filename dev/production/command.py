"""`make prod` from its first check to its last process: the compose file's services, without containers."""

import asyncio
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import StartError
from dev.children import Children
from dev.data_folder import prepare_data_folder
from dev.environment import address_of
from dev.ports import Port, check_that_they_differ
from dev.process import Program
from dev.production import env_file
from dev.production.banner import Running, banner
from dev.production.compose import ComposeFile
from dev.production.places import Listening, Places
from dev.production.postgres import OwnPostgres
from dev.readiness import until_ready
from dev.session import run_until_stopped
from dev.temporal_provision import provide_temporal
from dev.temporal_server import LOOPBACK, TemporalPorts
from dev.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]

PREFIXES = ("ASSENT_", "TEMPORAL_")
# Each process has its own.
OWN_PORTS = ("ASSENT_HOST", "ASSENT_PORT", "ASSENT_METRICS_ADDRESS")

# What the processes are told, for whoever calls a command on the same databases.
SETTINGS_FILE = "settings.env"
_ENV_FILE = ".env"
_STATE = "state"


@dataclass(frozen=True)
class Options:
    """What was typed: the folder for all state, and ports. `port` and `metrics_port` are the first of several."""

    data_dir: Path
    port: int
    temporal_port: int
    temporal_ui_port: int
    postgres_port: int
    metrics_port: int


def run(options: Options) -> None:
    """Run until a signal says stop. Raises StartError when something cannot start or cannot go on."""
    # Whatever is written is for its owner only, in the folder that others may have to pass.
    os.umask(0o077)
    folder = options.data_dir.absolute()
    prepare_data_folder(folder)
    start = Start(options, folder, Terminal(sys.stdout))
    asyncio.run(run_until_stopped(start.story(), start.terminal, start.servers, start.parts))


class Start:
    """One start: its compose file, and its children. The parts are Assent's own; they stop before the servers do."""

    def __init__(self, options: Options, folder: Path, terminal: Terminal) -> None:
        """Read the compose file, with secrets that are made on the first start. Raises StartError."""
        self.terminal = terminal
        self._folder = folder
        variables = env_file.variables(env_file.keep(folder / _ENV_FILE))
        self._compose = ComposeFile.read(ROOT, variables | {"TEMPORAL_UI_PORT": str(options.temporal_ui_port)})
        self._api, self._worker = self._compose.services["api"], self._compose.services["worker"]
        self.servers = Children(terminal)
        self.parts = Children(terminal, grace_seconds=max(self._api.seconds_to_stop, self._worker.seconds_to_stop))
        self._api_ports = [Port(LOOPBACK, options.port + number, "--port") for number in range(self._api.replicas)]
        self._metrics_ports = [
            Port(LOOPBACK, options.metrics_port + number, "--metrics-port")
            for number in range(self._api.replicas + self._worker.replicas)
        ]
        self._temporal_ports = TemporalPorts(
            Port(LOOPBACK, options.temporal_port, "--temporal-port"),
            Port(LOOPBACK, options.temporal_ui_port, "--temporal-ui-port"),
        )
        self._postgres_port = Port(LOOPBACK, options.postgres_port, "--postgres-port")
        # What is set for this machine wins over the compose file.
        self._given = {
            name: value for name, value in os.environ.items() if name.startswith(PREFIXES) and name not in OWN_PORTS
        }

    async def story(self) -> None:
        """Start everything in the compose file's order, say where it is, and keep it running."""
        servers = (self._temporal_ports.service, self._temporal_ports.ui, self._postgres_port)
        check_that_they_differ(*self._api_ports, *self._metrics_ports, *servers)
        for port in (*self._api_ports, *self._metrics_ports):
            port.check()
        try:
            async with asyncio.TaskGroup() as group:
                places = await self._start_servers(group)
                await self._migrate(places)
                for program in self._programs(places):
                    group.create_task((await self.parts.start(program)).keep_running())
                urls = [f"http://{port.host}:{port.number}" for port in self._api_ports]
                for url in urls:
                    await until_ready(f"{url}/readyz", self.terminal.say)
                self.terminal.say(banner(self._running(places, urls)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start_servers(self, group: asyncio.TaskGroup) -> Places:
        """Start PostgreSQL and Temporal, unless others are given."""
        given = not self._given.keys().isdisjoint(("ASSENT_DATABASE_URL", "ASSENT_DATABASE_URL_FILE"))
        postgresql = "as ASSENT_DATABASE_URL says" if given else await self._start_postgres(group)
        starting = f"Starting Temporal, with its data in {self._folder}."
        temporal = await provide_temporal(
            group, self._temporal_ports, self._folder, self.terminal, self.servers, starting=starting
        )
        return Places(postgresql, address_of(temporal), ROOT, self._folder / _STATE, self._given)

    async def _start_postgres(self, group: asyncio.TaskGroup) -> str:
        self._postgres_port.check()
        self.terminal.say(f"Starting PostgreSQL, with its data in {self._folder}.")
        own = await asyncio.to_thread(OwnPostgres.prepared, self._postgres_port, self._folder, self._compose)
        child = await self.servers.start(own.program())
        await own.until_it_answers(child)
        await own.make_databases(self.terminal)
        group.create_task(child.keep_running())
        return own.address

    async def _migrate(self, places: Places) -> None:
        migrating = await self.parts.start(places.program(self._compose.services["migrate"], "migrate", Listening()))
        if await migrating.ended() != 0:
            message = "The migration failed; what it said is above."
            raise StartError(message)

    def _programs(self, places: Places) -> Iterator[Program]:
        """Yield the workers, and then the APIs, as many of each as the compose file wants."""
        metrics_ports = iter(self._metrics_ports)
        for number in range(1, self._worker.replicas + 1):
            listening = Listening(metrics_port=next(metrics_ports).number)
            yield places.program(self._worker, f"worker-{number}", listening)
        for number, (port, metrics_port) in enumerate(zip(self._api_ports, metrics_ports, strict=True), 1):
            yield places.program(self._api, f"api-{number}", Listening(port.number, metrics_port.number))

    def _running(self, places: Places, urls: Sequence[str]) -> Running:
        told = places.environment(self._api, Listening()) | {"ASSENT_URL": urls[0]}
        settings = _keep_settings(self._folder, told)
        ui_url = None if self._temporal_ports.ui.is_free else self._temporal_ports.ui_url
        return Running(
            api_urls=urls,
            temporal=places.temporal,
            temporal_ui_url=ui_url,
            postgresql=places.postgresql,
            workers=self._worker.replicas,
            metrics_urls=[f"http://{port.host}:{port.number}/metrics" for port in self._metrics_ports],
            folder=self._folder,
            settings=settings,
        )


def _keep_settings(folder: Path, environment: Mapping[str, str]) -> Path:
    """Write what the processes are told into a file for shells, for its owner only; return its path."""
    path = folder / SETTINGS_FILE
    told = {name: value for name, value in environment.items() if name.startswith(PREFIXES) and name not in OWN_PORTS}
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(told.items()) if value)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
