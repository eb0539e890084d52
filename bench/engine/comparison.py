"""Everybody in turn, round after round, so that what disturbs the machine disturbs all of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from bench.document import write_section
from bench.engine.default_temporal import default_temporal
from bench.engine.options import Options
from bench.engine.orders import Order, Step
from bench.engine.subject import Subject
from bench.engine.subjects import make_folder, open_assent, open_bare, open_dbos
from bench.engine.summary import Summary, summarise
from bench.engine.tables import tables
from bench.measure import say
from storage import migrate
from tests.support.postgres import PostgresServer
from tests.support.temporal import TemporalServer, connect

LEAST_RATIO, AIM_RATIO = 0.5, 0.65
MOST_CPU_RATIO = 3.0

_DBOS_DEFAULT_POLL, _DBOS_QUICK_POLL = 1.0, 0.1


@dataclass(frozen=True)
class Subjects:
    """Everybody, in the order of their turns."""

    assent: Subject
    assent_on_postgres: Subject
    tuned: Subject
    defaults: Subject
    dbos: Subject
    dbos_defaults: Subject

    @property
    def all(self) -> Sequence[Subject]:
        """Everybody."""
        return (self.assent, self.assent_on_postgres, self.tuned, self.defaults, self.dbos, self.dbos_defaults)


async def main(options: Options, folder: Path, _temporal: TemporalServer) -> None:
    """Measure, print, and write down."""
    here = make_folder(folder / "engine")
    temporal = TemporalServer(here)
    with closing(temporal):
        temporal.start()
        async with open_subjects(here, temporal) as subjects:
            await _take_turns(subjects.all, options.rounds, _order(options, Step.WHOLE))
            summaries = [await summarise(subject, subjects.tuned) for subject in subjects.all]
            lines = [*_what(options), *tables(summaries), "", *_verdicts(subjects, summaries)]
            lines += await _at_once(subjects, options)
    for line in ("", *lines):
        say(line)
    if options.worth_writing:
        write_section("engine", lines)


@asynccontextmanager
async def open_subjects(folder: Path, temporal: TemporalServer) -> AsyncIterator[Subjects]:
    """Start everybody."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        client = await connect(temporal)
        postgres = stack.enter_context(closing(await asyncio.to_thread(PostgresServer, durable=True)))
        sqlite_url = f"sqlite:///{folder}/engine.db"
        migrate.upgrade(sqlite_url)
        postgres_url = stack.enter_context(postgres.clone())
        dbos_urls = [stack.enter_context(postgres.empty()) for _ in range(2)]
        other_client, other = await enter(default_temporal(folder))
        assent, _ = await enter(open_assent("Assent on SQLite", temporal, client, sqlite_url, folder / "sqlite"))
        also, _ = await enter(
            open_assent("Assent on PostgreSQL", temporal, client, postgres_url, folder / "pg", postgres=postgres)
        )
        yield Subjects(
            assent,
            also,
            await enter(open_bare("bare workflow, tuned", temporal.pid, client, folder, sandboxed=False)),
            await enter(open_bare("bare workflow, defaults", other.pid, other_client, folder, sandboxed=True)),
            await enter(open_dbos("DBOS, quick polls", postgres, dbos_urls[0], folder, poll_seconds=_DBOS_QUICK_POLL)),
            await enter(open_dbos("DBOS, defaults", postgres, dbos_urls[1], folder, poll_seconds=_DBOS_DEFAULT_POLL)),
        )


async def _take_turns(subjects: Sequence[Subject], rounds: int, order: Order) -> None:
    """Give each subject its rounds, after one that does not count."""
    for subject in subjects:
        subject.rounds.clear()
    for number in range(rounds + 1):
        for subject in subjects:
            taken = await subject.run(order)
            if number:
                subject.rounds.append(taken)
            say(f"  round {number}: {subject.name:24} {taken.throughput:6.1f}/s")


async def _at_once(subjects: Subjects, options: Options) -> list[str]:
    await _take_turns((subjects.assent, subjects.tuned), max(1, options.rounds // 2), _order(options, Step.AT_ONCE))
    events = await subjects.tuned.events()
    length = 0 if events is None else events[0]
    ratio = subjects.assent.ratio(subjects.tuned)
    told = (
        "When each client decides at once what it has submitted, the bare workflow often finds the signal before it "
        f"has begun, and needs a task less ({length:.1f} events). Then Assent has {ratio:.2f} of the tuned bare "
        "workflow's throughput."
    )
    return [told]


def _order(options: Options, step: Step) -> Order:
    return Order(approvals=options.approvals, clients=options.clients, step=step)


def _what(options: Options) -> Iterator[str]:
    yield (
        f"{options.rounds} rounds of {options.approvals} approvals with {options.clients} clients at once, after one "
        "that does not count; everybody in turn. The ratio is to the tuned bare workflow, of the rounds beside each "
        "other. `submit` is until the submission is answered; `decide to executed` is from sending the decision until "
        "the client knows that the operation has run."
    )
    yield ""


def _verdicts(subjects: Subjects, summaries: Sequence[Summary]) -> Iterator[str]:
    by_name = {summary.name: summary for summary in summaries}
    assent, tuned = by_name[subjects.assent.name], by_name[subjects.tuned.name]
    yield (
        f"- Throughput: {assent.ratio:.2f} of the tuned bare workflow's. At least {LEAST_RATIO}: "
        f"{_kept(assent.ratio >= LEAST_RATIO)}; the aim of {AIM_RATIO}: {_kept(assent.ratio >= AIM_RATIO)}."
    )
    for other in (subjects.defaults, subjects.dbos, subjects.dbos_defaults):
        ratio = subjects.assent.ratio(other)
        yield f"- {ratio:.2f} of the throughput of: {other.name}. Ahead of it: {_kept(ratio > 1)}."
    cpu = assent.own_cpu / tuned.own_cpu
    yield (
        f"- CPU of worker and API, {assent.own_cpu:.1f} ms an approval, is {cpu:.1f} times that of the tuned bare "
        f"workflow's worker and client, {tuned.own_cpu:.1f} ms. At most {MOST_CPU_RATIO:g}: "
        f"{_kept(cpu <= MOST_CPU_RATIO)}."
    )
    yield ""


def _kept(kept: bool) -> str:  # noqa: FBT001  it is what is said
    return "kept" if kept else "MISSED"
