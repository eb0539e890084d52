"""Bodies that are too large, not declared as JSON, or not strict JSON never reach the application."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from api.strict_json import MAX_BYTES, StrictJson

THREE_MEGABYTES = 3 * 1024 * 1024
JSON_TYPE = {"content-type": "application/json"}


class Recorder:
    """An application that answers 200 and remembers the bodies that reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.others: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            self.others.append(scope["type"])
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def client(recorder: Recorder) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(StrictJson(recorder))
    async with httpx2.AsyncClient(transport=transport, base_url="http://assent") as client:
        yield client


def problem(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail"}
    assert told["status"] == answer.status_code
    return told["status"], told["type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
@pytest.mark.parametrize("body", [b' {"a" :  [1, 2]}\n', b"[" + b"1," * 30_000 + b"1]"], ids=["small", "large"])
async def test_the_application_receives_the_very_same_bytes(
    client: httpx2.AsyncClient, recorder: Recorder, method: str, body: bytes
) -> None:
    """What was checked is what is passed on, byte for byte."""
    answer = await client.request(method, "/v1/approvals", content=body, headers=JSON_TYPE)
    assert (answer.status_code, recorder.bodies) == (200, [body])


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"content-encoding": "gzip"}])
async def test_an_empty_body_passes(
    client: httpx2.AsyncClient, recorder: Recorder, method: str, headers: dict[str, str]
) -> None:
    """Whether a body is needed is the route's to judge."""
    answer = await client.request(method, "/v1/approvals", headers=headers)
    assert (answer.status_code, recorder.bodies) == (200, [b""])


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/merge-patch+json"},
        {"content-type": "text/plain, application/json"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json; charset=iso-8859-1"},
        JSON_TYPE | {"content-encoding": "gzip"},
        JSON_TYPE | {"content-encoding": "identity, br"},
    ],
    ids=str,
)
async def test_only_plain_json_is_accepted(
    client: httpx2.AsyncClient, recorder: Recorder, method: str, headers: dict[str, str]
) -> None:
    """A cross-site form cannot send `application/json`, and nobody can hide content by compressing it."""
    answer = await client.request(method, "/v1/approvals", content=b"{}", headers=headers)
    assert problem(answer) == (415, "/problems/unsupported-media-type")
    assert recorder.bodies == []


async def test_two_content_types_are_none(client: httpx2.AsyncClient, recorder: Recorder) -> None:
    """Of two headers one would win, and which one differs from reader to reader."""
    headers = [("content-type", "application/json"), ("content-type", "text/plain")]
    answer = await client.post("/v1/approvals", content=b"{}", headers=headers)
    assert problem(answer) == (415, "/problems/unsupported-media-type")
    assert recorder.bodies == []


@pytest.mark.parametrize(
    "headers",
    [
        JSON_TYPE,
        {"content-type": "Application/JSON;charset=UTF-8"},
        {"content-type": 'application/json ; charset="utf-8"'},
        JSON_TYPE | {"content-encoding": "identity"},
    ],
    ids=str,
)
async def test_the_usual_ways_to_declare_json_are_accepted(
    client: httpx2.AsyncClient, recorder: Recorder, headers: dict[str, str]
) -> None:
    """Names are compared without case, and UTF-8 may be named."""
    answer = await client.post("/v1/approvals", content=b"{}", headers=headers)
    assert (answer.status_code, recorder.bodies) == (200, [b"{}"])


async def test_content_that_is_not_strict_is_a_422(client: httpx2.AsyncClient, recorder: Recorder) -> None:
    """The answer says where, and the application never hears of it; also where a thread did the check."""
    for body in (b'{"a": [1, NaN]}', b'{"a": [1, NaN], "b": "' + b"b" * 100_000 + b'"}'):
        answer = await client.post("/v1/approvals", content=body, headers=JSON_TYPE)
        assert problem(answer) == (422, "/problems/invalid-json")
        assert answer.json()["detail"] == "$.a[1]: NaN is not JSON. Send null, or leave the member out."
    assert recorder.bodies == []


@pytest.mark.parametrize("path", ["/", "/v10/approvals", "/healthz", "/docs/v1/approvals"])
async def test_other_paths_are_left_alone(client: httpx2.AsyncClient, recorder: Recorder, path: str) -> None:
    """Only what is below the prefix is guarded."""
    answer = await client.post(path, content=b"\xff" * (MAX_BYTES + 1))
    assert answer.status_code == 200
    assert len(recorder.bodies[0]) == MAX_BYTES + 1


async def test_only_http_is_guarded(recorder: Recorder) -> None:
    """The start and the end of the application pass through."""

    async def receive() -> Message:
        pytest.fail("nothing is read")

    async def send(message: Message) -> None:
        pytest.fail(f"nothing is sent, not even {message}")

    await StrictJson(recorder)({"type": "lifespan"}, receive, send)
    assert recorder.others == ["lifespan"]


async def test_a_proxy_s_path_does_not_open_a_way_around(recorder: Recorder) -> None:
    """The prefix is looked for behind the root path that a server was given."""
    transport = httpx2.ASGITransport(StrictJson(recorder), root_path="/assent")
    async with httpx2.AsyncClient(transport=transport, base_url="http://assent") as client:
        for path in ("/assent/v1/approvals", "/v1/approvals", "/assent/v1"):
            assert (await client.post(path, content=b"NaN", headers=JSON_TYPE)).status_code == 422
    assert recorder.bodies == []


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(
    client: httpx2.AsyncClient, recorder: Recorder
) -> None:
    """The limit is inclusive."""
    body = b'"' + b"x" * (MAX_BYTES - 2) + b'"'
    assert (await client.post("/v1/approvals", content=body, headers=JSON_TYPE)).status_code == 200
    answer = await client.post("/v1/approvals", content=body + b" ", headers=JSON_TYPE)
    assert problem(answer) == (413, "/problems/body-too-large")
    assert [len(received) for received in recorder.bodies] == [MAX_BYTES]


async def test_nothing_is_read_of_a_body_that_declares_itself_too_large(recorder: Recorder) -> None:
    """The answer comes before the first byte is asked for."""
    happened: list[str] = []

    async def receive() -> Message:
        happened.append("receive")
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        happened.append(f"{message['type']} {message.get('status', '')}".strip())

    scope: Scope = {
        "type": "http",
        "path": "/v1/approvals",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"9" * 5_000)],
    }
    await StrictJson(recorder)(scope, receive, send)
    assert happened == ["http.response.start 413", "http.response.body", "receive", "http.response.body"]
    assert recorder.bodies == []


async def test_a_client_that_leaves_while_it_sends_is_forgotten(recorder: Recorder) -> None:
    """Half a body is no request."""
    messages: list[Message] = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        pytest.fail(f"nobody is there to receive {message}")

    scope: Scope = {"type": "http", "path": "/v1/x", "headers": [(b"content-type", b"application/json")]}
    await StrictJson(recorder)(scope, receive, send)
    assert recorder.bodies == []


@asynccontextmanager
async def served(app: StrictJson, http: str) -> AsyncIterator[int]:
    """Run `app` on a real server and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


def head(*headers: str) -> bytes:
    lines = ["POST /v1/approvals HTTP/1.1", "Host: assent", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode()


async def exchange(port: int, *sent: bytes) -> bytes:
    """Send everything, as most clients do, before reading the answer up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_three_megabytes_are_answered_and_the_connection_closed(recorder: Recorder, http: str) -> None:
    """413, declared or chunked; the answer arrives although the client sends to the end first, and nothing hangs."""
    chunk = b"%x\r\n%s\r\n" % (64 * 1024, b"x" * 64 * 1024)
    async with served(StrictJson(recorder), http) as port, asyncio.timeout(20):
        for sent in (
            (head(f"Content-Length: {THREE_MEGABYTES}"), b"x" * THREE_MEGABYTES),
            (head("Transfer-Encoding: chunked"), *[chunk] * 48, b"0\r\n\r\n"),
        ):
            answer = await exchange(port, *sent)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"connection: close" in answer.lower()
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "/problems/body-too-large"
    assert recorder.bodies == []


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_a_client_that_never_sends_its_body_is_answered_and_let_go(recorder: Recorder, http: str) -> None:
    """The answer does not wait for what was announced, and the server does not wait for ever."""
    async with served(StrictJson(recorder), http) as port, asyncio.timeout(10):
        answer = await exchange(port, head(f"Content-Length: {THREE_MEGABYTES}"))
        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_a_refused_body_that_was_read_leaves_the_connection_open(recorder: Recorder, http: str) -> None:
    """After a 422 the same connection serves the next request."""
    async with served(StrictJson(recorder), http) as port, asyncio.timeout(10):
        answer = await exchange(
            port, head("Content-Length: 3"), b"NaN", head("Content-Length: 2", "Connection: close"), b"{}"
        )
    assert (answer.count(b"HTTP/1.1 422 "), answer.count(b"HTTP/1.1 200 ")) == (1, 1)
    assert recorder.bodies == [b"{}"]
