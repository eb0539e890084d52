"""A trace's way through Temporal: with the start into the workflow, and from there into each of its activities.

The workflow itself only passes on the bytes that came with its start. It reads none of them and makes no span, so that
its history replays with and without tracing, and whatever somebody else puts there can hold no approval up.
"""

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import OutboundInterceptor, SignalWorkflowInput, StartWorkflowInput, WorkflowHandle
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.worker import Interceptor as WorkerInterceptor
from typing_extensions import override

from domain.approval import approval_id_of

HEADER = "_tracer-data"
"""Where the SDKs of every language keep it."""

MAX_HEADER_BYTES = 512
"""More is not passed on: what came with a start is written into the history again with each activity."""

_TRACEPARENT = "traceparent"
_propagator = TraceContextTextMapPropagator()


class TracingInterceptor(ClientInterceptor, WorkerInterceptor):
    """Makes a span of each start, signal and activity."""

    def __init__(self, tracer: Tracer) -> None:
        """Take what makes spans."""
        self._tracer = tracer

    @override
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _TracedClient(next, self._tracer)

    @override
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _TracedActivity(next, self._tracer)

    @override
    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,
    ) -> type[WorkflowInboundInterceptor]:
        return _PassingOn


class _TracedClient(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, tracer: Tracer) -> None:
        super().__init__(following)
        self._tracer = tracer

    @override
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        with self._tracer.start_as_current_span(
            f"start {input.workflow}",
            kind=SpanKind.CLIENT,
            attributes=_about(input.id),
            record_exception=False,
            set_status_on_exception=False,
        ):
            input.headers = {**input.headers, **_carried()}
            return await super().start_workflow(input)

    @override
    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        with self._tracer.start_as_current_span(
            f"signal {input.signal}",
            kind=SpanKind.CLIENT,
            attributes=_about(input.id),
            record_exception=False,
            set_status_on_exception=False,
        ):
            await super().signal_workflow(input)


class _PassingOn(WorkflowInboundInterceptor):
    @override
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_PassingOnOutbound(outbound))


class _PassingOnOutbound(WorkflowOutboundInterceptor):
    @override
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = {**input.headers, **_received()}
        return super().start_activity(input)

    @override
    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = {**input.headers, **_received()}
        return super().start_local_activity(input)


class _TracedActivity(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, tracer: Tracer) -> None:
        super().__init__(following)
        self._tracer = tracer

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        info = activity.info()
        attributes = _about(info.workflow_id or "") | {"assent.attempt": info.attempt}
        span = self._tracer.start_span(
            info.activity_type, context=_parent(input.headers), kind=SpanKind.CONSUMER, attributes=attributes
        )
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                result = await super().execute_activity(input)
            except BaseException as error:
                if not _is_held(error):
                    # Its type alone: a message may quote what the operation was given.
                    span.set_attribute("error.type", _type_of(error))
                    span.set_status(StatusCode.ERROR)
                    span.end()
                raise
        span.end()
        return result


def _about(workflow_id: str) -> dict[str, Any]:
    approval_id = approval_id_of(workflow_id)
    return {} if approval_id is None else {"assent.approval_id": approval_id}


def _carried() -> dict[str, Payload]:
    """Return the header that names the current span; none when it is not recorded anywhere."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    if _TRACEPARENT not in carrier:
        return {}
    written = json.dumps({_TRACEPARENT: carrier[_TRACEPARENT]}).encode()
    return {HEADER: Payload(metadata={"encoding": b"json/plain"}, data=written)}


def _received() -> Mapping[str, Payload]:
    """Return what came with the workflow's start, as it came."""
    header = workflow.info().headers.get(HEADER)
    return {HEADER: header} if header is not None and header.ByteSize() <= MAX_HEADER_BYTES else {}


def _parent(headers: Mapping[str, Payload]) -> Context:
    """Return the context that a header names; an empty one when it names none."""
    try:
        carrier = json.loads(headers[HEADER].data)
        return _propagator.extract({_TRACEPARENT: carrier[_TRACEPARENT]}, context=Context())
    except (KeyError, TypeError, ValueError):
        return Context()


def _is_held(error: BaseException) -> bool:
    """Whether nothing has happened yet, as while a pause holds an operation: that leaves no span at each look."""
    return isinstance(error, ApplicationError) and error.category is ApplicationErrorCategory.BENIGN


def _type_of(error: BaseException) -> str:
    return (error.type if isinstance(error, ApplicationError) else None) or type(error).__name__
