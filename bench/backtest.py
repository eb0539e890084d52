"""A pattern tried on the history, and whether the API goes on answering meanwhile."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from bench.measure import MILLISECONDS, percentile, say, verdict
from bench.subjects import AGENT, EXPORT, store_history
from tests.support.stack import Stack

HISTORY = 100_000
MOST_SECONDS = 5.0
_DRAFT = {
    "agent_id": AGENT,
    "operation_type": EXPORT.type,
    "resource_type": EXPORT.resource_type,
    "condition": "operation.parameters.limit > 0 && operation.parameters.limit < 100",
    "max_per_day": 1_000_000,
}


async def main(stack: Stack) -> None:
    """Measure on a served API."""
    await asyncio.to_thread(store_history, stack.database, HISTORY)
    idle = await _answers(stack, asyncio.sleep(2))
    taken: list[float] = []

    async def backtest() -> None:
        started = time.perf_counter()
        answer = await stack.http.post("/v1/trusted-patterns/backtest", headers=stack.bearer("admin"), json=_DRAFT)
        taken.append(time.perf_counter() - started)
        found = answer.json()
        say(f"\nBacktest of {found['considered']:,} requests: {found['would_approve']:,} would have gone through, ")
        say(f"  of which people rejected {found['humans']['rejected']:,}")

    busy = await _answers(stack, backtest())
    say(f"  it took {taken[0]:.2f} s ({verdict(taken[0], MOST_SECONDS, 's')})")
    say(f"  /healthz meanwhile: p50 {percentile(busy, 50):.1f} ms, p99 {percentile(busy, 99):.1f} ms")
    say(f"  /healthz when idle: p50 {percentile(idle, 50):.1f} ms, p99 {percentile(idle, 99):.1f} ms")


async def _answers(stack: Stack, while_running: Coroutine[Any, Any, None]) -> list[float]:
    """Return how long each of many small requests took while something else ran."""
    running = asyncio.create_task(while_running)
    taken: list[float] = []
    while not running.done() or len(taken) < 2:  # noqa: PLR2004  a percentile needs two
        started = time.perf_counter()
        await stack.http.get("/healthz")
        taken.append((time.perf_counter() - started) * MILLISECONDS)
        # Not more often: the client shares this process, and would be measured itself.
        await asyncio.sleep(0.2)
    await running
    return taken
