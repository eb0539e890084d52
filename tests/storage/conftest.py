"""The record on one database after the other: what holds on one must hold on both."""

from collections.abc import Iterator

import pytest

from tests.storage.record import Record, open_record


@pytest.fixture
def empty_record(database_url: str) -> Iterator[Record]:
    """A record without a row."""
    with open_record(database_url) as record:
        yield record


@pytest.fixture
def record(empty_record: Record) -> Record:
    """A record with the keys of an agent and three reviewers."""
    empty_record.add_team()
    return empty_record
