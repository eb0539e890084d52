"""What waits in the record, read when somebody asks for it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from storage.record_numbers import RecordNumbers

GOOD_FOR_SECONDS = 5.0
"""However often it is asked for, the record is read no more often than this."""

PATIENCE_SECONDS = 2.0
"""A page of metrics waits no longer for the record: the rest of it is wanted most when the database is slow."""

_log = structlog.get_logger(__name__)


class RecordCollector(Collector):
    """Tells how much waits, or that the database does not answer."""

    def __init__(self, read: Callable[[], RecordNumbers], monotonic: Callable[[], float]) -> None:
        """Take what reads the record, in a thread of its own, and a clock that only goes forward."""
        self._read = read
        self._monotonic = monotonic
        # One reader: while a database hangs, it holds one thread and one connection, however many ask.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="record-numbers")
        self._lock = threading.Lock()
        self._reading: Future[RecordNumbers] | None = None
        self._begun = 0.0

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each number; without a database, only that there is none."""
        numbers = self._numbers()
        yield _gauge("assent_database_up", "Whether the database answers.", int(numbers is not None))
        if numbers is not None:
            yield from _families(numbers)

    def close(self) -> None:
        """Begin no further reading."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _numbers(self) -> RecordNumbers | None:
        try:
            return self._latest().result(PATIENCE_SECONDS)
        except Exception as error:  # noqa: BLE001  whatever went wrong, the page says so and goes on
            _log.warning("metrics.record_unread", error=type(error).__name__)
            return None

    def _latest(self) -> Future[RecordNumbers]:
        with self._lock:
            old = self._reading is not None and self._monotonic() - self._begun > GOOD_FOR_SECONDS
            if self._reading is None or (old and self._reading.done()):
                self._begun = self._monotonic()
                self._reading = self._reader.submit(self._read)
            return self._reading


def _families(numbers: RecordNumbers) -> Iterator[GaugeMetricFamily]:
    pending = GaugeMetricFamily("assent_pending_approvals", "Approvals that wait for a decision.", labels=["risk"])
    for level, number in numbers.pending.items():
        pending.add_metric([level.value], number)
    yield pending
    oldest = numbers.oldest_pending.total_seconds()
    yield _gauge("assent_oldest_pending_seconds", "How long the one that has waited longest has waited.", oldest)
    yield _gauge("assent_overdue_approvals", "Pending approvals whose deadline has passed.", numbers.overdue)
    yield _gauge("assent_approved_approvals", "Approved operations that have not ended yet.", numbers.approved)
    yield _gauge("assent_stuck_approvals", "Approvals whose workflows do not go on by themselves.", numbers.stuck)
    yield _gauge("assent_alerts_waiting", "Alerts that should have been sent by now.", numbers.alerts)
    yield _gauge("assent_pauses", "Pauses in force.", numbers.pauses)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
