"""What has ended is filed for searches, once, whoever does it, and nothing is lost from sight meanwhile."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select
from typing_extensions import override

from assent.models import ApprovalStatus
from domain.listing import ApprovalFilter, Sort
from services.filing import keep_filing
from storage.filing import Filing
from storage.tables import approvals, filed_texts, recent_texts
from tests.storage.builders import RECORDED
from tests.storage.record import Record, open_record
from tests.support.eventually import eventually
from tests.support.sqlite import locked

ENDED = [status for status in ApprovalStatus if status.is_terminal]


def texts(record: Record) -> tuple[set[str], set[str]]:
    """Return the ids of those that are not filed, and of those that are."""
    with record.database.read() as connection:
        recent, filed = (
            connection.execute(select(table.c.id)).scalars().all() for table in (recent_texts, filed_texts)
        )
    assert len(set(filed)) == len(filed)
    return set(recent), set(filed)


def found(record: Record) -> set[str]:
    listed = record.reads.page(ApprovalFilter(q="user.delete"), sort=Sort.RISK, after=None, limit=200, now=RECORDED)
    return {each.id for each in listed}


def test_what_has_ended_is_filed_and_nothing_else(record: Record) -> None:
    """In parts of the size that is asked for; what waits or runs is not. All of it is found before and after."""
    ids = {status: record.in_status(status).approval_id for status in ApprovalStatus}
    everything = set(ids.values())
    assert texts(record) == (everything, set())
    assert found(record) == everything
    filing = Filing(record.database)
    assert [filing.file_ended(2) for _ in range(4)] == [2, 2, 1, 0]
    assert texts(record) == (
        {ids[ApprovalStatus.PENDING], ids[ApprovalStatus.APPROVED]},
        {ids[status] for status in ENDED},
    )
    assert found(record) == everything


def test_a_text_follows_its_approval(record: Record) -> None:
    """Through every status, to the one that it is filed with: lists are narrowed by it."""
    for status in ApprovalStatus:
        record.in_status(status)
    for _ in range(2):
        with record.database.read() as connection:
            told = {row.id: row.status for row in connection.execute(select(approvals.c.id, approvals.c.status))}
            kept = {
                row.id: row.status
                for table in (recent_texts, filed_texts)
                for row in connection.execute(select(table.c.id, table.c.status))
            }
        assert kept == told
        for status in ApprovalStatus:
            wanted = ApprovalFilter(q="erasure", status=status)
            page = record.reads.page(wanted, sort=Sort.NEWEST, after=None, limit=50, now=RECORDED)
            assert [each.status for each in page] == [status]
        Filing(record.database).file_ended(100)


def test_several_file_at_once(record: Record) -> None:
    """Each takes others; together they file all of it, once."""
    ids = {record.in_status(ApprovalStatus.REJECTED).approval_id for _ in range(12)}
    with ThreadPoolExecutor(4) as threads:
        filed = list(threads.map(lambda _: Filing(record.database).file_ended(3), range(4)))
    # What another had in hand was passed over.
    assert sum(filed) + Filing(record.database).file_ended(12) == 12
    assert texts(record) == (set(), ids)


async def test_a_worker_goes_on_filing(sqlite_url: str) -> None:
    """Also after the database was away."""
    with open_record(sqlite_url) as record:
        record.add_team()
        ids = {record.in_status(ApprovalStatus.CANCELLED).approval_id}
        duty = asyncio.create_task(keep_filing(Filing(record.database), every_seconds=0.02))
        try:
            await eventually("it is filed", lambda: texts(record)[1], until=lambda filed: filed == ids)
            with locked(sqlite_url):
                await asyncio.sleep(1.2)
            ids.add(record.in_status(ApprovalStatus.EXPIRED).approval_id)
            await eventually("the next is, too", lambda: texts(record)[1], until=lambda filed: filed == ids)
        finally:
            duty.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await duty


class Stumbling(Filing):
    """Fails at first as nothing foresees."""

    stumbled = False

    @override
    def file_ended(self, limit: int) -> int:
        if not self.stumbled:
            self.stumbled = True
            raise RuntimeError
        return super().file_ended(limit)


async def test_a_worker_goes_on_whatever_went_wrong(sqlite_url: str) -> None:
    """Without this duty searches become slow, and nobody would see why."""
    with open_record(sqlite_url) as record:
        record.add_team()
        ids = {record.in_status(ApprovalStatus.REJECTED).approval_id}
        filing = Stumbling(record.database)
        duty = asyncio.create_task(keep_filing(filing, every_seconds=0.02))
        try:
            await eventually("it is filed", lambda: texts(record)[1], until=lambda filed: filed == ids)
        finally:
            duty.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await duty
        assert filing.stumbled
