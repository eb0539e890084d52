"""News for those who look at a page while things happen: one computation a process, told to everybody who follows."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import structlog

from domain.clock import Clock
from domain.errors import StorageUnavailableError
from domain.frozen import Frozen
from domain.listing import ChangedApproval, QueueSummary
from services.standing import Standing, Standings
from services.watch import ApprovalWatch
from storage.database import Database
from storage.live_reads import LogTail

TICK_SECONDS = 5.0
"""Whoever follows hears at least so often, also that nothing is new."""

AT_MOST_EVERY_SECONDS = 0.3
"""Changes that follow each other faster are told together: under load they come by the dozen a second."""

KEPT_NEWS = 16
"""How much is kept for a follower that does not keep up."""

_log = structlog.get_logger(__name__)


class News(Frozen):
    """What is so at `at`, and which approvals changed since the news before; none when it is only a sign of life.

    `missed`: changes were lost to this follower, who must look for itself.
    """

    at: datetime
    summary: QueueSummary
    standing: Standing
    changed: tuple[ChangedApproval, ...] = ()
    missed: bool = False


class LiveFeed:
    """Looks at the record whenever it changes, while somebody follows."""

    def __init__(self, database: Database, watch: ApprovalWatch, standings: Standings, clock: Clock) -> None:
        """Take the record, what tells that it changes, whether anything runs, and the clock."""
        self._database = database
        self._watch = watch
        self._standings = standings
        self._clock = clock
        self._followers: set[_Follower] = set()
        self._looking: asyncio.Task[None] | None = None
        self._latest: News | None = None
        self._closed = False

    async def follow(self, after: int | None = None) -> AsyncGenerator[News, None]:
        """Yield at once what is so, then each change as it comes, and a sign of life at least every 5 s.

        `after` is the `summary.position` of what the follower knows already, from a page or from earlier news: the
        first news tell what has changed since. Nothing comes while the database does not answer. Only `close` ends it.
        """
        with self._following() as follower:
            while (news := await follower.next()) is not None:
                yield news if after is None else await self._caught_up(news, after)
                after = None

    async def close(self) -> None:
        """Let everybody who follows come to an end."""
        self._closed = True
        for follower in self._followers:
            follower.end()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    @contextmanager
    def _following(self) -> Iterator["_Follower"]:
        follower = _Follower()
        if self._latest is not None:
            follower.tell(self._latest.model_copy(update={"at": self._clock(), "changed": ()}))
        self._followers.add(follower)
        if self._closed:
            follower.end()
        elif self._looking is None:
            self._looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield follower
        finally:
            self._followers.discard(follower)
            if not self._followers and self._looking is not None:
                self._looking.cancel()
                self._looking = self._latest = None

    async def _look_again_and_again(self) -> None:
        tail = LogTail(self._database)
        with self._watch.following_everything() as changed:
            while True:
                changed.clear()
                if await self._look(tail):
                    continue
                await asyncio.sleep(AT_MOST_EVERY_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS - AT_MOST_EVERY_SECONDS):
                        await changed.wait()

    async def _look(self, tail: LogTail) -> bool:
        """Tell everybody what is new, and return whether there is more of it."""
        now = self._clock()
        # What has changed may be a pause.
        self._standings.forget()
        try:
            standing = await self._standings.current()
            read = await asyncio.to_thread(tail.read, now)
        except Exception as error:  # noqa: BLE001  whatever it was: without this task everybody waits for ever
            _log.warning("live.lost", error=str(error))
            # Whoever begins to follow now is not told what may no longer be so.
            self._latest = None
            return False
        self._latest = News(at=now, summary=read.summary, standing=standing, changed=read.changed)
        for follower in self._followers:
            follower.tell(self._latest)
        return read.more

    async def _caught_up(self, news: News, after: int) -> News:
        """Return the first news of somebody who knows everything up to a position."""
        try:
            read = await asyncio.to_thread(LogTail(self._database, after).read, news.at)
        except StorageUnavailableError:
            return news.model_copy(update={"missed": True})
        return news.model_copy(
            update={"summary": read.summary, "changed": read.changed, "missed": news.missed or read.more}
        )


class _Follower:
    """What one follower has not read yet. The oldest news give way when there is too much."""

    def __init__(self) -> None:
        self._news: deque[News] = deque()
        self._told = asyncio.Event()
        self._missed = False
        self._ended = False

    def tell(self, news: News) -> None:
        if len(self._news) == KEPT_NEWS:
            lost = self._news.popleft()
            self._missed = self._missed or bool(lost.changed)
        self._news.append(news)
        self._told.set()

    def end(self) -> None:
        self._ended = True
        self._told.set()

    async def next(self) -> News | None:
        """Return the next news as soon as there are any, or None at the end."""
        while not (self._news or self._ended):
            self._told.clear()
            await self._told.wait()
        if self._ended:
            return None
        news = self._news.popleft()
        missed, self._missed = self._missed, False
        return news.model_copy(update={"missed": True}) if missed else news
