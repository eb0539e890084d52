"""What waits, as a page of metrics tells it; and what the page says while there is no database."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from assent.models import ApprovalStatus, RiskLevel
from domain.errors import StorageUnavailableError
from storage.database import Database
from storage.record_numbers import NumberReads, RecordNumbers
from telemetry import record_collector
from telemetry.record_collector import GOOD_FOR_SECONDS, RecordCollector
from tests.storage.builders import DEADLINE, STARTED, make_assessment, make_request
from tests.storage.record import Record, open_record
from tests.telemetry.pages import Page

NUMBERS = RecordNumbers(
    pending=dict.fromkeys(RiskLevel, 2),
    oldest_pending=timedelta(minutes=1),
    overdue=1,
    approved=3,
    stuck=4,
    alerts=5,
    pauses=6,
)


@pytest.fixture
def record(database_url: str) -> Iterator[Record]:
    with open_record(database_url) as record:
        record.add_team()
        yield record


def page_of(collector: RecordCollector) -> Page:
    registry = CollectorRegistry()
    registry.register(collector)
    return Page(generate_latest(registry).decode())


def test_the_numbers_are_those_of_the_record(record: Record) -> None:
    """Only what is pending waits; what has ended or goes on is in no number of it."""
    for status in ApprovalStatus:
        record.in_status(status)
    low = make_request()
    record.open(low, make_assessment(low, risk_level=RiskLevel.LOW, expires_at=DEADLINE - timedelta(hours=1)))
    reads = NumberReads(record.database)

    before, after = reads.numbers(STARTED + timedelta(minutes=5)), reads.numbers(DEADLINE - timedelta(minutes=1))

    assert before.pending == {RiskLevel.LOW: 1, RiskLevel.MEDIUM: 0, RiskLevel.HIGH: 1, RiskLevel.CRITICAL: 0}
    assert before.oldest_pending == timedelta(minutes=5)
    assert (before.overdue, after.overdue) == (0, 1)
    assert before.approved == 1
    assert (before.stuck, before.alerts, before.pauses) == (0, 0, 0)


def test_an_empty_record_has_waited_for_nothing(record: Record) -> None:
    """Zero, and not nothing: an alarm on it would otherwise never end."""
    assert NumberReads(record.database).numbers(STARTED).oldest_pending == timedelta(0)


def test_without_a_database_the_page_says_so_and_goes_on() -> None:
    """An outage is one number, where an error would take the whole page away."""

    def read() -> RecordNumbers:
        message = "The database does not answer."
        raise StorageUnavailableError(message)

    page = page_of(RecordCollector(read, lambda: 0.0))

    assert page.value("assent_database_up") == 0
    assert page.names("assent_") == {"assent_database_up"}


def test_a_database_that_hangs_holds_no_page_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape waits a little; however many come, one reading is under way, and its numbers are had once it ends."""
    monkeypatch.setattr(record_collector, "PATIENCE_SECONDS", 0.05)
    answer, readings = threading.Event(), []

    def read() -> RecordNumbers:
        readings.append(1)
        answer.wait()
        return NUMBERS

    moments = iter((0.0, *[GOOD_FOR_SECONDS * 2] * 5))
    collector = RecordCollector(read, lambda: next(moments))
    for _ in range(3):
        assert page_of(collector).value("assent_database_up") == 0
    assert len(readings) == 1
    answer.set()
    monkeypatch.setattr(record_collector, "PATIENCE_SECONDS", 20.0)
    page = page_of(collector)
    collector.close()

    assert page.value("assent_database_up") == 1
    assert page.value("assent_approved_approvals") == 3
    assert page.value("assent_stuck_approvals") == 4


def test_the_record_is_read_once_in_a_while() -> None:
    """However often a page is asked for, the numbers are good for some seconds."""
    readings = []

    def read() -> RecordNumbers:
        readings.append(1)
        return NUMBERS

    clock = {"now": 0.0}
    collector = RecordCollector(read, lambda: clock["now"])
    for after, expected in ((0, 1), (GOOD_FOR_SECONDS, 1), (GOOD_FOR_SECONDS + 1, 2), (GOOD_FOR_SECONDS + 2, 2)):
        clock["now"] = after
        page_of(collector)
        assert len(readings) == expected
    collector.close()


def test_a_locked_database_is_read_all_the_same(sqlite_url: str) -> None:
    """On SQLite a writer keeps no reader out, so the numbers are there while records wait."""
    with open_record(sqlite_url) as record, record.database.write():
        other = Database(sqlite_url, pool_size=1)
        assert NumberReads(other).numbers(STARTED).overdue == 0
        other.close()
