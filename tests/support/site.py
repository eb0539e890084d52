"""Assent as separate processes, each of which can be killed: Temporal, workers and APIs around one database."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy.engine import make_url

from config.signing_keys import make_signing_key
from storage.database import Database
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program, Programs
from tests.support.stack import ADMIN_KEY, OPERATIONS
from tests.support.temporal import TemporalServer

READY_SECONDS = 40.0


@dataclass
class Site:
    """What a platform team would run, on one machine."""

    temporal: TemporalServer
    programs: Programs
    database: Database
    settings: dict[str, str]
    http: httpx2.AsyncClient
    api: Program | None = None
    keys: dict[str, str] = field(default_factory=lambda: {"admin": ADMIN_KEY})

    async def start_api(self) -> Program:
        """Start the API and wait until it answers."""
        self.api = self.programs.api(self.settings)
        await self.api_ready(self.api)
        return self.api

    async def api_ready(self, api: Program) -> None:
        """Wait until an API answers."""

        async def alive() -> bool:
            api.check_running()
            return (await self.http.get("/healthz")).is_success

        await eventually("the API answers", alive, within=READY_SECONDS, despite=(httpx2.HTTPError,))

    async def start_worker(self, module: str = "worker") -> Program:
        """Start a worker and wait until it is ready; `module` may be one of the tests' own."""
        worker = self.programs.start("worker", [sys.executable, "-m", module], self.settings)
        await self.worker_ready(worker)
        return worker

    async def worker_ready(self, worker: Program) -> None:
        """Wait until a worker polls."""

        async def running() -> bool:
            worker.check_running()
            return "worker.running" in worker.log

        await eventually("the worker runs", running, within=READY_SECONDS)

    async def make_keys(self) -> None:
        """Make the keys of a small team."""
        for name, role in (("agent", "agent"), ("ada", "reviewer"), ("bob", "reviewer")):
            answer = await self.http.post("/v1/keys", headers=self.bearer("admin"), json={"name": name, "role": role})
            self.keys[name] = answer.json()["key"]

    def bearer(self, name: str) -> dict[str, Any]:
        """Return the headers that prove who calls."""
        return {"Authorization": f"Bearer {self.keys[name]}"}

    async def submit(self, operation_type: str, *, key: str | None = None, **parameters: Any) -> httpx2.Response:  # noqa: ANN401  passed on
        """Submit an operation."""
        headers = self.bearer("agent") | ({"Idempotency-Key": key} if key else {})
        operation = {"type": operation_type, "resource_type": "note", "resource_id": "7", "parameters": parameters}
        return await self.http.post(
            "/v1/approvals", headers=headers, json={"operation": operation, "reason": "a test asks"}
        )

    async def assessed(self, operation_type: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Submit an operation and wait until it is assessed."""
        answer = await self.submit(operation_type, key=None, **parameters)
        assert answer.is_success, answer.text
        approval_id = answer.json()["id"]

        async def look() -> dict[str, Any]:
            found: dict[str, Any] = (await self.read(approval_id)).json()
            return found

        return await eventually("it is assessed", look, until=lambda found: found.get("risk"), within=30)

    async def decide(self, approval: dict[str, Any], outcome: str = "approve", by: str = "ada") -> httpx2.Response:
        """Decide an approval."""
        return await self.http.post(
            f"/v1/approvals/{approval['id']}/decisions",
            headers=self.bearer(by) | {"Idempotency-Key": f"{by}-{outcome}"},
            json={"outcome": outcome, "comment": "said a test", "digest": approval["digest"]},
        )

    async def read(self, approval_id: str, wait: int = 0) -> httpx2.Response:
        """Read an approval."""
        return await self.http.get(f"/v1/approvals/{approval_id}", headers=self.bearer("ada"), params={"wait": wait})

    async def ended(self, approval: dict[str, Any], within: float = 60) -> dict[str, Any]:
        """Wait for an approval's end and return it."""

        async def look() -> dict[str, Any]:
            found: dict[str, Any] = (await self.read(approval["id"], wait=5)).json()
            return found

        return await eventually(
            f"approval {approval['id']} has ended",
            look,
            until=lambda found: found.get("status") in ("executed", "failed", "rejected", "expired", "cancelled"),
            within=within,
            despite=(httpx2.HTTPError,),
        )


@asynccontextmanager
async def open_site(
    temporal: TemporalServer, programs: Programs, database_url: str, data_dir: Path
) -> AsyncIterator[Site]:
    """Give a site of which only Temporal runs yet."""
    port = free_port()
    settings = temporal.settings | {
        "ASSENT_DATA_DIR": str(data_dir),
        "ASSENT_DATABASE_URL": make_url(database_url).render_as_string(hide_password=False),
        "ASSENT_CONFIG": str(OPERATIONS),
        "ASSENT_SIGNING_KEYS": make_signing_key("site"),
        "ASSENT_ADMIN_KEY": ADMIN_KEY,
        "ASSENT_PORT": str(port),
    }
    database = Database(database_url)
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=f"http://{LOOPBACK}:{port}", timeout=40, trust_env=False, limits=limits
    ) as http:
        try:
            yield Site(temporal, programs, database, settings, http)
        finally:
            await asyncio.to_thread(database.close)
