"""Column types: what is read is what was written, the same on both databases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, cast, insert, select
from sqlalchemy.exc import StatementError

from storage.columns import JsonText, UtcTime
from storage.database import Database
from tests.storage.record import Record

SAMPLES = Table(
    "samples", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcTime), Column("json", JsonText)
)

TIMES = [
    datetime(2026, 3, 2, 9, 30, 0, 0, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, 0, 10, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, 0, 100_000, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, 0, 999_999, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 30, 1, 0, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 0, 0, 0, 5, tzinfo=UTC),
    datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC),
    # As an agent far away writes them: the same moments in UTC.
    datetime(2026, 3, 2, 1, 30, 0, 2, tzinfo=timezone(timedelta(hours=-8))),
    datetime(2026, 3, 2, 15, 15, 0, 3, tzinfo=timezone(timedelta(hours=5, minutes=45))),
]

JSONS = [
    {},
    [],
    False,
    0,
    "",
    {"z": 1, "a": 2, "m": {"y": 1, "b": 2}},
    {"": "", " ": None, "a.b": 'a\tb\n"\\/'},
    [0.1, 1e308, 5e-324, 1e16, 1.0, -0.0, 123456789.123456789, 1.7976931348623157e308],
    [2**53 - 1, -(2**53) + 1, 2**63, 10**40],
    ["größer", "\u202e", "\U0001f600", "\x00", "\x7f", "\u2028", "é", "e\u0301", "\ud800"],
    {"deep": [[[[[[[[[[{"x": [None, True]}]]]]]]]]]]},
]


@pytest.fixture
def database(empty_record: Record) -> Iterator[Database]:
    """A database with one table of samples."""
    database = empty_record.database
    with database.write() as connection:
        SAMPLES.create(connection)
    yield database
    with database.write() as connection:
        SAMPLES.drop(connection)


def write(database: Database, column: str, values: list[object]) -> None:
    with database.write() as connection:
        rows = [{"id": number, column: value} for number, value in enumerate(values)]
        connection.execute(insert(SAMPLES), rows)


def test_times_are_kept_to_the_microsecond_in_utc(database: Database) -> None:
    """Whatever zone they come in, and whatever zone the session has."""
    write(database, "at", [*TIMES, None])
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
        read = list(connection.execute(select(SAMPLES.c.at).order_by(SAMPLES.c.id)).scalars())
    assert read == [*TIMES, None]
    assert {moment.tzinfo for moment in read if moment is not None} == {UTC}


def test_times_sort_and_compare_as_moments(database: Database) -> None:
    """In the database as in Python: deadlines and pages depend on it."""
    write(database, "at", list(TIMES))
    ordered = sorted(TIMES)
    with database.read() as connection:
        assert list(connection.execute(select(SAMPLES.c.at).order_by(SAMPLES.c.at)).scalars()) == ordered
        for position, moment in enumerate(ordered):
            later = select(SAMPLES.c.at).where(SAMPLES.c.at > moment).order_by(SAMPLES.c.at)
            assert list(connection.execute(later).scalars()) == ordered[position + 1 :]
            same = select(SAMPLES.c.at).where(SAMPLES.c.at == moment)
            assert list(connection.execute(same).scalars()) == [moment]


def test_json_is_kept_as_it_was_written(database: Database) -> None:
    """Every number, every character and the order of keys; the stored text is compact JSON in ASCII."""
    write(database, "json", JSONS)
    with database.read() as connection:
        rows = connection.execute(select(SAMPLES.c.json, cast(SAMPLES.c.json, Text)).order_by(SAMPLES.c.id)).all()
    for expected, (read, text) in zip(JSONS, rows, strict=True):
        assert repr(read) == repr(expected)
        assert text == json.dumps(expected, separators=(",", ":"))
        assert text.isascii()


def test_no_json_is_null(database: Database) -> None:
    """None is the absence of a value, for the database too."""
    write(database, "json", [None])
    with database.read() as connection:
        assert connection.execute(select(SAMPLES.c.id).where(SAMPLES.c.json.is_(None))).scalars().all() == [0]


def test_what_is_not_json_is_refused(database: Database) -> None:
    """Python would write it, and no other reader could read it."""
    for number in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(StatementError, match="not JSON compliant"):
            write(database, "json", [{"n": number}])
