"""Two releases around one database and one Temporal, as they are while one takes the other's place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from typing_extensions import override

from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program
from tests.support.site import READY_SECONDS, Site
from tests.upgrade.previous import CURRENT, Release

MIGRATE_SECONDS = 60.0


@dataclass
class ReleasedSite(Site):
    """A site whose programs are those of one release, with an API at an address of its own."""

    release: Release = CURRENT

    @override
    async def start_api(self) -> Program:
        self.api = api = self.release.start(self.programs, "cli.py", ["api"], self.settings)

        async def alive() -> bool:
            api.check_running()
            return (await self.http.get("/healthz")).is_success

        await eventually("the API answers", alive, within=READY_SECONDS, despite=(httpx2.HTTPError,))
        return api

    @override
    async def start_worker(self, module: str = "worker.py", *, build: str | None = None) -> Program:
        versioned = {} if build is None else {"ASSENT_DEPLOYMENT_NAME": self.deployment, "ASSENT_BUILD_ID": build}
        worker = self.release.start(self.programs, module, [], self.settings | versioned)
        await self.worker_ready(worker)
        return worker

    @property
    def deployment(self) -> str:
        """The worker deployment's name, for versioned workers."""
        return self.settings["ASSENT_TASK_QUEUE"]

    def stop_api(self) -> None:
        """Stop the API as a service's platform does."""
        if self.api is not None:
            self.api.stop()

    def migrate(self) -> None:
        """Run this release's migrations, by its command."""
        migrating = self.release.start(self.programs, "cli.py", ["db", "upgrade"], self.settings)
        assert migrating.wait(MIGRATE_SECONDS) == 0, migrating.log


@asynccontextmanager
async def released(site: Site, release: Release) -> AsyncIterator[ReleasedSite]:
    """Give `site` as `release` would serve it; nothing runs yet. The keys are shared."""
    port = free_port()
    async with httpx2.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=40, trust_env=False) as http:
        settings = site.settings | {"ASSENT_PORT": str(port)}
        yield ReleasedSite(site.temporal, site.programs, site.database, settings, http, None, site.keys, release)
