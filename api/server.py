"""The web server under the application: its socket, a start that fails with its own reason, and a quick stop."""

import asyncio
import gc
import socket
from collections.abc import MutableMapping
from typing import Any

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from api.errors import problem_response
from assent.models import Problem
from config.listening import listen_on
from config.settings import Settings

# Requests that change something get this long to finish when the process is told to stop.
GRACEFUL_SECONDS = 3

# Longer than the 60 s for which load balancers keep an idle connection: were this end the first to close it, a request
# that is just being sent would be lost.
KEEP_ALIVE_SECONDS = 75

_STOPPING = Problem(
    type="about:blank",  # RFC 9457: there is no more to it than its status
    title="Service Unavailable",
    status=503,
    detail="This process is stopping. Send the request again in a few seconds; with the same Idempotency-Key it has no "
    "second effect.",
)


class ServedApplication:
    """Passes everything on to an application, and keeps tracebacks out of its start and its stop."""

    def __init__(self, application: ASGIApp) -> None:
        """Wrap `application`. After a start that failed, `failure` says why."""
        self.failure: Exception | None = None
        self._application = application
        self._reads: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's lifespan."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def cut_off_reads(self) -> None:
        """Answer those who only wait for something to happen: they lose nothing by asking again."""
        for task in self._reads:
            task.cancel()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_traceback(message: MutableMapping[str, Any]) -> None:
            await send({"type": message["type"]} if message["type"] == "lifespan.startup.failed" else message)

        try:
            await self._application(scope, receive, send_without_traceback)
        except Exception as error:
            self.failure = error
            raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = endless = False

        async def send_and_note(message: MutableMapping[str, Any]) -> None:
            nonlocal begun, endless
            begun = True
            if message["type"] == "http.response.start":
                endless = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
            await send(message)

        task = asyncio.current_task()
        if task is not None and scope["method"] in {"GET", "HEAD"}:
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)
        try:
            await self._application(scope, receive, send_and_note)
        except asyncio.CancelledError:
            # Only a stop cancels requests. What has begun to be sent cannot be taken back: a stream of events ends in
            # good order, and anything else where it is, so that nobody takes a part for the whole.
            if not begun:
                await problem_response(_STOPPING)(scope, receive, send)
            elif endless:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class ApiServer(uvicorn.Server):
    """Uvicorn, with a stop that does not wait for those who wait."""

    def __init__(self, application: ASGIApp, *, access_log: bool = False) -> None:
        """Serve `application`; the access log is for debugging."""
        self.served = ServedApplication(application)
        super().__init__(
            uvicorn.Config(
                self.served,
                lifespan="on",
                log_config=None,
                access_log=access_log,
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.served.cut_off_reads()
        await super().shutdown(sockets)


def serve(application: ASGIApp, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises PortUnavailableError, and whatever the application's start raised."""
    server = ApiServer(application, access_log=settings.log_level == "debug")
    # What the start has made stays. Looked through for garbage each time, it held a request up by 0.1 s now and then.
    gc.freeze()
    with listen_on(settings.host, settings.port) as listener:
        try:
            server.run(sockets=[listener])
        except SystemExit:
            if server.served.failure is not None:
                raise server.served.failure from None
            raise
