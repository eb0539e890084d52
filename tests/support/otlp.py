"""A receiver of traces, as a collector is: it keeps what it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typing_extensions import override

from tests.support.ports import LOOPBACK


class SentSpan(NamedTuple):
    """One span as it came over the wire. `wire` is all of it, written out."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    wire: str


class Collector:
    """What was received, by a server on a port of its own."""

    def __init__(self, server: ThreadingHTTPServer, bodies: list[bytes]) -> None:
        """Take the server and where it puts the bodies."""
        self.url = f"http://{LOOPBACK}:{server.server_port}"
        self._bodies = bodies

    @property
    def spans(self) -> list[SentSpan]:
        """Every span, in the order in which they came."""
        return [span for body in self._bodies for span in _spans(ExportTraceServiceRequest.FromString(body))]


@contextmanager
def open_collector() -> Iterator[Collector]:
    """Receive traces for as long as the block runs."""
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Collector(server, bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(sent: ExportTraceServiceRequest) -> Iterator[SentSpan]:
    for resource in sent.resource_spans:
        of_resource = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield SentSpan(
                    service=of_resource["service.name"],
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    attributes={
                        each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes
                    },
                    wire=str(span),
                )
