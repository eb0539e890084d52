"""Receivers of alerts on this machine: they keep what they get, and answer as a test tells them to."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from config.notify import Notify
from tests.support.ports import LOOPBACK

SECRET = "whsec_" + "c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZyE="
HANG = 0
"""A status that is never answered."""


@dataclass
class Post:
    """One request. `headers` are by lower-case names."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def alert_id(self) -> str:
        """The id by which a receiver knows a repeat."""
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """The body, unverified: the library takes no signature of another time."""
        read: dict[str, Any] = json.loads(self.body)
        return read

    def verified(self, secret: str = SECRET) -> dict[str, Any]:
        """Return the body as the library that receivers use returns it; raises when the signature is wrong."""
        verified: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return verified


@dataclass
class Receiver:
    """A listening receiver. `answer` chooses each status; `location` goes with it, and a body without an end."""

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    answer: Callable[[Post], int] = lambda _: 204
    location: str | None = None
    endless: bool = False
    connections: int = 0

    def url(self, host: str = LOOPBACK, scheme: str = "http") -> str:
        """Return where it listens."""
        return f"{scheme}://{host}:{self.port}/hooks/token-4711?to=team"

    def notify(self, **changes: Any) -> Notify:  # noqa: ANN401  any field's value
        """Return the section of `assent.yaml` that leads here."""
        return Notify(**{"url": SecretStr(self.url()), "private_addresses": True, **changes})

    @property
    def types(self) -> list[str]:
        """What each request told, in order."""
        return [post.told["type"] for post in self.posts]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request of one connection."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            post = Post(first.split(" ")[1], headers, body)
            self.posts.append(post)
            status = self.answer(post)
            if status == HANG:
                await reader.read()
            else:
                await self._answer(writer, status)

    async def _answer(self, writer: asyncio.StreamWriter, status: int) -> None:
        location = "" if self.location is None else f"Location: {self.location}\r\n"
        writer.write(f"HTTP/1.1 {status} So\r\n{location}Connection: close\r\n\r\n".encode())
        while self.endless:
            writer.write(b"x" * 65_536)
            await writer.drain()
        await writer.drain()


@asynccontextmanager
async def open_receiver(
    answer: Callable[[Post], int] = lambda _: 204, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Listen on this machine, by TLS when its context is given."""
    receiver = Receiver(answer=answer)
    serving: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(connected, LOOPBACK, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
