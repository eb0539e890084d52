"""`assent dev` from its first check to its last process."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from config.settings import Given, Settings, load_settings
from config.temporal import prepare_namespace
from dev.banner import Commands, Place, banner
from dev.children import Children
from dev.data_folder import prepare_data_folder
from dev.environment import api_url, child_environment, temporal_ui_url
from dev.ports import Port, check_that_they_differ
from dev.process import Program
from dev.readiness import until_ready
from dev.session import run_until_stopped
from dev.temporal_provision import provide_temporal
from dev.temporal_server import LOOPBACK, TemporalPorts
from dev.terminal import Terminal
from services.first_run import Welcome


@dataclass(frozen=True)
class Options:
    """What was typed. `given` wins over the environment."""

    given: Given
    temporal_port: int = 7233
    temporal_ui_port: int = 8233


@dataclass(frozen=True)
class Parts:
    """What is started and called: the commands of the two processes, and the two steps that need the database."""

    worker: tuple[str, ...]
    api: tuple[str, ...]
    migrate: Callable[[str], None]
    welcome: Callable[[Settings], Welcome]
    commands: Commands


def run(options: Options, parts: Parts, out: TextIO | None = None) -> None:
    """Run until a signal says stop. Raises StartError when something cannot start or cannot go on."""
    terminal = Terminal(out or sys.stdout)
    children = Children(terminal)
    asyncio.run(run_until_stopped(_start_and_watch(options, parts, terminal, children), terminal, children))


async def _start_and_watch(options: Options, parts: Parts, terminal: Terminal, children: Children) -> None:
    settings = load_settings(need_signing_keys=False, **options.given)
    ports = TemporalPorts(
        Port(LOOPBACK, options.temporal_port, "--temporal-port"),
        Port(LOOPBACK, options.temporal_ui_port, "--temporal-ui-port"),
    )
    api_port = Port(settings.host, settings.port, "--port")
    check_that_they_differ(api_port, ports.service, ports.ui)
    api_port.check()
    prepare_data_folder(settings.data_dir)
    try:
        async with asyncio.TaskGroup() as group:
            migrating = group.create_task(asyncio.to_thread(parts.migrate, settings.database_url))
            starting = f"Starting Temporal, a worker and the API, with their data in {settings.data_dir}."
            temporal = await provide_temporal(group, ports, settings.data_dir, terminal, children, starting=starting)
            await prepare_namespace(temporal)
            await migrating
            ui_url = temporal_ui_url(settings, ports, temporal)
            environment = child_environment(settings, temporal, ui_url)
            for program in (Program("worker", parts.worker, environment), Program("api", parts.api, environment)):
                group.create_task((await children.start(program)).keep_running())
            url = api_url(settings)
            await until_ready(f"{url}/readyz", terminal.say)
            place = Place(settings.public_url or url, url, ui_url, settings.data_dir)
            # Not in a thread: a secret that is made must be shown, and nothing can come in between.
            terminal.say(banner(place, parts.welcome(settings), parts.commands))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
