"""A trace's way through Temporal: it changes no history that matters, and nobody can harm an approval by it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowHandle,
    WorkflowHistory,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from typing_extensions import override

from assent.models import ApprovalStatus
from telemetry.temporal_tracing import HEADER, MAX_HEADER_BYTES, TracingInterceptor
from tests.replay.record import HISTORIES
from tests.support.desk import Desk, open_desk
from workflows.approval import ApprovalWorkflow

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Where spans go."""
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    """What makes them, without any setting of the process's own."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


class Forger(Interceptor):
    """A client that puts anything where a trace is named."""

    def __init__(self, payload: Payload) -> None:
        self.headers = {HEADER: payload}

    @override
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return Forging(next, self.headers)


class Forging(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, headers: Mapping[str, Payload]) -> None:
        super().__init__(following)
        self.headers = headers

    @override
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        input.headers = self.headers
        return await super().start_workflow(input)

    @override
    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = self.headers
        await super().signal_workflow(input)


def with_interceptor(client: Client, interceptor: Interceptor) -> Client:
    return Client(**(client.config() | {"interceptors": [interceptor]}))


def json_payload(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


@pytest.fixture
async def desk(
    temporal_client: Client, sqlite_url: str, tracer: Tracer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Desk]:
    """A desk whose worker traces."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_desk(with_interceptor(temporal_client, TracingInterceptor(tracer)), sqlite_url) as opened:
        yield opened


async def lived_through(desk: Desk, sender: Client) -> WorkflowHistory:
    """Have an approval started and approved by `sender`, and return its history once it has ended."""
    request = desk.request()
    async with desk.worker():
        handle = await Desk(sender, desk.database, desk.signing_keys, task_queue=desk.task_queue).start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        state = await asyncio.wait_for(handle.result(), 30)
    assert state.status is ApprovalStatus.EXECUTED
    return await handle.fetch_history()


@pytest.fixture(params=sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> WorkflowHistory:
    """A history from before, one after the other."""
    path: Path = request.param
    return WorkflowHistory.from_json("approval-recorded", path.read_text())


async def test_what_is_open_goes_on_when_tracing_is_turned_on(recorded: WorkflowHistory, tracer: Tracer) -> None:
    """A history from before asks for the same steps."""
    replayer = Replayer(
        workflows=[ApprovalWorkflow],
        data_converter=pydantic_data_converter,
        interceptors=[TracingInterceptor(tracer)],
    )
    await replayer.replay_workflow(recorded)


async def test_what_is_open_goes_on_when_tracing_is_turned_off(desk: Desk, exporter: InMemorySpanExporter) -> None:
    """A history with a trace's header in it asks for the same steps without."""
    history = await lived_through(desk, desk.client)

    assert "execute" in [span.name for span in exporter.get_finished_spans()]
    assert any(HEADER in each.activity_task_scheduled_event_attributes.header.fields for each in history.events)
    await Replayer(workflows=[ApprovalWorkflow], data_converter=pydantic_data_converter).replay_workflow(history)


FORGED = {
    "not JSON": json_payload("quokka"),
    "no object": json_payload("[1]"),
    "no text": json_payload('{"traceparent": 7}'),
    "no trace": json_payload('{"traceparent": "quokka"}'),
    "other bytes": Payload(metadata={"encoding": b"binary/quokka"}, data=b"\xff\x00"),
    "too much": json_payload(f'{{"traceparent": "{TRACEPARENT}", "baggage": "{"x" * MAX_HEADER_BYTES}"}}'),
}


@pytest.mark.parametrize("payload", FORGED.values(), ids=FORGED.keys())
async def test_no_header_holds_an_approval_up(
    desk: Desk, temporal_client: Client, exporter: InMemorySpanExporter, payload: Payload
) -> None:
    """Whoever reaches Temporal may name a trace by anything: the approval goes its way, in a trace of its own."""
    history = await lived_through(desk, with_interceptor(temporal_client, Forger(payload)))

    spans = exporter.get_finished_spans()
    assert [span.parent for span in spans if span.name == "execute"] == [None]
    passed_on = [each.activity_task_scheduled_event_attributes.header.fields for each in history.events]
    assert all(len(fields[HEADER].data) < MAX_HEADER_BYTES for fields in passed_on if HEADER in fields)


async def test_a_trace_brings_nothing_along(
    desk: Desk, temporal_client: Client, exporter: InMemorySpanExporter
) -> None:
    """Of what comes with a start, the ids of the trace count, and neither its baggage nor its state."""
    sent = json_payload(f'{{"traceparent": "{TRACEPARENT}", "tracestate": "a=quokka", "baggage": "b=quokka"}}')
    await lived_through(desk, with_interceptor(temporal_client, Forger(sent)))

    [execute] = [span for span in exporter.get_finished_spans() if span.name == "execute"]
    assert format(execute.context.trace_id, "032x") == TRACEPARENT.split("-")[1]
    assert "quokka" not in execute.to_json()
