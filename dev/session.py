"""A start that is watched until a signal says stop, and the children that end with it."""

import asyncio
import signal
from collections.abc import Coroutine

from dev.children import Children
from dev.terminal import Terminal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def run_until_stopped(story: Coroutine[None, None, None], terminal: Terminal, *groups: Children) -> None:
    """Run `story` until it fails or a signal says stop; then stop the groups of its children, the last one first."""
    running = asyncio.create_task(story)
    _stop_on_signals(running, groups)
    try:
        await running
    except asyncio.CancelledError:
        terminal.say("Stopping.")
    finally:
        for children in reversed(groups):
            await children.stop()


def _stop_on_signals(story: asyncio.Task[None], groups: tuple[Children, ...]) -> None:
    """The first signal ends `story`, after which all stop in order; another one means at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if story.done() or story.cancelling():
            for children in groups:
                children.kill()
        else:
            story.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    # Whoever started us under `nohup` wants this to outlive the terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop)
