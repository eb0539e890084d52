"""Temporal's own part of a process: its log on ours, and its metrics on our page."""

import http.client
import logging
import socket
from collections.abc import Iterator

import structlog
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from typing_extensions import override

_LOOPBACK = "127.0.0.1"
_PATIENCE_SECONDS = 2.0
_TRIES = 5

_log = structlog.get_logger(__name__)


class TemporalCollector(Collector):
    """Tells what Temporal's client and worker count, which they serve on a port of this machine alone."""

    def __init__(self, port: int) -> None:
        """Take the port."""
        self._port = port

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield them under Temporal's own names; none when they cannot be had."""
        try:
            page = self._page()
        except OSError as error:
            _log.warning("metrics.temporal_unread", error=type(error).__name__)
            return
        yield from text_string_to_metric_families(page)

    def _page(self) -> str:
        connection = http.client.HTTPConnection(_LOOPBACK, self._port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def quiet_runtime() -> Runtime:
    """Return a runtime that counts nothing."""
    return Runtime(telemetry=_telemetry(None))


def counting_runtime() -> tuple[Runtime, TemporalCollector]:
    """Return a runtime that counts, with what tells it."""
    for remaining in reversed(range(_TRIES)):
        # Temporal must be told a port, and another program may take it first.
        port = _free_port()
        try:
            return Runtime(telemetry=_telemetry(port)), TemporalCollector(port)
        except (RuntimeError, ValueError):
            if not remaining:
                raise
    raise AssertionError


def _telemetry(port: int | None) -> TelemetryConfig:
    metrics = None
    if port is not None:
        metrics = PrometheusConfig(
            bind_address=f"{_LOOPBACK}:{port}",
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
        )
    # By itself it writes to standard output, in a form of its own, with whatever a failure says.
    forwarding = LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    logs = LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    return TelemetryConfig(logging=logs, metrics=metrics, attach_service_name=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
