"""Run every benchmark, or some: `python -m bench [service] [dashboard] [engine] [profile] [pending] [search]`."""

import argparse
import asyncio
import functools
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from bench import assessment, backtest, dashboard, search
from bench.document import print_into
from bench.engine import comparison, pending, profile
from bench.engine.options import Options
from bench.measure import MILLISECONDS, percentile, say
from storage import migrate
from tests.support.stack import make_settings, open_stack
from tests.support.temporal import TemporalServer, connect

SUBMISSIONS = 100


async def main(wanted: Sequence[str], options: Options) -> None:
    """Measure the parts named on a Temporal of their own, or all of them."""
    parts = PARTS | {
        "engine": functools.partial(comparison.main, options),
        "profile": functools.partial(profile.main, options),
        "pending": functools.partial(pending.main, options),
        "search": _search,
    }
    with tempfile.TemporaryDirectory(prefix="assent-bench-") as folder:
        os.environ["ASSENT_DATA_DIR"] = folder
        server = TemporalServer(Path(folder))
        try:
            server.start()
            for name in wanted or parts:
                await parts[name](Path(folder), server)
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


async def _search(folder: Path, server: TemporalServer) -> None:
    with print_into("search"):
        await search.main(folder, server)


PARTS = {"service": service, "dashboard": dashboard.main}


def _read_arguments() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help="what to measure; all of it when none is named")
    for name, field in Options.model_fields.items():
        parser.add_argument(f"--{name}", type=int, default=field.default)
    given = vars(parser.parse_args())
    return given.pop("parts"), Options(**given)


asyncio.run(main(*_read_arguments()))
sys.stdout.flush()
os._exit(0)
