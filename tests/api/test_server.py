"""The web server: what its application's start raises is told, and nobody's waiting delays its stop."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from api.server import ApiServer, serve
from config.errors import StartError
from config.listening import listen_on
from config.settings import Settings
from tests.support.eventually import eventually
from tests.support.ports import LOOPBACK, free_port

SLOW_SECONDS = 0.5


def application() -> FastAPI:
    """An application with a read that waits for ever and a change that takes a moment."""
    app = FastAPI()
    app.state.asked = 0

    @app.get("/wait")
    async def wait() -> None:
        app.state.asked += 1
        await asyncio.Event().wait()

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def endless() -> AsyncIterator[str]:
            yield ": begun\n\n"
            app.state.asked += 1
            await asyncio.Event().wait()

        return StreamingResponse(endless(), media_type="text/event-stream")

    @app.post("/change")
    async def change() -> str:
        app.state.asked += 1
        await asyncio.sleep(SLOW_SECONDS)
        return "changed"

    return app


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[tuple[ApiServer, httpx2.AsyncClient]]:
    """Serve `app` for the time of the block, or until told to stop in it."""
    server = ApiServer(app)
    listener = listen_on(LOOPBACK, 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve([listener]))
    async with httpx2.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", trust_env=False) as client:
        await eventually("it has started", lambda: server.started)
        try:
            yield server, client
        finally:
            server.should_exit = True
            await serving


async def test_waiting_reads_are_answered_when_the_server_stops() -> None:
    """A stop does not wait for a long poll: it gets a 503 that says to ask again, at once, and no traceback."""
    app = application()
    async with served(app) as (server, client):
        waiting = asyncio.create_task(client.get("/wait"))
        await eventually("it waits", lambda: app.state.asked)
        server.should_exit = True
        async with asyncio.timeout(1.5):
            answer = await waiting
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "2"
    assert answer.json()["detail"].startswith("This process is stopping.")


async def test_a_stream_of_events_ends_in_good_order_when_the_server_stops(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever listened hears the end of it, and the log has nothing to say."""
    app = application()
    async with served(app) as (server, client):
        listening = asyncio.create_task(client.get("/events"))
        await eventually("it listens", lambda: app.state.asked)
        server.should_exit = True
        async with asyncio.timeout(1.5):
            answer = await listening
    assert (answer.status_code, answer.text) == (200, ": begun\n\n")
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_changes_are_finished_when_the_server_stops() -> None:
    """What may already have had an effect is answered with its outcome."""
    app = application()
    async with served(app) as (server, client):
        changing = asyncio.create_task(client.post("/change"))
        await eventually("it has begun", lambda: app.state.asked)
        server.should_exit = True
        answer = await changing
    assert (answer.status_code, answer.json()) == (200, "changed")


async def test_an_idle_connection_is_kept_for_the_next_request() -> None:
    """Longer than the web server's own five seconds: a client or load balancer that uses it again must not lose it."""
    async with served(application()) as (_, client):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        for idle in (0, 6):
            await asyncio.sleep(idle)
            writer.write(b"GET /nowhere HTTP/1.1\r\nHost: assent\r\n\r\n")
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 404")
            assert await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()
        await writer.wait_closed()


def test_start_that_fails_raises_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """What stops the application from starting reaches the caller, and the log has no traceback of it."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        message = "The database is away."
        raise StartError(message)
        yield

    with caplog.at_level(logging.DEBUG), pytest.raises(StartError, match=r"^The database is away\.$"):
        serve(FastAPI(lifespan=lifespan), Settings(host=LOOPBACK, port=free_port()))
    assert "Traceback" not in caplog.text
