"""The shop as it is served: an API and a worker, each a process of its own, and people who are signed in there."""

import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from assent.models import Role
from bench.waiting import SHOP
from domain.people import Proof, Way, new_person
from services.tokens import hash_token, new_token
from services.wiring import system_clock
from storage.database import Database
from storage.people import PeopleStore
from storage.sessions import SessionStore
from tests.support.processes import Program, Programs
from tests.support.site import Site, open_site
from tests.support.temporal import TemporalServer

PERSON = "ada-admin"
"""Who looks at the pages."""

SIGNED_OUT = {"Accept-Encoding": "gzip"}
"""What every browser sends."""

_COOKIE = "assent_session"


@asynccontextmanager
async def open_shop(temporal: TemporalServer, database_url: str, folder: Path) -> AsyncIterator[tuple[Site, Program]]:
    """Serve the shop on a migrated database; give it, and the API's process."""
    programs = Programs(folder)
    async with open_site(temporal, programs, database_url, folder) as site, AsyncExitStack() as ending:
        site.settings |= {"ASSENT_CONFIG": str(SHOP), "ASSENT_TASK_QUEUE": f"bench-{uuid.uuid4()}"}
        worker = programs.worker(site.settings)
        ending.callback(worker.reap)
        ending.callback(lambda: None if site.api is None else site.api.reap())
        api = await site.start_api()
        await site.worker_ready(worker)
        await site.make_keys()
        PeopleStore(site.database).add(new_person(PERSON, Role.ADMIN, by="system:bench", at=system_clock()), None)
        yield site, api


def signed_in(database: Database) -> dict[str, str]:
    """Start a session; return the headers that a browser in it sends."""
    token = new_token()
    sessions = SessionStore(database, idle=timedelta(hours=1), longest=timedelta(hours=1))
    proof = Proof(name=PERSON, way=Way.LINK)
    at = system_clock()
    sessions.start(proof, hash_token(token), session_id=secrets.token_hex(8), client="bench", at=at)
    return SIGNED_OUT | {"Cookie": f"{_COOKIE}={token}"}
