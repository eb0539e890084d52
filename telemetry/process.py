"""What a process opens of all this, as its settings and OpenTelemetry's variables say."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, start_http_server
from temporalio.client import Interceptor
from temporalio.runtime import Runtime

from config.errors import PortUnavailableError
from config.listening import parse_address, why_unavailable
from config.settings import Settings
from storage.appended import Appended, Observer
from storage.database import Database
from storage.record_numbers import NumberReads
from telemetry.log_lines import log_events
from telemetry.metrics import Metrics
from telemetry.record_collector import RecordCollector
from telemetry.temporal_runtime import counting_runtime, quiet_runtime
from telemetry.temporal_tracing import TracingInterceptor
from telemetry.tracing import no_traces, start_tracing

_SETTING = "ASSENT_METRICS_ADDRESS"


@dataclass(frozen=True)
class Telemetry:
    """What the parts of a process are given: for the record, for Temporal's client, and for requests.

    `metrics` and `tracer` are None where nobody asked for them. `flush` sends the spans that are left, once.
    """

    observer: Observer
    runtime: Runtime
    metrics: Metrics | None = None
    tracer: Tracer | None = None
    interceptors: Sequence[Interceptor] = ()
    flush: Callable[[], None] = no_traces

    def alerted(self, result: str) -> None:
        """Count what became of an alert."""
        if self.metrics is not None:
            self.metrics.alerted(result)


@contextmanager
def open_telemetry(process: str, settings: Settings) -> Iterator[Telemetry]:
    """Log, count and trace for as long as the block runs, for the process `api` or `worker`.

    Raises PortUnavailableError when the metrics cannot be served, and SettingsError.
    """
    with ExitStack() as opened:
        tracer, flush = start_tracing(process)
        opened.callback(flush)
        interceptors = () if tracer is None else (TracingInterceptor(tracer),)
        if settings.metrics_address is None:
            yield Telemetry(log_events, quiet_runtime(), None, tracer, interceptors, flush)
            return
        metrics = Metrics(process)
        opened.callback(_serve(settings.metrics_address, metrics.registry))
        runtime, temporal = counting_runtime()
        database = Database(settings.database_url, pool_size=1)
        opened.callback(database.close)
        reads = NumberReads(database)
        record = RecordCollector(lambda: reads.numbers(datetime.now(UTC)), time.monotonic)
        opened.callback(record.close)
        for collector in (record, temporal):
            metrics.registry.register(collector)

        def observe(appended: Sequence[Appended]) -> None:
            metrics.count(appended)
            log_events(appended)

        yield Telemetry(observe, runtime, metrics, tracer, interceptors, flush)


def _serve(address: str, registry: CollectorRegistry) -> Callable[[], None]:
    """Serve the page; return what ends that."""
    host, port = parse_address(address)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise PortUnavailableError(why_unavailable(error, host, port, _SETTING, _SETTING)) from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
