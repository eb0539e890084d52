"""Searching: the first page of what a hundred thousand wait and a million have ended, by any word and in any order."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from assent.models import ApprovalStatus, RiskLevel
from bench.measure import percentile, say, times, verdict
from bench.searched import store_approvals
from domain.listing import ApprovalFilter, Sort
from storage import migrate
from storage.approval_reads import ApprovalReads
from storage.database import Database
from tests.support.postgres import PostgresServer
from tests.support.temporal import TemporalServer

WAITING = 100_000
ENDED = 1_000_000
PAGE = 50
MOST_MS = 100.0
ROUNDS = 10

_BEFORE = "0003"
"""The last migration before searches had tables of their own."""

_STATUSES = (None, ApprovalStatus.PENDING, ApprovalStatus.REJECTED)


async def main(folder: Path, _temporal: TemporalServer) -> None:
    """Measure on SQLite and on PostgreSQL."""
    await asyncio.to_thread(measure, "SQLite", f"sqlite:///{folder}/search.db")
    postgres = await asyncio.to_thread(PostgresServer)
    with contextlib.closing(postgres), postgres.clone() as url:
        _empty(url)
        await asyncio.to_thread(measure, "PostgreSQL", url)


def measure(name: str, url: str) -> None:
    """Fill an empty database as the release before would have, migrate it, and search."""
    say(f"\n{WAITING:,} wait, {ENDED:,} have ended ({name})\n")
    migrate.upgrade(url, _BEFORE)
    database = Database(url)
    try:
        _timed("stored", lambda: store_approvals(database, waiting=WAITING, ended=ENDED))
        _timed("migrated", lambda: migrate.upgrade(url))
        _tidy(database)
        _pages(database)
    finally:
        database.close()


def _empty(url: str) -> None:
    with contextlib.closing(Database(url)) as database, database.write() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


def _pages(database: Database) -> None:
    reads = ApprovalReads(database)
    say(f"\nThe first page of {PAGE}: the slowest of all, those that wait and those rejected, in each order\n")
    for name, wanted in _wanted(database):
        lists = [(wanted.model_copy(update={"status": status}), sort) for status in _STATUSES for sort in Sort]
        taken = {(each.status, sort): _times(reads, each, sort) for each, sort in lists}
        slowest = max(taken, key=lambda key: percentile(taken[key], 50))
        p50, p95 = percentile(taken[slowest], 50), percentile(taken[slowest], 95)
        order = f"{slowest[0] or 'all'}, {slowest[1]}"
        say(f"  {name:38}  {order:24}  p50 {p50:6.1f} ms, p95 {p95:6.1f} ms ({verdict(p50, MOST_MS, 'ms')})")


def _times(reads: ApprovalReads, wanted: ApprovalFilter, sort: Sort) -> list[float]:
    now = datetime.now(UTC)
    return times(lambda: reads.page(wanted, sort=sort, after=None, limit=PAGE + 1, now=now), ROUNDS)


def _wanted(database: Database) -> list[tuple[str, ApprovalFilter]]:
    with database.read() as connection:
        one = "SELECT id FROM approvals WHERE status {} 'pending' LIMIT 1"
        waits, ended = (connection.execute(text(one.format(sign))).scalar_one() for sign in ("=", "<>"))
    searches = {
        "a word in every row": "agent",
        "a word in a third of the rows": "NIGHTLY",
        "a word in all that ended, and no other": "archived",
        "a word in all that wait, and no other": "urgent",
        "a word in a thousandth of the rows": "acme-0042",
        "a word in one row": "T-a0012345",
        "a word in no row": "nowhere",
        "the id of one that waits": waits,
        "the id of one that has ended": ended,
        "the beginning of an id": ended[:13],
        "the end of an id": ended[-6:],
        "two words, common and rare": "delivered acme-0042",
        "two words, common": "nightly account",
        "two letters, common": "ni",
        "two letters in no row": "qx",
        "one letter, common": "a",
        "one letter in no row": "#",
        "beyond ASCII, in no row": "\u00dcber",
    }
    return [
        ("no word", ApprovalFilter()),
        ("no word, of one risk", ApprovalFilter(risk_level=RiskLevel.CRITICAL)),
        ("no word, of one agent", ApprovalFilter(agent_id="acme-0042-agent")),
        ("no word, of one type of resource", ApprovalFilter(resource_type="payment")),
        *((name, ApprovalFilter(q=q)) for name, q in searches.items()),
        ("a common word, of one agent", ApprovalFilter(q="nightly", agent_id="acme-0042-agent")),
    ]


def _tidy(database: Database) -> None:
    """Do what PostgreSQL does by itself, but only in the minute after."""
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM ANALYZE"))


def _timed(what: str, run: Callable[[], object]) -> None:
    started = time.perf_counter()
    run()
    say(f"  {what} in {time.perf_counter() - started:.0f} s")
