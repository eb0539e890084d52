"""Opening each subject: its server where it has one of its own, its worker, and its clients."""

import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from bench.engine import assent_client, bare_client, bare_worker, dbos_client, dbos_workflow, request
from bench.engine.driver import drive
from bench.engine.subject import Subject
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.processes import Program, Programs
from tests.support.site import READY_SECONDS, Site, open_site
from tests.support.temporal import TemporalServer

TEMPORAL, WORKER, API, POSTGRES = "Temporal", "worker", "API", "PostgreSQL"

Start = Callable[[Programs, str, dict[str, str]], Program]
"""How a process of Assent is started: the programs, which one it is, and its settings."""

_NO_LIMIT = "1000000"


def as_production_does(programs: Programs, name: str, settings: dict[str, str]) -> Program:
    """Start a worker or the API by its own command."""
    return programs.worker(settings) if name == WORKER else programs.api(settings)


def make_folder(folder: Path) -> Path:
    """Make a folder, and return it."""
    folder.mkdir()
    return folder


@asynccontextmanager
async def open_assent(  # noqa: PLR0913  each is one part of where it stands
    name: str,
    temporal: TemporalServer,
    client: Client,
    database_url: str,
    folder: Path,
    *,
    start: Start = as_production_does,
    postgres: PostgresServer | None = None,
) -> AsyncIterator[tuple[Subject, Site]]:
    """Serve Assent: an API and a worker, each a process of its own, on a migrated database."""
    programs = Programs(make_folder(folder))
    async with open_site(temporal, programs, database_url, folder) as site, AsyncExitStack() as ending:
        site.settings |= {
            "ASSENT_CONFIG": str(request.CONFIG),
            "ASSENT_TASK_QUEUE": f"bench-{uuid.uuid4()}",
            "ASSENT_SUBMISSIONS_PER_MINUTE": _NO_LIMIT,
        }
        worker = start(programs, WORKER, site.settings)
        ending.callback(worker.reap)
        site.api = start(programs, API, site.settings)
        ending.callback(site.api.reap)
        await site.api_ready(site.api)
        await site.worker_ready(worker)
        await site.make_keys()
        driver = await ending.enter_async_context(
            drive(
                assent_client.__name__,
                settings={
                    assent_client.PORT: site.settings["ASSENT_PORT"],
                    assent_client.AGENT_KEY: site.keys["agent"],
                    assent_client.REVIEWER_KEY: site.keys["ada"],
                },
            )
        )
        processes = {TEMPORAL: temporal.pid, WORKER: worker.pid, API: site.api.pid}
        if postgres is None:
            yield Subject(name, driver, processes, client), site
        else:
            processes[POSTGRES] = postgres.pid
            yield Subject(name, driver, processes, client, postgres_url=database_url), site


@asynccontextmanager
async def open_bare(
    name: str, server_pid: int, client: Client, folder: Path, *, sandboxed: bool
) -> AsyncIterator[Subject]:
    """Run the bare workflow's worker and clients on a Temporal that runs."""
    where = (client.service_client.config.target_host, f"bare-{uuid.uuid4()}")
    how = [bare_worker.SANDBOXED] if sandboxed else []
    async with (
        _worker(bare_worker.__name__, *where, *how, folder=folder, running=bare_worker.RUNNING) as worker,
        drive(bare_client.__name__, *where, settings={}) as driver,
    ):
        yield Subject(name, driver, {TEMPORAL: server_pid, WORKER: worker.pid}, client)


@asynccontextmanager
async def open_dbos(
    name: str, postgres: PostgresServer, url: str, folder: Path, *, poll_seconds: float
) -> AsyncIterator[Subject]:
    """Run DBOS's worker and clients on an empty database; both look so often for what is new."""
    how = (url, str(poll_seconds))
    async with (
        _worker(dbos_workflow.__name__, *how, folder=folder, running=dbos_workflow.RUNNING) as worker,
        drive(dbos_client.__name__, *how, settings={}) as driver,
    ):
        yield Subject(name, driver, {POSTGRES: postgres.pid, WORKER: worker.pid}, postgres_url=url)


@asynccontextmanager
async def _worker(module: str, *arguments: str, folder: Path, running: str) -> AsyncIterator[Program]:
    """Run a worker that says when it runs."""
    worker = Programs(folder).start(f"worker-{uuid.uuid4()}", [sys.executable, "-m", module, *arguments])

    async def runs() -> bool:
        worker.check_running()
        return running in worker.log

    try:
        await eventually(f"{module} runs", runs, within=READY_SECONDS)
        yield worker
    finally:
        worker.reap()
