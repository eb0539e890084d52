"""Those who wait for approvals in tests, and what their waiting costs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import event

from domain.operation import ApprovalRequest
from services.watch import ApprovalWatch
from storage.approval_reads import ApprovalReads
from storage.database import Database
from tests.storage.builders import RECORDED, make_cancel
from tests.storage.record import Record
from tests.support.eventually import eventually

LONG = 30.0


@asynccontextmanager
async def watching(database: Database) -> AsyncIterator[ApprovalWatch]:
    watch = ApprovalWatch(database, ApprovalReads(database))
    watch.start()
    try:
        yield watch
    finally:
        await asyncio.to_thread(watch.stop)


@dataclass
class Waiter:
    """Somebody who waits for one approval, and what they saw; they look in memory, so that they cost no query."""

    watch: ApprovalWatch
    approval_id: str
    seconds: float = LONG
    found: str | None = None
    seen: int = 0
    looks: list[float] = field(default_factory=list)
    waits: bool = False

    async def look(self) -> str | None:
        self.looks.append(time.monotonic())
        return self.found

    async def wait(self) -> str | None:
        with self.watch.following(self.approval_id, seen=self.seen) as following:
            self.waits = True
            return await following.until(self.look, seconds=self.seconds)


async def settled(waiters: list[Waiter], other: Record) -> None:
    """Wait until everybody waits and the watch knows each approval, so that only a change of theirs can wake them."""

    async def look() -> int:
        before = sum(len(waiter.looks) for waiter in waiters)
        await asyncio.sleep(0.1)
        return sum(len(waiter.looks) for waiter in waiters) - before

    await eventually("everybody waits", lambda: all(waiter.waits for waiter in waiters))
    await asyncio.to_thread(other.open)
    await eventually("nobody is woken any more", look, until=lambda more: more == 0)


async def cancel(record: Record, request: ApprovalRequest) -> None:
    """Change the approval, as another process does."""
    await asyncio.to_thread(record.store.cancel, make_cancel(request), at=RECORDED)


class Queries:
    """The statements that an engine runs."""

    def __init__(self, database: Database) -> None:
        self.statements: list[str] = []
        event.listen(database.engine, "before_cursor_execute", self._count)

    def _count(self, *arguments: object) -> None:
        statement = str(arguments[2])
        if statement.startswith("SELECT"):
            self.statements.append(statement)
