"""Many open pages at once: what they cost while nothing happens, and how soon they hear of an arrival.

The pages are this process's, the server is another: what its CPU does is for them alone.
"""

import asyncio
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Mapping

import httpx2
import psutil

from bench.measure import percentile, say, verdict
from bench.queue_page import cpu_seconds
from bench.shop import signed_in
from tests.support.eventually import eventually
from tests.support.processes import Program
from tests.support.site import Site

PAGES = 50
IDLE_SECONDS = 30.0
MOST_PERCENT = 5.0
ARRIVALS = 10
MOST_SECONDS = 1.0

_SETTLING_SECONDS = 3.0
_STREAM = re.compile(r"/live\?after=\d+")
_DATA = "data: "


async def main(site: Site, api: Program) -> None:
    """Open the pages, leave them alone, and let requests arrive."""
    heard = _Heard()
    people = [await asyncio.to_thread(signed_in, site.database) for _ in range(PAGES)]
    following = [asyncio.create_task(heard.follow(site.http, headers)) for headers in people]
    try:
        await eventually("every page hears", lambda: _checked(following) and heard.open == PAGES, within=30)
        await asyncio.sleep(_SETTLING_SECONDS)
        busy = await _busy_percent(api)
        kept = verdict(busy, MOST_PERCENT, "%")
        say(f"  {PAGES} open pages, idle for {IDLE_SECONDS:g} s: {busy:.2f} % of a core ({kept})")
        late = await _lateness(site, heard)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    say(
        f"  {ARRIVALS} arrivals, from the answer to the agent until each page heard: p50 {percentile(late, 50):.2f} s, "
        f"worst {max(late):.2f} s ({verdict(max(late), MOST_SECONDS, 's')})"
    )


class _Heard:
    """What the open pages have heard: when each of them learned of an arrival, by approval id."""

    def __init__(self) -> None:
        self.open = 0
        self.arrived: dict[str, list[float]] = defaultdict(list)

    async def follow(self, http: httpx2.AsyncClient, headers: Mapping[str, str]) -> None:
        """Be one open page: load the queue, and follow the stream that it names."""
        page = (await http.get("/", headers=headers)).raise_for_status()
        found = _STREAM.search(page.text)
        if found is None:
            message = "The queue's page does not say where its news come from."
            raise RuntimeError(message)
        begun = False
        async with http.stream("GET", found.group(), headers=headers, timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith(_DATA):
                    self._hear(json.loads(line.removeprefix(_DATA))["arrived"])
                    self.open += not begun
                    begun = True

    def _hear(self, arrived: list[str]) -> None:
        for approval_id in arrived:
            self.arrived[approval_id].append(time.perf_counter())


def _checked(following: list[asyncio.Task[None]]) -> bool:
    """Raise what has ended a page's stream, if anything has; none ends by itself."""
    for ended in following:
        if ended.done():
            ended.result()
    return True


async def _busy_percent(api: Program) -> float:
    process = psutil.Process(api.pid)
    started, before = time.perf_counter(), cpu_seconds(process)
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu_seconds(process) - before) / (time.perf_counter() - started) * 100


async def _lateness(site: Site, heard: _Heard) -> list[float]:
    """Return by how many seconds each page heard later than the agent; at the same time or earlier counts as 0."""
    chance = random.Random(13)  # noqa: S311  arrivals keep no time with the server's own looks
    late: list[float] = []
    for number in range(ARRIVALS):
        await asyncio.sleep(chance.uniform(0.2, 2))
        operation = {"type": "customer.read", "resource_type": "customer", "resource_id": str(number + 1)}
        answer = await site.http.post(
            "/v1/approvals", headers=site.bearer("agent"), json={"operation": operation, "reason": "It arrives."}
        )
        answered = time.perf_counter()
        told = heard.arrived[answer.raise_for_status().json()["id"]]
        await eventually("every page has heard of it", told.__len__, until=PAGES.__le__, within=20)
        late += [max(0.0, at - answered) for at in told]
    return late
