"""Insights are for people, and of whole UTC days with today among them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assent.models import Outcome, Role
from domain.errors import InvalidQueryError, RoleNotAllowedError
from domain.insights import DecisionTime, Way
from domain.principal import Principal
from services.insights import MOST_DAYS, Insights
from storage.insights_reads import InsightsReads
from tests.storage.builders import RECORDED, STARTED, make_decision
from tests.storage.record import Record, open_record

ADA = Principal(name="ada", role=Role.REVIEWER)
LAST_MOMENT = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def record(sqlite_url: str) -> Iterator[Record]:
    """The record as this process has it."""
    with open_record(sqlite_url) as record:
        yield record


def insights(record: Record, now: datetime = LAST_MOMENT) -> Insights:
    return Insights(InsightsReads(record.database), lambda: now)


async def test_the_last_days_are_reported(record: Record) -> None:
    """As many as are asked for, thirty unless one says, up to today by UTC wherever the clock stands."""
    record.add_team()
    record.store.decide(make_decision(record.open(), Outcome.REJECT), at=RECORDED)
    report = await insights(record).of(ADA)
    assert [report.days[0].day.isoformat(), report.days[-1].day.isoformat()] == ["2026-02-01", "2026-03-02"]
    assert (len(report.days), report.days[-1].by_way[Way.REJECTED], report.total) == (30, 1, 1)
    seconds = round((RECORDED - STARTED).total_seconds())
    assert report.time == DecisionTime(decisions=1, p50=seconds, p90=seconds)
    for now, days, total in (
        (LAST_MOMENT, 1, 1),
        (LAST_MOMENT.astimezone(timezone(timedelta(hours=13))), 1, 1),
        (LAST_MOMENT + timedelta(seconds=1), 1, 0),
        (LAST_MOMENT + timedelta(seconds=1), 2, 1),
        (LAST_MOMENT, MOST_DAYS, 1),
    ):
        report = await insights(record, now).of(ADA, days)
        assert (len(report.days), report.total) == (days, total), (now, days)


@pytest.mark.parametrize("days", [0, -1, MOST_DAYS + 1])
async def test_a_number_of_days_that_means_nothing_is_refused(record: Record, days: int) -> None:
    """With the bounds in the sentence."""
    with pytest.raises(InvalidQueryError, match=f"1 to {MOST_DAYS} days"):
        await insights(record).of(ADA, days)


async def test_an_agent_reads_none(record: Record) -> None:
    """They tell of everybody's requests."""
    with pytest.raises(RoleNotAllowedError):
        await insights(record).of(Principal(name="agent", role=Role.AGENT))
