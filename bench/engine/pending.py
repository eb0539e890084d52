"""Very many that wait at once, and then are all decided: what that does to rates, memory and the queue's page."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

from sqlalchemy import func, select
from temporalio.client import Client

from assent.models import ApprovalStatus, Role
from bench.document import write_section
from bench.engine.options import Options
from bench.engine.orders import Order, Step, Taken
from bench.engine.subject import Round, Subject
from bench.engine.subjects import API, TEMPORAL, WORKER, make_folder, open_assent
from bench.engine.tables import markdown
from bench.measure import MILLISECONDS, percentile, say
from bench.shop import PERSON, signed_in
from domain.people import new_person
from services.wiring import system_clock
from storage import migrate
from storage.database import Database
from storage.people import PeopleStore
from storage.tables import approvals
from tests.support.eventually import eventually
from tests.support.site import Site
from tests.support.temporal import TemporalServer, connect

_PAGES = 50
_MB = 1_000_000
_PROCESSES = (WORKER, API, TEMPORAL)


async def main(options: Options, folder: Path, _temporal: TemporalServer) -> None:
    """Measure, print, and write down. Raises AssertionError when an approval is left behind."""
    here = make_folder(folder / "pending")
    url = f"sqlite:///{here}/pending.db"
    migrate.upgrade(url)
    temporal = TemporalServer(here)
    with closing(temporal):
        temporal.start()
        client = await connect(temporal)
        async with open_assent("Assent", temporal, client, url, here / "assent") as (assent, site):
            lines = await _measured(options, assent, site, client)
    for line in ("", *lines):
        say(line)
    if options.worth_writing:
        write_section("pending", lines)


async def _measured(options: Options, assent: Subject, site: Site, client: Client) -> list[str]:
    PeopleStore(site.database).add(new_person(PERSON, Role.ADMIN, by="system:bench", at=system_clock()), None)
    order = Order(approvals=options.clients, clients=options.clients)
    first = await assent.run(order)
    say(f"  submitting {options.pending:,}...")
    submitted = await assent.run(order.model_copy(update={"approvals": options.pending, "step": Step.SUBMIT}))
    page = await _queue_page(site)
    say(f"  {submitted.throughput:.1f}/s; deciding them...")
    decided = await assent.run(order.model_copy(update={"approvals": options.pending, "step": Step.DECIDE}))
    say(f"  {decided.throughput:.1f}/s")
    await _check_that_nothing_is_left(site.database, client, options.pending + options.clients)
    what = (
        f"{options.pending:,} requests, submitted by {options.clients} clients at once and then all approved, oldest "
        "first; SQLite. None was left: every one is recorded as executed, and no workflow runs."
    )
    median, slow = percentile(page, 50), percentile(page, 95)
    return [
        what,
        "",
        *markdown(
            ("a second", "all", "first tenth", "last tenth", "slowest"),
            [
                ("submitted", *_rates(submitted, submitted.report.submitted)),
                ("approved and executed", *_rates(decided, decided.report.executed)),
            ],
        ),
        "",
        *markdown(
            ("MB of memory", *_PROCESSES),
            [
                (when, *(f"{each.used[name].memory / _MB:.0f}" for name in _PROCESSES))
                for when, each in (
                    ("at first", first),
                    (f"with {options.pending:,} waiting", submitted),
                    ("when all have run", decided),
                )
            ],
        ),
        "",
        f"The queue's page with {options.pending:,} waiting: p50 {median:.0f} ms, p95 {slow:.0f} ms.",
    ]


async def _queue_page(site: Site) -> list[float]:
    """Return how many milliseconds the page took, again and again."""
    headers = signed_in(site.database)
    taken = []
    for _ in range(_PAGES):
        started = perf_counter()
        (await site.http.get("/", headers=headers)).raise_for_status()
        taken.append((perf_counter() - started) * MILLISECONDS)
    return taken


async def _check_that_nothing_is_left(database: Database, client: Client, expected: int) -> None:
    with database.read() as connection:
        counted = select(approvals.c.status, func.count().label("counted")).group_by(approvals.c.status)
        statuses = {row.status: row.counted for row in connection.execute(counted)}
    if statuses != {ApprovalStatus.EXECUTED.value: expected}:
        message = f"Of {expected} approvals, these were left: {statuses}"
        raise AssertionError(message)

    async def running() -> int:
        return (await client.count_workflows("ExecutionStatus = 'Running'")).count

    # Temporal's own list of what runs lags behind.
    await eventually("no workflow runs", running, until=lambda count: count == 0, within=60)


def _rates(taken: Round, steps: Sequence[Taken]) -> Iterator[str]:
    """Yield approvals a second over all, in the first and in the last tenth, and the slowest step."""
    ended = sorted(step.ended_at for step in steps)
    tenth = len(ended) // 10
    yield f"{taken.throughput:.1f}"
    yield f"{tenth / ended[tenth - 1]:.1f}"
    yield f"{tenth / (ended[-1] - ended[-tenth - 1]):.1f}"
    yield f"{max(step.milliseconds for step in steps) / MILLISECONDS:.1f} s"
