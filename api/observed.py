"""Requests as whoever watches over the service sees them: counted by route, and a span each where traces are sent."""

import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.approval import is_approval_id

OTHER = "other"
"""The route of what no route takes, and the method of what HTTP does not know: a caller may write anything there."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR = 500
_TRACEPARENT = "traceparent"

_propagator = TraceContextTextMapPropagator()

Counted = Callable[[str, str, str, float], None]
"""Takes a request's route, its method, the class of its status, such as `2xx`, and the seconds to its first byte."""


class ObservedRequests:
    """Passes requests on to an application, and tells of them: by their route, never by what was sent."""

    def __init__(self, application: ASGIApp, counted: Counted | None, tracer: Tracer | None) -> None:
        """Wrap `application`. None counts nothing, or makes no spans."""
        self._application = application
        self._counted = counted
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's lifespan."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        status, seconds, begun = 0, 0.0, time.perf_counter()

        async def send_and_note(message: MutableMapping[str, Any]) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - begun
            await send(message)

        with self._span(scope) as span:
            try:
                await self._application(scope, receive, send_and_note)
            finally:
                self._tell(scope, status, seconds, span)

    @contextmanager
    def _span(self, scope: Scope) -> Iterator[Span | None]:
        if self._tracer is None:
            yield None
            return
        # Nothing else of the caller's is taken over: what it says beside the ids would travel on to the operation.
        named = Headers(scope=scope).get(_TRACEPARENT)
        parent = _propagator.extract({} if named is None else {_TRACEPARENT: named}, context=Context())
        with self._tracer.start_as_current_span(
            _method(scope),
            context=parent,
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    def _tell(self, scope: Scope, status: int, seconds: float, span: Span | None) -> None:
        route, method = getattr(scope.get("route"), "path", OTHER), _method(scope)
        if self._counted is not None and status:
            self._counted(route, method, f"{status // 100}xx", seconds)
        if span is not None:
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.request.method": method, "http.route": route})
            approval_id = scope.get("path_params", {}).get("approval_id", "")
            if is_approval_id(approval_id):
                span.set_attribute("assent.approval_id", approval_id)
            if status:
                span.set_attribute("http.response.status_code", status)
            if status >= _SERVER_ERROR or not status:
                span.set_status(StatusCode.ERROR)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else OTHER
