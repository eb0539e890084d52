"""Requests as they are counted: by their route and what became of them, never by what was sent."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from api.observed import ObservedRequests

Told = tuple[str, str, str]


class Observed:
    """A small application, and what is told of each of its requests."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        app = FastAPI()
        app.add_api_route("/things/{name}", self.thing, methods=["GET", "POST"])
        app.add_api_route("/fault", self.fault)
        app.add_api_route("/stream", self.stream)
        self.application = ObservedRequests(app, self.count, None)

    def count(self, route: str, method: str, status: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.told.append((route, method, status))

    async def thing(self, name: str) -> str:
        return name

    async def fault(self) -> None:
        raise LookupError

    async def stream(self) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            yield "begun"
            assert self.told == []
            yield "ended"

        return StreamingResponse(events())

    async def send(self, method: str, path: str) -> int:
        transport = httpx2.ASGITransport(app=self.application, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return (await http.request(method, path)).status_code


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/things/quokka?q=quokka", ("/things/{name}", "GET", "2xx")),
        ("POST", "/things/quokka", ("/things/{name}", "POST", "2xx")),
        ("PATCH", "/things/quokka", ("/things/{name}", "PATCH", "4xx")),
        ("GET", "/quokka", ("other", "GET", "4xx")),
        ("QUOKKA", "/quokka", ("other", "other", "4xx")),
        ("GET", "/fault", ("/fault", "GET", "5xx")),
    ],
)
async def test_a_request_is_told_by_its_route(method: str, path: str, told: Told) -> None:
    """A caller chooses none of the words, so there are never more series than routes."""
    observed = Observed()
    await observed.send(method, path)
    assert observed.told == [told]


async def test_a_stream_is_told_when_it_ends() -> None:
    """By the time to its first byte: how long somebody listens says nothing of the service."""
    observed = Observed()
    assert await observed.send("GET", "/stream") == httpx2.codes.OK
    assert observed.told == [("/stream", "GET", "2xx")]
