"""Where Assent's own CPU goes: by area, and by function."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.document import write_section
from bench.engine import sampled
from bench.engine.options import Options
from bench.engine.orders import Order
from bench.engine.subjects import API, WORKER, open_assent
from bench.engine.tables import markdown
from bench.measure import say
from storage import migrate
from tests.support.processes import Program, Programs
from tests.support.temporal import TemporalServer, connect

_OTHER = "Python's own library"
_AREAS = (
    ("Temporal's SDK, in Python", ("temporalio/",)),
    ("pydantic", ("pydantic/", "pydantic_settings/")),
    ("the database's driver", ("psycopg/", "psycopg_binary/")),
    ("SQLAlchemy", ("sqlalchemy/",)),
    ("uvicorn, Starlette, FastAPI", ("uvicorn/", "starlette/", "fastapi/", "httptools/", "anyio/")),
    ("JSON", ("json/", "rfc8785/", "api/strict_json", "domain/strict_parsing", "domain/canonical")),
    ("event loop, threads", ("asyncio/", "concurrent/", "threading.py", "selectors.py", "queue.py", "uvloop/")),
)
_OURS = ("activities/", "api/", "config/", "domain/", "operations/", "services/", "storage/", "workflows/", "sdk/")
_DRIVER = ":DefaultDialect.do_"
_SHOWN = 30
_NAMED = 12
_LEAST_MS = 0.1
_NANOSECONDS = 1e6
"""In a millisecond."""


async def main(options: Options, folder: Path, temporal: TemporalServer) -> None:
    """Measure, print, and write down."""
    sampled_stacks = await sample(options, folder, temporal)
    for name, stacks in sampled_stacks.items():
        for title, counted in (("Assent's, with what they call", inclusive(stacks)), ("all, alone", alone(stacks))):
            say(f"\n{name}: {title}\n")
            for function, share in counted[:_SHOWN]:
                say(f"  {share:6.1%}  {function}")
    lines = [*_areas(sampled_stacks, _approvals(options)), "", *_functions(sampled_stacks)]
    for line in ("", *lines):
        say(line)
    if options.worth_writing:
        write_section("profile", lines)


def _areas(sampled_stacks: Mapping[str, Counter[str]], approvals: int) -> Iterator[str]:
    """Yield a table of milliseconds an approval by area."""
    shares = {name: dict(by_area(stacks)) for name, stacks in sampled_stacks.items()}
    spent = {name: stacks.total() / _NANOSECONDS / approvals for name, stacks in sampled_stacks.items()}

    def ms(name: str, area: str) -> float:
        return shares[name].get(area, 0) * spent[name]

    areas = sorted(
        {area for by in shares.values() for area in by}, key=lambda area: -sum(ms(name, area) for name in spent)
    )
    yield from markdown(
        ("CPU ms an approval", *spent, "share"),
        [
            (
                area,
                *(f"{ms(name, area):.1f}" for name in spent),
                f"{sum(ms(name, area) for name in spent) / sum(spent.values()):.0%}",
            )
            for area in areas
            if sum(ms(name, area) for name in spent) >= _LEAST_MS
        ]
        + [("all", *(f"{each:.1f}" for each in spent.values()), "")],
    )


def _functions(sampled_stacks: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Yield what costs most among Assent's own functions, with everything that each calls."""
    for name, stacks in sampled_stacks.items():
        costly = [f"`{function.rpartition(':')[2]}` {share:.0%}" for function, share in inclusive(stacks)[:_NAMED]]
        yield f"- {name}, with all that each calls: {', '.join(costly)}."


async def sample(options: Options, folder: Path, temporal: TemporalServer) -> dict[str, Counter[str]]:
    """Run rounds of Assent with its processes watched; return nanoseconds by stack, for each process."""
    url = f"sqlite:///{folder}/sampled.db"
    migrate.upgrade(url)
    client = await connect(temporal)

    def watched(programs: Programs, name: str, settings: dict[str, str]) -> Program:
        what = ["worker"] if name == WORKER else ["cli", "api"]
        command = [sys.executable, "-m", sampled.__name__, str(_file(folder, name)), *what]
        return programs.start(name, command, settings)

    order = Order(approvals=options.approvals, clients=options.clients)
    async with open_assent("Assent", temporal, client, url, folder / "sampled", start=watched) as (assent, _):
        await assent.run(order)
        before = await _written(folder)
        for _ in range(_rounds(options)):
            await assent.run(order)
        after = await _written(folder)
    return {name: without_idle(after[name] - before[name]) for name in after}


def by_area(stacks: Counter[str]) -> list[tuple[str, float]]:
    """Return each area's share, largest first."""
    areas: Counter[str] = Counter()
    for stack, used in stacks.items():
        areas[_area(stack)] += used
    return _shares(areas)


def inclusive(stacks: Counter[str]) -> list[tuple[str, float]]:
    """Return the share of each function of Assent's with everything that it calls, largest first."""
    functions: Counter[str] = Counter()
    for stack, used in stacks.items():
        for function in set(stack.split(";")[1:]):
            if function.startswith(_OURS):
                functions[function] += used
    return _shares(functions, sum(stacks.values()))


def alone(stacks: Counter[str]) -> list[tuple[str, float]]:
    """Return each function's share without what it calls, except for what is not Python; largest first."""
    functions: Counter[str] = Counter()
    for stack, used in stacks.items():
        functions[stack.rpartition(";")[2]] += used
    return _shares(functions)


def _area(stack: str) -> str:
    if stack == sampled.NATIVE:
        return "Temporal's core, in Rust"
    for frame in reversed(stack.split(";")[1:]):
        if _DRIVER in frame:
            return "the database's driver"
        for area, beginnings in _AREAS:
            if frame.startswith(beginnings):
                return area
        if frame.startswith(_OURS):
            return f"Assent: {frame.partition('/')[0]}/"
    return _OTHER


def _shares(counted: Counter[str], of: int | None = None) -> list[tuple[str, float]]:
    whole = of or counted.total()
    return [(name, used / whole) for name, used in counted.most_common()]


def without_idle(stacks: Counter[str]) -> Counter[str]:
    """Share out what a thread used before it fell asleep among what it was seen doing."""
    seen: Counter[str] = Counter()
    for stack, used in stacks.items():
        if not _is_idle(stack):
            seen[stack.partition(";")[0]] += used
    unknown = Counter({stack.partition(";")[0]: used for stack, used in stacks.items() if _is_idle(stack)})
    return Counter(
        {
            stack: round(used * (1 + unknown[thread] / seen[thread]))
            for stack, used in stacks.items()
            if not _is_idle(stack)
            for thread in [stack.partition(";")[0]]
        }
    )


def _is_idle(stack: str) -> bool:
    return stack.endswith(f";{sampled.IDLE}")


async def _written(folder: Path) -> dict[str, Counter[str]]:
    """Return what the processes have written, once they have written it."""
    await asyncio.sleep(2 * sampled.WRITE_SECONDS)
    return {name: Counter(json.loads(_file(folder, name).read_text(encoding="utf-8"))) for name in (WORKER, API)}


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.stacks"


def _rounds(options: Options) -> int:
    return max(1, options.rounds // 2)


def _approvals(options: Options) -> int:
    return _rounds(options) * options.approvals
