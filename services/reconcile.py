"""What the record says is open, held against what Temporal still runs: the lost is closed, the stuck is found."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

import structlog

from domain.clock import Clock
from domain.errors import TemporalUnavailableError, UnavailableError
from domain.frozen import Frozen
from domain.lost import WorkflowEnd
from services.open_workflows import Look, OpenWorkflows
from services.readiness import WORKER_SEEN_WITHIN
from storage.database import Database
from storage.reconcile import ReconcileStore
from storage.stuck import StuckStore
from storage.workers import WorkerStore

P = ParamSpec("P")
T = TypeVar("T")

_OVERDUE = timedelta(minutes=1)
"""How long after its deadline an approval that is still open is doubted; its workflow closes it within a second."""

_DOUBTED = 200
"""How many approvals a sweep looks at where the server does not itself report what is stuck."""

_ROTATED = 500
"""How many approvals a sweep looks at, in turn, where nobody may list workflows."""

_LOOKS_AT_ONCE = 16
_MANY = 20

_log = structlog.get_logger(__name__)


class Pace(Frozen):
    """How often the record is held against Temporal, and how long a loss is doubted.

    `every`: the time between two sweeps. `settled`: the age before which an approval is left alone, since Temporal's
    index may not have its workflow yet. `doubt`: the time between the two looks that must find a workflow gone.
    """

    every: timedelta = timedelta(seconds=15)
    settled: timedelta = timedelta(seconds=10)
    doubt: timedelta = timedelta(seconds=5)


class Reconcile:
    """Closes approvals whose workflows were terminated or lost, and tells of those whose workflows are stuck.

    Each write is a transaction that finds the work done when another worker was first. One worker suffices.
    """

    def __init__(self, database: Database, workflows: OpenWorkflows, clock: Clock, pace: Pace | None = None) -> None:
        """Take the record, Temporal, the clock that dates what is closed, and the pace."""
        self._record = ReconcileStore(database)
        self._stuck = StuckStore(database)
        self._workers = WorkerStore(database)
        self._workflows = workflows
        self._clock = clock
        self._pace = pace or Pace()
        # Operations may hold every thread that the event loop has, for as long as they run.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reconcile")
        self._last_in_turn = ""

    async def run(self, identity: str, task_queue: str) -> None:
        """Sweep again and again, for as long as worker `identity` is the eldest of its task queue that lives."""
        while True:
            await asyncio.sleep(self._pace.every.total_seconds())
            try:
                if await self._call(self._workers.eldest, task_queue, WORKER_SEEN_WITHIN) == identity:
                    await self.sweep()
            except UnavailableError as error:
                _log.warning("reconcile.missed", error=error.detail)
            except Exception:  # noqa: BLE001  whatever it was: without this task nothing would find what is lost
                _log.exception("reconcile.failed")

    async def sweep(self) -> None:
        """Look once at everything that is open. Raises StorageUnavailableError and TemporalUnavailableError."""
        now = self._clock()
        settled_at = now - self._pace.settled
        listed = await self._workflows.listed(started_before=settled_at)
        if listed is None:
            missing, unrecorded, reported = await self._next_in_turn(settled_at), set[str](), set[str]()
        else:
            missing, not_open = await self._call(self._record.compare, listed.running, created_before=settled_at)
            unrecorded, reported = not_open - listed.young, listed.reported
        overdue = await self._call(self._record.overdue, expired_before=now - _OVERDUE, limit=_DOUBTED)
        known = set(await self._call(self._stuck.ids))
        looks = await self._look_at({*missing, *overdue, *islice(unrecorded, _DOUBTED), *(reported ^ known)})
        await self._tell_stuck(looks, known)
        # What is not open in the record, or not yet there, has nothing to be closed.
        await self._close({each: looks[each] for each in (*missing, *overdue) if each in looks})

    async def _next_in_turn(self, created_before: datetime) -> list[str]:
        found = await self._call(
            self._record.open_after, self._last_in_turn, created_before=created_before, limit=_ROTATED
        )
        self._last_in_turn = found[-1] if len(found) == _ROTATED else ""
        return found

    async def _look_at(self, approval_ids: Iterable[str]) -> dict[str, Look]:
        """Return what Temporal says of each; those of which it says nothing at the moment are left out."""
        looks: dict[str, Look] = {}
        ids = [*approval_ids]
        for start in range(0, len(ids), _LOOKS_AT_ONCE):
            some = ids[start : start + _LOOKS_AT_ONCE]
            answers = dict(zip(some, await asyncio.gather(*map(self._look, some)), strict=True))
            answered = {approval_id: look for approval_id, look in answers.items() if look is not None}
            # One of which Temporal says nothing does not keep the others from being closed.
            if not answered and (not looks or len(some) == _LOOKS_AT_ONCE):
                message = f"Temporal does not answer for any of {len(some)} approvals. They are looked at again."
                raise TemporalUnavailableError(message)
            looks |= answered
        return looks

    async def _look(self, approval_id: str) -> Look | None:
        try:
            return await self._workflows.look(approval_id)
        except TemporalUnavailableError:
            return None

    async def _tell_stuck(self, looks: Mapping[str, Look], known: Collection[str]) -> None:
        for approval_id, look in looks.items():
            if look.stuck is not None and approval_id not in known:
                await self._call(self._stuck.begin, approval_id, look.stuck, at=self._clock())
            elif look.stuck is None and approval_id in known:
                await self._call(self._stuck.end, approval_id, at=self._clock())

    async def _close(self, looks: Mapping[str, Look]) -> None:
        """Close those whose workflows are gone, once a second look has found the same."""
        gone = [approval_id for approval_id, look in looks.items() if look.end is not None]
        if not gone:
            return
        self._warn_of_many([looks[each].end for each in gone])
        await asyncio.sleep(self._pace.doubt.total_seconds())
        for approval_id, look in (await self._look_at(gone)).items():
            if look.end is not None:
                await self._close_one(approval_id, look.end)

    async def _close_one(self, approval_id: str, end: WorkflowEnd) -> None:
        try:
            status = await self._call(self._record.close, approval_id, end, at=self._clock())
        except UnavailableError:
            raise
        except Exception:  # noqa: BLE001  a row that cannot be read must not keep the others open
            _log.exception("approval.not_closed", approval_id=approval_id)
            return
        if status is not None:
            _log.warning("approval.closed", approval_id=approval_id, status=status.value, workflow=end.value)

    def _warn_of_many(self, ends: Collection[WorkflowEnd | None]) -> None:
        lost = sum(end is WorkflowEnd.LOST for end in ends)
        if lost >= _MANY:
            error = (
                f"Temporal's namespace {self._workflows.namespace} has no workflow of {lost} open approvals, and they "
                "are being closed. If it is the wrong one, stop the workers and set TEMPORAL_NAMESPACE."
            )
            _log.error("reconcile.many_lost", namespace=self._workflows.namespace, lost=lost, error=error)

    async def _call(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(question, *args, **kwargs))
