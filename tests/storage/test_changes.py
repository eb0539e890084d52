"""Hearing of changes that other connections make."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from storage.changes import watch_changes
from storage.database import CHANGED_CHANNEL, announce
from tests.storage.builders import RECORDED, make_cancel
from tests.storage.record import Record, open_record

SOON = 5.0
NEVER = 0.05


@pytest.fixture
def other(record: Record) -> Iterator[Record]:
    """The same record as another process has it."""
    with open_record(record.database.url) as other:
        yield other


def test_a_change_is_heard_once(record: Record, other: Record) -> None:
    """Also one that came while nobody listened; and then there is silence."""
    with watch_changes(record.database) as changes:
        assert not changes.wait(NEVER)
        request = other.open()
        assert changes.wait(SOON)
        assert not changes.wait(NEVER)
        other.store.cancel(make_cancel(request), at=RECORDED)
        time.sleep(NEVER)
        assert changes.wait(0)
        assert not changes.wait(NEVER)


def test_any_password_will_do(postgres_url: str) -> None:
    """Also one with spaces and all that means something in an address; this server asks for none, and takes any."""
    url = make_url(postgres_url).set(password="p@ss w/rd %#?&")  # noqa: S106  nobody's
    with open_record(url.render_as_string(hide_password=False)) as record, watch_changes(record.database) as changes:
        record.open()
        assert changes.wait(SOON)


def test_a_waiter_is_woken_at_once(record: Record, other: Record) -> None:
    """Long before its time is over."""
    with watch_changes(record.database) as changes:
        later = threading.Timer(0.1, other.open)
        later.start()
        begun = time.monotonic()
        assert changes.wait(SOON)
        assert time.monotonic() - begun < SOON / 2
        later.join()


def test_many_changes_are_one(record: Record, other: Record) -> None:
    """A thousand that piled up while nobody listened cost one look, not a thousand."""
    other.open()
    with watch_changes(record.database) as changes:
        for _ in range(3):
            with other.database.write() as connection:
                connection.exec_driver_sql("UPDATE approvals SET revision = revision + 1")
                if connection.dialect.name == "postgresql":
                    many = "SELECT pg_notify(:channel, CAST(number AS text)) FROM generate_series(1, 1000) AS number"
                    connection.execute(text(many), {"channel": CHANGED_CHANNEL})
        assert changes.wait(SOON)
        assert not changes.wait(NEVER)


def test_what_does_not_commit_is_not_heard(record: Record, other: Record) -> None:
    """Nobody is woken for what has not happened."""
    request = other.open()

    def fail() -> None:
        with other.database.write() as connection:
            connection.exec_driver_sql("UPDATE approvals SET revision = revision + 1")
            announce(connection, request.approval_id)
            raise LookupError

    with watch_changes(record.database) as changes:
        with pytest.raises(LookupError):
            fail()
        assert not changes.wait(NEVER)


def test_a_watch_keeps_no_connection_of_others(record: Record) -> None:
    """However many watch, readers and writers have the whole pool."""
    watches = [watch_changes(record.database) for _ in range(10)]
    try:
        record.open()
    finally:
        for watch in watches:
            watch.close()
