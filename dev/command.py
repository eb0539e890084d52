"""`assent dev` from its first check to its last process."""

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from temporalio.client import Client

from config.settings import Given, Settings, load_settings
from config.temporal import prepare_namespace
from dev.banner import Commands, Place, banner
from dev.children import Children
from dev.data_folder import TEMPORAL_LOG_FILE, prepare_data_folder
from dev.environment import address_of, api_url, child_environment, temporal_ui_url
from dev.ports import Port, check_that_they_differ
from dev.process import Program
from dev.readiness import until_ready
from dev.temporal_server import LOOPBACK, TemporalPorts, own_temporal, running_temporal, until_temporal_answers
from dev.terminal import Terminal
from services.first_run import Welcome

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    asyncio.run(_run(options, parts, Terminal(out or sys.stdout)))


async def _run(options: Options, parts: Parts, terminal: Terminal) -> None:
    children = Children(terminal)
    story = asyncio.create_task(_start_and_watch(options, parts, terminal, children))
    _stop_on_signals(story, children)
    try:
        await story
    except asyncio.CancelledError:
        terminal.say("Stopping.")
    finally:
        await children.stop()


def _stop_on_signals(story: asyncio.Task[None], children: Children) -> None:
    """The first signal ends `story`, after which all stop in order; another one means at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if story.done() or story.cancelling():
            children.kill()
        else:
            story.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    # Whoever started us under `nohup` wants this to outlive the terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)


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
            temporal = await _temporal(group, ports, settings, terminal, children)
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


async def _temporal(
    group: asyncio.TaskGroup, ports: TemporalPorts, settings: Settings, terminal: Terminal, children: Children
) -> Client:
    """Connect to the Temporal that answers already, or start one."""
    client = await running_temporal(ports)
    if client is not None:
        terminal.say(f"Using the Temporal that already answers at {address_of(client)}.")
        return client
    ports.service.check()
    ports.ui.check()
    terminal.say(f"Starting Temporal, a worker and the API, with their data in {settings.data_dir}.")
    child = await children.start(own_temporal(ports, settings.data_dir))
    client = await until_temporal_answers(child, ports, settings.data_dir / TEMPORAL_LOG_FILE)
    group.create_task(child.keep_running())
    return client
