"""Run every benchmark, or some: `python -m bench [service] [dashboard]`."""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from bench import assessment, backtest, dashboard
from bench.measure import MILLISECONDS, percentile, say
from storage import migrate
from tests.support.stack import make_settings, open_stack
from tests.support.temporal import TemporalServer, connect

SUBMISSIONS = 100


async def main(wanted: Sequence[str]) -> None:
    """Measure the parts named on a Temporal of their own, or all of them."""
    with tempfile.TemporaryDirectory(prefix="assent-bench-") as folder:
        os.environ["ASSENT_DATA_DIR"] = folder
        server = TemporalServer(Path(folder))
        try:
            server.start()
            for name in wanted or PARTS:
                await PARTS[name](Path(folder), server)
        finally:
            server.close()


async def service(folder: Path, server: TemporalServer) -> None:
    """Serve Assent in this process, and measure submissions, assessments and a backtest."""
    url = f"sqlite:///{folder}/assent.db"
    migrate.upgrade(url)
    settings = make_settings(folder, url, f"bench-{uuid.uuid4()}")
    async with open_stack(settings, await connect(server)) as stack:
        async with stack.worker(sandbox=False, max_cached_workflows=1000):
            submitted = []
            for _ in range(SUBMISSIONS):
                started = time.perf_counter()
                await stack.pending("note.medium")
                submitted.append((time.perf_counter() - started) * MILLISECONDS)
        p50 = percentile(submitted, 50)
        say(f"A whole submission, one after the other: p50 {p50:.1f} ms, p99 {percentile(submitted, 99):.1f} ms")
        await asyncio.to_thread(assessment.main, p50)
        await backtest.main(stack)


PARTS = {"service": service, "dashboard": dashboard.main}

asyncio.run(main(sys.argv[1:]))
sys.stdout.flush()
os._exit(0)
