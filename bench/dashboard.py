"""The dashboard: what its pages weigh, how fast the queue is, and what open pages cost."""

import asyncio
import contextlib
import uuid
from pathlib import Path

from bench import open_pages, page_weight, queue_page
from bench.measure import say
from bench.shop import SIGNED_OUT, open_shop, signed_in
from bench.waiting import SHOP, store_decided, store_waiting
from services.wiring import load_assent_file, wire_services
from storage import migrate
from tests.support.postgres import PostgresServer
from tests.support.site import Site
from tests.support.stack import make_settings
from tests.support.temporal import TemporalServer, connect

SMALL = 200
LARGE = 100_000
MOST_SMALL_MS = 50.0
MOST_LARGE_MS = 100.0
HISTORY = 5_000

_MAIL = {
    "operation": {
        "type": "email.send",
        "resource_type": "email",
        "parameters": {
            "to": "grace@example.org",
            "subject": "Your order of last week",
            "body": "Good morning, your order has been sent and will be with you soon.\n" * 30,
        },
    },
    "reason": "The customer asked twice where the order is, and the ticket is about to be late.",
    "context": {"ticket": "T-4711", "customer": "42", "orders": [1017, 1022, 1031]},
}


async def main(folder: Path, temporal: TemporalServer) -> None:
    """Measure on SQLite, and with a large queue on PostgreSQL as well."""
    await _small(folder, temporal)
    await _large("SQLite", _sqlite(folder / "large.db"), folder, temporal)
    postgres = await asyncio.to_thread(PostgresServer)
    with contextlib.closing(postgres), postgres.clone() as url:
        await _large("PostgreSQL", url, folder, temporal)


async def _small(folder: Path, temporal: TemporalServer) -> None:
    url = _sqlite(folder / "small.db")
    operations, policy = load_assent_file(SHOP)
    async with open_shop(temporal, url, folder) as (site, api):
        await asyncio.to_thread(store_decided, site.database, HISTORY, policy.current())
        await asyncio.to_thread(store_waiting, site.database, SMALL, policy.current())
        headers = signed_in(site.database)
        say("\nPages when nothing is cached, fonts aside\n")
        for name, path, sent in (
            (f"the queue with {SMALL} rows", "/", headers),
            ("an approval", f"/approvals/{await _mail(site)}", headers),
            ("insights", "/insights", headers),
            ("the sign-in page", "/sign-in", SIGNED_OUT),
        ):
            say(f"  {name:32}  {await page_weight.weigh(site.http, path, sent)}")
        say(f"\nThe queue's page with {SMALL} rows (SQLite)\n")
        settings = make_settings(folder, url, f"bench-{uuid.uuid4()}")
        async with wire_services(settings, await connect(temporal), operations, policy) as services:
            await queue_page.by_parts(services, MOST_SMALL_MS)
        await queue_page.over_http(site.http, api, headers, MOST_SMALL_MS)
        await open_pages.main(site, api)


async def _large(name: str, url: str, folder: Path, temporal: TemporalServer) -> None:
    _, policy = load_assent_file(SHOP)
    async with open_shop(temporal, url, folder) as (site, api):
        await asyncio.to_thread(store_waiting, site.database, LARGE, policy.current())
        say(f"\nThe queue's first page of {LARGE:,} that wait ({name})\n")
        await queue_page.over_http(site.http, api, signed_in(site.database), MOST_LARGE_MS)
        await open_pages.main(site, api)


async def _mail(site: Site) -> str:
    """Submit a mail of some length; return the approval's id."""
    answer = await site.http.post("/v1/approvals", headers=site.bearer("agent"), json=_MAIL)
    return str(answer.raise_for_status().json()["id"])


def _sqlite(file: Path) -> str:
    url = f"sqlite:///{file}"
    migrate.upgrade(url)
    return url
