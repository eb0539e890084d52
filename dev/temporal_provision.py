"""Temporal for a start: the one that answers already, or one of our own, which is kept running."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from dev.children import Children
from dev.data_folder import TEMPORAL_LOG_FILE
from dev.environment import address_of
from dev.temporal_server import TemporalPorts, own_temporal, running_temporal, until_temporal_answers
from dev.terminal import Terminal


async def provide_temporal(  # noqa: PLR0913  what a start has
    group: asyncio.TaskGroup,
    ports: TemporalPorts,
    data_dir: Path,
    terminal: Terminal,
    children: Children,
    *,
    starting: str,
) -> Client:
    """Connect to the Temporal that answers already, or say `starting` and start one, whose state is in `data_dir`."""
    client = await running_temporal(ports)
    if client is not None:
        terminal.say(f"Using the Temporal that already answers at {address_of(client)}.")
        return client
    ports.service.check()
    ports.ui.check()
    terminal.say(starting)
    child = await children.start(own_temporal(ports, data_dir))
    client = await until_temporal_answers(child, ports, data_dir / TEMPORAL_LOG_FILE)
    group.create_task(child.keep_running())
    return client
