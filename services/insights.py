"""Insights: how requests were decided in the last days, and how long people took."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

from domain.clock import Clock
from domain.errors import InvalidQueryError, RoleNotAllowedError
from domain.insights import InsightReport, report_of
from domain.principal import Principal
from storage.insights_reads import InsightsReads

MOST_DAYS = 366


class Insights:
    """The report that people read."""

    def __init__(self, reads: InsightsReads, clock: Clock) -> None:
        """Take what the record counts, and the clock."""
        self._reads = reads
        self._clock = clock

    async def of(self, principal: Principal, days: int = 30) -> InsightReport:
        """Return the report on the last `days` UTC days, today among them.

        Raises RoleNotAllowedError for an agent, and InvalidQueryError for less than a day or more than a year.
        """
        if not principal.reads_all:
            message = "Insights are for people. An agent's key reads its own approvals: GET /v1/approvals."
            raise RoleNotAllowedError(message)
        if not 1 <= days <= MOST_DAYS:
            message = f"Insights are of 1 to {MOST_DAYS} days, not of {days}."
            raise InvalidQueryError(message)
        last = self._clock().astimezone(UTC).date()
        first = last - timedelta(days=days - 1)
        return await asyncio.to_thread(self._report, first, last)

    def _report(self, first: date, last: date) -> InsightReport:
        begins, ends = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
        counted = self._reads.counted(begins, ends)
        return report_of(counted.decided, counted.times, counted.executions, first=first, last=last)
