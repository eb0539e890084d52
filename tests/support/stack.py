"""Assent as one piece for tests: the real API over HTTP, a real worker, a real Temporal and a real database."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import Worker

from api.app import create_app
from api.server import KEEP_ALIVE_SECONDS
from assent.models import NewKey, Role
from config.policy_file import PolicyFile
from config.settings import Settings
from config.signing_keys import make_signing_key
from dashboard.app import create_dashboard
from domain.signing import SigningKeys
from operations.registry import OperationRegistry
from services.keys import make_key
from services.wiring import load_assent_file, system_clock, wire_services
from storage.approval_reads import ApprovalReads
from storage.approvals import ApprovalStore
from storage.database import Database
from storage.keys import KeyStore
from storage.workers import WorkerStore
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK
from worker import create_worker

OPERATIONS = Path(__file__).with_name("assent.yaml")
ADMIN_KEY = "test-admin-key-0123456789abcdef0123456789"

_NAMES = {
    "agent": NewKey(name="agent", role=Role.AGENT),
    "other-agent": NewKey(name="other-agent", role=Role.AGENT),
    "ada": NewKey(name="ada", role=Role.REVIEWER),
    "bob": NewKey(name="bob", role=Role.REVIEWER),
    "auditor": NewKey(name="auditor", role=Role.AUDITOR),
}


@dataclass
class Stack:
    """Everything of one test. `keys` are by name; the admin's is under `admin`."""

    settings: Settings
    temporal: Client
    operations: OperationRegistry
    policy: PolicyFile
    signing_keys: SigningKeys
    database: Database
    http: httpx2.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)
    key_ids: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> ApprovalReads:
        """The record, read directly."""
        return ApprovalReads(self.database)

    @property
    def store(self) -> ApprovalStore:
        """The record, written directly."""
        return ApprovalStore(self.database)

    def worker(self, **options: Any) -> Worker:  # noqa: ANN401  passed on
        """Return a worker that is not running yet: sandboxed and with hardly a cache, so that tasks replay."""
        return create_worker(
            self.temporal,
            database=options.pop("database", self.database),
            operations=options.pop("operations", self.operations),
            policy=options.pop("policy", self.policy.current),
            signing_keys=self.signing_keys,
            task_queue=self.settings.task_queue,
            shutdown_grace=options.pop("shutdown_grace", timedelta(0)),
            max_cached_workflows=options.pop("max_cached_workflows", 1),
            **options,
        )

    def add_key(self, wanted: NewKey) -> None:
        """Make a key."""
        made = make_key(KeyStore(self.database), wanted, created_by="system:test", clock=system_clock)
        self.keys[made.name] = made.key
        self.key_ids[made.name] = made.id

    def bearer(self, name: str) -> dict[str, str]:
        """Return the headers that prove who calls."""
        return {"Authorization": f"Bearer {self.keys[name]}"}

    async def submit(
        self,
        operation_type: str = "note.low",
        *,
        by: str = "agent",
        parameters: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        **body: Any,  # noqa: ANN401  passed on
    ) -> httpx2.Response:
        """Submit an operation."""
        headers = self.bearer(by) | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        operation = {
            "type": operation_type,
            "resource_type": "note",
            "resource_id": "7",
            "parameters": parameters or {},
        }
        return await self.http.post(
            "/v1/approvals", headers=headers, json={"operation": operation, "reason": "a test asks", **body}
        )

    async def pending(self, operation_type: str = "note.low", **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Submit an operation that must be assessed at once, and return the approval."""
        answer = await self.submit(operation_type, **options)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        approval: dict[str, Any] = answer.json()
        return approval

    async def decide(
        self,
        approval: Mapping[str, Any],
        outcome: str = "approve",
        *,
        by: str = "ada",
        idempotency_key: str | None = None,
        **body: Any,  # noqa: ANN401  passed on
    ) -> httpx2.Response:
        """Decide an approval with the digest that it shows."""
        headers = self.bearer(by) | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        sent = {"outcome": outcome, "comment": "said a test", "digest": approval["digest"]} | body
        sent = {name: value for name, value in sent.items() if value is not None}
        return await self.http.post(f"/v1/approvals/{approval['id']}/decisions", headers=headers, json=sent)

    async def get(self, path: str, *, by: str = "ada", **parameters: Any) -> httpx2.Response:  # noqa: ANN401
        """Read anything."""
        return await self.http.get(path, headers=self.bearer(by), params=parameters)

    async def ended(self, approval: Mapping[str, Any], *, within: float = 20) -> dict[str, Any]:
        """Wait for an approval's end and return it."""

        async def look() -> dict[str, Any]:
            answer = await self.get(f"/v1/approvals/{approval['id']}", wait=5)
            found: dict[str, Any] = answer.json()
            return found

        return await eventually(
            f"approval {approval['id']} has ended",
            look,
            until=lambda found: found.get("status") not in ("pending", "approved"),
            within=within,
        )

    async def actions(self, approval: Mapping[str, Any]) -> list[str]:
        """Return the actions of an approval's audit trail, in order."""
        answer = await self.get(f"/v1/approvals/{approval['id']}/events")
        return [event["action"] for event in answer.json()["items"]]


def make_settings(data_dir: Path, database_url: str, task_queue: str) -> Settings:
    """Return the settings of a test's stack."""
    return Settings(
        data_dir=data_dir,
        config=OPERATIONS,
        database_url=database_url,
        signing_keys=SecretStr(make_signing_key("test")),
        admin_key=SecretStr(ADMIN_KEY),
        task_queue=task_queue,
        temporal_ui_url="http://127.0.0.1:8233",
    )


@asynccontextmanager
async def open_stack(
    settings: Settings,
    temporal: Client,
    operations: OperationRegistry | None = None,
    *,
    team: Iterable[NewKey] = tuple(_NAMES.values()),
) -> AsyncIterator[Stack]:
    """Serve the API on a port of its own, with the keys of a small team; run no worker."""
    loaded, policy = load_assent_file(settings.config)
    operations = operations or loaded
    database = Database(settings.database_url)
    # Named as TCP, so that asyncio sends small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((LOOPBACK, 0))
    listener.listen()
    app = create_app(lambda: wire_services(settings, temporal, operations, policy), create_dashboard())
    config = uvicorn.Config(
        app, lifespan="on", log_config=None, timeout_graceful_shutdown=1, timeout_keep_alive=KEEP_ALIVE_SECONDS
    )
    server = uvicorn.Server(config)
    # The test's own signals stay the test's.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(
            base_url=url, timeout=40, trust_env=False, limits=httpx2.Limits(max_connections=None)
        ) as http:
            signing_keys = SigningKeys(settings.signing_key_ring())
            stack = Stack(settings, temporal, operations, policy, signing_keys, database, http)
            stack.keys["admin"] = ADMIN_KEY
            for wanted in team:
                stack.add_key(wanted)
            await eventually("the API serves", lambda: server.started)
            yield stack
    finally:
        server.should_exit = True
        await serving
        listener.close()
        database.close()


@asynccontextmanager
async def beating(stack: Stack) -> AsyncIterator[None]:
    """Leave a worker's sign of life, as `worker.py` does."""
    workers = WorkerStore(stack.database)
    await asyncio.to_thread(workers.beat, "test", stack.settings.task_queue, now=system_clock())
    yield


@asynccontextmanager
async def keep_beating(stack: Stack) -> AsyncIterator[None]:
    """Leave a worker's signs of life for as long as the block runs."""

    async def beat() -> None:
        while True:
            await asyncio.to_thread(
                WorkerStore(stack.database).beat, "test", stack.settings.task_queue, now=system_clock()
            )
            await asyncio.sleep(4)

    async with beating(stack):
        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
