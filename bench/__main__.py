"""Run every benchmark: `python -m bench`."""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

from bench import assessment, backtest
from bench.measure import MILLISECONDS, percentile, say
from storage import migrate
from tests.support.stack import make_settings, open_stack
from tests.support.temporal import TemporalServer, connect

SUBMISSIONS = 100


async def main() -> None:
    """Serve Assent on a Temporal of its own, and measure."""
    with tempfile.TemporaryDirectory(prefix="assent-bench-") as folder:
        os.environ["ASSENT_DATA_DIR"] = folder
        url = f"sqlite:///{folder}/assent.db"
        migrate.upgrade(url)
        server = TemporalServer(Path(folder))
        try:
            server.start()
            settings = make_settings(Path(folder), url, f"bench-{uuid.uuid4()}")
            async with open_stack(settings, await connect(server)) as stack:
                async with stack.worker(sandbox=False, max_cached_workflows=1000):
                    submitted = []
                    for _ in range(SUBMISSIONS):
                        started = time.perf_counter()
                        await stack.pending("note.medium")
                        submitted.append((time.perf_counter() - started) * MILLISECONDS)
                p50 = percentile(submitted, 50)
                say(
                    f"A whole submission, one after the other: p50 {p50:.1f} ms, p99 {percentile(submitted, 99):.1f} ms"
                )
                await asyncio.to_thread(assessment.main, p50)
                await backtest.main(stack)
        finally:
            server.close()


asyncio.run(main())
sys.stdout.flush()
os._exit(0)
