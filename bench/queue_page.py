"""The queue's first page: its template, all that the server does for it, and the whole request."""

import gc
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import httpx2
import psutil
from fastapi import FastAPI, Request
from typing_extensions import override

from assent.models import Role
from bench.measure import MILLISECONDS, say_times
from bench.shop import PERSON
from dashboard.pages import Pages
from dashboard.routes.queue import PAGE, Wanted, queue
from dashboard.screen import Screen
from dashboard.static_files import StaticFiles
from domain.people import Session
from domain.principal import Principal
from services.wiring import Services
from tests.support.processes import Program

ROUNDS = 100
_FIRST = 10
_ROW = '<li class="row'


async def by_parts(services: Services, most_ms: float) -> None:
    """Make the page in this process, without HTTP. `most_ms` is the limit in milliseconds."""
    # As the server does when it starts.
    gc.freeze()
    pages = _TimedPages(StaticFiles())
    app = FastAPI()
    app.state.pages = pages
    for _ in range(_FIRST):
        await queue(_screen(app, services), Wanted())
    pages.taken.clear()
    taken = []
    before = time.process_time()
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await queue(_screen(app, services), Wanted())
        taken.append((time.perf_counter() - started) * MILLISECONDS)
    cpu = (time.process_time() - before) * MILLISECONDS / ROUNDS
    say_times("its template alone", [wall for wall, _ in pages.taken], fmean(busy for _, busy in pages.taken), most_ms)
    say_times("queries, rows and template", taken, cpu, most_ms)


async def over_http(http: httpx2.AsyncClient, api: Program, headers: Mapping[str, str], most_ms: float) -> None:
    """Ask for the page again and again. `most_ms` is the limit in milliseconds."""
    page = (await http.get("/", headers=headers)).raise_for_status()
    if (rows := page.text.count(_ROW)) != PAGE:
        message = f"The page has {rows} rows and not {PAGE}, so its time would say nothing."
        raise RuntimeError(message)
    process = psutil.Process(api.pid)
    for _ in range(_FIRST):
        await _ask(http, headers)
    before = cpu_seconds(process)
    taken = [await _ask(http, headers) for _ in range(ROUNDS)]
    cpu = (cpu_seconds(process) - before) * MILLISECONDS / ROUNDS
    say_times("the whole request over HTTP", taken, cpu, most_ms)


def cpu_seconds(process: psutil.Process) -> float:
    """Return how long a process has kept a core busy since it began."""
    used = process.cpu_times()
    return float(used.user + used.system)


async def _ask(http: httpx2.AsyncClient, headers: Mapping[str, str]) -> float:
    """Return how many milliseconds one page took, to the last byte."""
    started = time.perf_counter()
    async with http.stream("GET", "/", headers=headers) as response:
        async for _ in response.aiter_raw():
            pass
    response.raise_for_status()
    return (time.perf_counter() - started) * MILLISECONDS


def _screen(app: FastAPI, services: Services) -> Screen:
    scope: dict[str, Any] = {
        "type": "http",
        "app": app,
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    now = datetime.now(UTC)
    session = Session(
        session_id="bench",
        principal=Principal(name=PERSON, role=Role.ADMIN),
        client="bench",
        created_at=now,
        seen_at=now,
    )
    return Screen(Request(scope), session, services, now)


class _TimedPages(Pages):
    """Remembers how many milliseconds each rendering took, and of those a core was busy."""

    def __init__(self, files: StaticFiles) -> None:
        super().__init__(files)
        self.taken: list[tuple[float, float]] = []

    @override
    def render(self, template: str, **context: Any) -> str:
        started, before = time.perf_counter(), time.thread_time()
        shown = super().render(template, **context)
        busy = time.thread_time() - before
        self.taken.append(((time.perf_counter() - started) * MILLISECONDS, busy * MILLISECONDS))
        return shown
