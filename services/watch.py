"""Waiting for an approval or for anything to change: one thread watches the record for everybody in this process."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from storage.approval_reads import ApprovalReads
from storage.changes import Changes, watch_changes
from storage.database import Database

_LOOK_ANYWAY_SECONDS = 1.0
"""A notification can be lost with its connection; nobody waits longer than this for what has already happened."""

_AT_MOST_EVERY_SECONDS = 0.02
"""Changes that follow each other faster share a query."""

_STOP_SEEN_WITHIN_SECONDS = 0.1

_log = structlog.get_logger(__name__)
Found = TypeVar("Found")


class ApprovalWatch:
    """Wakes those who wait for an approval, a hundred at the cost of one query a change, and who follows everything."""

    def __init__(self, database: Database, reads: ApprovalReads) -> None:
        """Take the record to watch. `start` begins, inside the event loop that waits."""
        self._database = database
        self._reads = reads
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._attentive: set[asyncio.Event] = set()
        self._revisions: dict[str, int] = {}
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

    async def until(
        self, approval_id: str, look: Callable[[], Awaitable[Found | None]], *, seconds: float
    ) -> Found | None:
        """Return what `look` finds, looking again at every change, or None when it found nothing in `seconds`."""
        end = asyncio.get_running_loop().time() + seconds
        with self._following(approval_id) as changed:
            while True:
                changed.clear()
                found = await look()
                if found is not None:
                    return found
                try:
                    async with asyncio.timeout_at(end):
                        await changed.wait()
                except TimeoutError:
                    return await look()

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

    @contextmanager
    def _following(self, approval_id: str) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._waiting[approval_id].add(changed)
        self._somebody_waits.set()
        try:
            yield changed
        finally:
            self._waiting[approval_id].discard(changed)
            if not self._waiting[approval_id]:
                del self._waiting[approval_id]
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
            self._wake(self._changed(), something=something)
            self._stopping.wait(_AT_MOST_EVERY_SECONDS)

    def _changed(self) -> list[str]:
        waiting = list(self._waiting)
        current = self._reads.revisions(waiting) if waiting else {}
        changed = [approval_id for approval_id in current if current[approval_id] != self._revisions.get(approval_id)]
        self._revisions = current
        return changed

    def _wake(self, approval_ids: list[str] | None, *, something: bool) -> None:
        """Wake who waits for these approvals, or for any (None), and who follows everything if `something` changed."""
        if self._loop is not None and not self._loop.is_closed() and (something or approval_ids != []):
            self._loop.call_soon_threadsafe(self._set, approval_ids, something)

    def _set(self, approval_ids: list[str] | None, something: bool) -> None:  # noqa: FBT001  passed on by the loop
        for everything in self._attentive if something else ():
            everything.set()
        for approval_id in list(self._waiting) if approval_ids is None else approval_ids:
            for changed in self._waiting.get(approval_id, ()):
                changed.set()
