"""Agents and reviewers over HTTP: a process of its own, as cheap as a client can be, since it shares the machine.

Each client keeps its connections open, one as an agent and one as a reviewer.
"""

import asyncio
import json
import os
from typing import Any

import uvloop

from bench.engine import request
from bench.engine.load import Approver, Submitted, obey
from domain.approval import workflow_id_of
from tests.support.ports import LOOPBACK

WAIT_SECONDS = 60
_LOOK_AGAIN_SECONDS = 0.1
PORT, AGENT_KEY, REVIEWER_KEY = "BENCH_PORT", "BENCH_AGENT_KEY", "BENCH_REVIEWER_KEY"
"""The variables that lead this process to the API."""


class Connection:
    """One kept-alive HTTP connection, for one caller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        """Take an open connection, and the key of the caller."""
        self._reader = reader
        self._writer = writer
        self._key = key

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request and return the answer's JSON. Raises RuntimeError, with the answer, for an error."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        answered = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answered.partition("\r\ncontent-length:")[2].partition("\r\n")[0])
        content = await self._reader.readexactly(length)
        status = answered.split(maxsplit=2)[1]
        if not status.startswith("2"):
            message = f"{method} {path} was answered with {status}: {content.decode()}"
            raise RuntimeError(message)
        found: dict[str, Any] = json.loads(content)
        return found


class AssentApprover:
    """An agent and a reviewer."""

    def __init__(self, agent: Connection, reviewer: Connection) -> None:
        """Take their connections."""
        self._agent = agent
        self._reviewer = reviewer

    async def submit(self) -> Submitted:
        """Submit the operation, and read what the reviewer would see."""
        shown = await self._agent.ask("POST", "/v1/approvals", request.SUBMISSION)
        while shown["risk"] is None:
            # Accepted, and no worker has come to it in the two seconds for which the API waits.
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            shown = await self._agent.ask("GET", f"/v1/approvals/{shown['id']}")
        return Submitted(workflow_id=workflow_id_of(shown["id"]), digest=shown["digest"])

    async def until_it_waits(self, submitted: Submitted) -> None:
        """Return at once: what was submitted has been assessed, and waits."""

    async def approve(self, submitted: Submitted) -> None:
        """Approve it as a reviewer; wait for its end as the agent."""
        path = f"/v1/approvals/{submitted.workflow_id.removeprefix(workflow_id_of(''))}"
        decision = {"outcome": "approve", "digest": submitted.digest}
        shown = await self._reviewer.ask("POST", f"{path}/decisions", decision)
        while shown["status"] in {"pending", "approved"}:
            shown = await self._agent.ask("GET", f"{path}?wait={WAIT_SECONDS}")
        if shown["status"] != "executed":
            message = f"An approval ended as {shown['status']}: {shown}"
            raise RuntimeError(message)


async def _connect(key: str) -> Connection:
    return Connection(*await asyncio.open_connection(LOOPBACK, int(os.environ[PORT])), key)


async def _open(clients: int) -> list[Approver]:
    # Anew for each order: the server ends connections that are idle for long.
    return [
        AssentApprover(await _connect(os.environ[AGENT_KEY]), await _connect(os.environ[REVIEWER_KEY]))
        for _ in range(clients)
    ]


if __name__ == "__main__":
    uvloop.run(obey(_open))
