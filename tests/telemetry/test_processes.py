"""What a process does at its start and at its end, for whoever watches over it."""

import socket
import sys
from collections.abc import Mapping

import pytest

from config.errors import SettingsError
from config.signing_keys import make_signing_key
from telemetry.tracing import FLUSH_SECONDS, is_configured
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Programs

FLUSHED = """
import sys, time
from telemetry.process import open_telemetry
from telemetry.tracing import start_tracing
loaded = "opentelemetry.sdk.trace" in sys.modules
tracer, flush = start_tracing("test")
begun = time.monotonic()
if tracer is not None:
    tracer.start_span("one").end()
flush()
print(loaded, tracer is not None, time.monotonic() - begun)
sys.stdout.flush()
import os
os._exit(0)
"""


def test_a_port_that_is_taken_ends_the_start(programs: Programs) -> None:
    """Both processes say so in one sentence, with the variable to set, and do nothing else."""
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        settings = {
            "ASSENT_METRICS_ADDRESS": f"{LOOPBACK}:{port}",
            "ASSENT_SIGNING_KEYS": make_signing_key("test"),
        }
        started = [programs.api(settings), programs.worker(settings)]
        codes = [program.wait(60) for program in started]

    assert codes == [1, 1]
    sentence = f"Port {port} on {LOOPBACK} is taken by another program: stop it, or choose another port by"
    assert {program.log for program in started} == {f"{sentence} ASSENT_METRICS_ADDRESS.\n"}


@pytest.mark.parametrize(
    ("variables", "configured"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            },
            True,
        ),
    ],
)
def test_traces_are_sent_when_opentelemetrys_variables_say_so(
    variables: Mapping[str, str],
    configured: bool,  # noqa: FBT001  what is expected
) -> None:
    """Nothing of it is named anew."""
    assert is_configured(variables) is configured


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
    ],
)
def test_an_exporter_that_is_not_there_ends_the_start(variables: Mapping[str, str]) -> None:
    """Sending nothing, while somebody waits for traces, would be found out too late."""
    with pytest.raises(SettingsError, match=f"^{list(variables)[-1]} is .*: set it to "):
        is_configured(variables)


def test_without_an_exporter_none_is_loaded(programs: Programs) -> None:
    """What most processes never need costs them nothing."""
    program = programs.start("flush", [sys.executable, "-c", FLUSHED])

    assert program.wait(60) == 0
    assert program.log.split()[:2] == ["False", "False"]


def test_a_collector_that_is_away_holds_no_end_up(programs: Programs) -> None:
    """Spans that cannot be sent are lost; the process ends."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{free_port()}"}
    program = programs.start("flush", [sys.executable, "-c", FLUSHED], endpoint)

    assert program.wait(60) == 0
    assert program.log.splitlines()[-1].split()[:2] == ["False", "True"]
    assert float(program.log.split()[-1]) < FLUSH_SECONDS + 2
