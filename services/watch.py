"""Waiting for an approval or for anything to change: one thread watches the record for everybody in this process."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from storage.approval_reads import ApprovalReads, Revision
from storage.changes import Changes, watch_changes
from storage.database import Database

_LOOK_ANYWAY_SECONDS = 1.0
"""A notification can be lost with its connection; nobody waits longer than this for what has already happened."""

_AT_MOST_EVERY_SECONDS = 0.02
"""Changes that follow each other faster share a query."""

_STOP_SEEN_WITHIN_SECONDS = 0.1

_log = structlog.get_logger(__name__)
Found = TypeVar("Found")


class Following:
    """Somebody who waits for one approval: woken by a revision beyond the one that they have seen."""

    def __init__(self, seen: int, *, to_the_end: bool) -> None:
        """Begin with the revision `seen`, 0 for an approval without a row; `to_the_end`: only its end counts."""
        self._changed = asyncio.Event()
        self._seen = seen
        self._to_the_end = to_the_end

    async def until(self, look: Callable[[], Awaitable[Found | None]], *, seconds: float) -> Found | None:
        """Return what `look` finds at a change from now on, or at the end of `seconds`; None when that is nothing."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            except TimeoutError:
                return await look()
            self._changed.clear()
            found = await look()
            if found is not None:
                return found

    def wake(self) -> None:
        """Have it look, whatever happened."""
        self._changed.set()

    def tell(self, current: Revision) -> None:
        """Wake it when this is what it waits for."""
        if current.number > self._seen:
            self._seen = current.number
            if current.ended or not self._to_the_end:
                self._changed.set()


class ApprovalWatch:
    """Wakes those who wait for an approval, a hundred at the cost of one query a change, and who follows everything."""

    def __init__(self, database: Database, reads: ApprovalReads) -> None:
        """Take the record to watch. `start` begins, inside the event loop that waits."""
        self._database = database
        self._reads = reads
        self._waiting: dict[str, set[Following]] = defaultdict(set)
        self._attentive: set[asyncio.Event] = set()
        self._somebody_waits = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="approval-watch", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Whoever still waits runs into the end of their time."""
        self._stopping.set()
        self._somebody_waits.set()
        self._thread.join(timeout=2 * _LOOK_ANYWAY_SECONDS)

    @contextmanager
    def following(self, approval_id: str, *, seen: int = 0, to_the_end: bool = False) -> Iterator[Following]:
        """Follow one approval from the revision `seen`, 0 before it has a row, for as long as the block runs.

        Begin before whatever you do that changes it, so that the change isn't missed.
        """
        following = Following(seen, to_the_end=to_the_end)
        self._waiting[approval_id].add(following)
        self._somebody_waits.set()
        try:
            yield following
        finally:
            self._waiting[approval_id].discard(following)
            if not self._waiting[approval_id]:
                del self._waiting[approval_id]
            self._rest()

    @contextmanager
    def following_everything(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever something in the record may have changed. Clear it before you look."""
        changed = asyncio.Event()
        self._attentive.add(changed)
        self._somebody_waits.set()
        try:
            yield changed
        finally:
            self._attentive.discard(changed)
            self._rest()

    def _rest(self) -> None:
        if not self._waiting and not self._attentive:
            self._somebody_waits.clear()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with watch_changes(self._database) as changes:
                    self._wake(None, something=True)
                    self._follow(changes)
            except Exception as error:  # noqa: BLE001  whatever it was: without this thread everybody waits to the end
                _log.warning("watch.lost", error=str(error))
                self._stopping.wait(_LOOK_ANYWAY_SECONDS)

    def _follow(self, changes: Changes) -> None:
        while not self._stopping.is_set():
            if not self._somebody_waits.wait(_LOOK_ANYWAY_SECONDS):
                changes.wait(0)
                continue
            end = time.monotonic() + _LOOK_ANYWAY_SECONDS
            while not (something := changes.wait(_STOP_SEEN_WITHIN_SECONDS)) and time.monotonic() < end:
                if self._stopping.is_set():
                    return
            self._wake(self._current(), something=something)
            self._stopping.wait(_AT_MOST_EVERY_SECONDS)

    def _current(self) -> dict[str, Revision]:
        waiting = list(self._waiting)
        return self._reads.revisions(waiting) if waiting else {}

    def _wake(self, current: dict[str, Revision] | None, *, something: bool) -> None:
        """Tell those who wait where their approvals stand, or wake them all (None); and who follows everything."""
        if self._loop is not None and not self._loop.is_closed() and (something or current != {}):
            self._loop.call_soon_threadsafe(self._tell, current, something)

    def _tell(self, current: dict[str, Revision] | None, something: bool) -> None:  # noqa: FBT001  the loop passes it on
        for everything in self._attentive if something else ():
            everything.set()
        for approval_id, waiting in self._waiting.items():
            for following in waiting:
                if current is None:
                    following.wake()
                elif approval_id in current:
                    following.tell(current[approval_id])
