"""Traces, when OpenTelemetry's own variables say where to send them; otherwise nothing of them is loaded."""

import os
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.trace import Tracer

from config.errors import SettingsError

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OUR_PROTOCOL = "http/protobuf"

FLUSH_SECONDS = 3.0
"""How long the end of a process may be held up by spans that are still to be sent."""


def is_configured(environment: Mapping[str, str]) -> bool:
    """Whether an exporter is configured. Raises SettingsError when it is one that Assent does not have."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter == "none" or not (exporter or any(environment.get(name) for name in _ENDPOINTS)):
        return False
    if exporter not in ("", "otlp"):
        message = f"OTEL_TRACES_EXPORTER is {exporter!r}: set it to otlp, or to none."
        raise SettingsError(message)
    for name in _PROTOCOLS:
        if environment.get(name, "") not in ("", _OUR_PROTOCOL):
            message = (
                f"{name} is {environment[name]!r}: set it to {_OUR_PROTOCOL}, and the endpoint to one that takes it."
            )
            raise SettingsError(message)
    return True


def no_traces() -> None:
    """Send nothing: what a process without an exporter does at its end."""


def start_tracing(process: str) -> tuple[Tracer | None, Callable[[], None]]:
    """Return what makes spans, None without an exporter, and what sends the last of them before the process ends.

    The provider is the process's own, so that what an operation itself traces joins in. Raises SettingsError.
    """
    if not is_configured(os.environ):
        return None, no_traces
    # Loaded here: together with their HTTP client they are 20 MB that most processes never need.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create(_resource(process)), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

    def flush() -> None:
        # In a thread that may be left behind: an exporter that nobody answers tries again for longer than we wait.
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)

    return trace.get_tracer("assent"), flush


def _resource(process: str) -> dict[str, str]:
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    name = {} if named else {"service.name": f"assent-{process}"}
    return name | {"service.version": version("assent-server")}
