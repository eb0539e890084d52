"""Whether everything that an approval needs is there: the database, Temporal, a worker, and clocks that agree."""

import asyncio
from datetime import timedelta

from assent.models import Pause
from domain.clock import Clock
from domain.errors import StorageUnavailableError, TemporalUnavailableError
from domain.frozen import Frozen
from services.temporal import ApprovalWorkflows
from storage.database import Database
from storage.pauses import PauseStore
from storage.workers import WorkerStore

WORKER_SEEN_WITHIN = timedelta(seconds=15)
CLOCKS_WITHIN = timedelta(seconds=2)

_CLOCK_CHECKED_FOR_SECONDS = 30.0


class Check(Frozen):
    """One thing that must be so, and a sentence that says what to do when it is not."""

    name: str
    ok: bool
    detail: str


class Readiness(Frozen):
    """All checks, ready when every one of them is, and the pauses in force.

    A pause does not make it unready: a load balancer would take the dashboard away, from which one resumes.
    """

    ready: bool
    checks: tuple[Check, ...]
    pauses: tuple[Pause, ...] = ()


class ReadinessChecks:
    """Asks everything that an approval needs."""

    def __init__(  # noqa: PLR0913  each is one thing that is asked
        self,
        *,
        database: Database,
        workers: WorkerStore,
        pauses: PauseStore,
        workflows: ApprovalWorkflows,
        clock: Clock,
        task_queue: str,
    ) -> None:
        """Take the record, the workers' signs of life, pauses, Temporal, this process's clock and the task queue."""
        self._database = database
        self._workers = workers
        self._pauses = pauses
        self._workflows = workflows
        self._clock = clock
        self._task_queue = task_queue
        self._temporal_ahead: timedelta | None = None
        self._temporal_asked_at = float("-inf")

    async def check(self) -> Readiness:
        """Return every check, all asked at once."""
        checks, pauses = await asyncio.gather(
            asyncio.gather(self._check_database(), self._check_temporal(), self._check_worker(), self._check_clocks()),
            self._in_force(),
        )
        return Readiness(ready=all(check.ok for check in checks), checks=tuple(checks), pauses=pauses)

    async def _in_force(self) -> tuple[Pause, ...]:
        try:
            return tuple(await asyncio.to_thread(self._pauses.active))
        except StorageUnavailableError:
            # The checks say so; nobody submits or starts anything meanwhile.
            return ()

    async def _check_database(self) -> Check:
        try:
            await asyncio.to_thread(self._database.clock)
        except StorageUnavailableError:
            return Check(name="database", ok=False, detail="It does not answer. Check ASSENT_DATABASE_URL.")
        return Check(name="database", ok=True, detail="It answers.")

    async def _check_temporal(self) -> Check:
        if await self._workflows.answers():
            return Check(name="temporal", ok=True, detail="It answers.")
        return Check(name="temporal", ok=False, detail="It does not answer. Check TEMPORAL_ADDRESS.")

    async def _check_worker(self) -> Check:
        try:
            alive = await asyncio.to_thread(self._workers.alive, self._task_queue, WORKER_SEEN_WITHIN)
        except StorageUnavailableError:
            return Check(name="worker", ok=False, detail="Nobody knows while the database does not answer.")
        if alive:
            return Check(name="worker", ok=True, detail=f"{len(alive)} on task queue {self._task_queue}.")
        detail = f"No worker polls task queue {self._task_queue}. Requests are safe; nothing runs. Start worker.py."
        return Check(name="worker", ok=False, detail=detail)

    async def _check_clocks(self) -> Check:
        try:
            before = self._clock()
            database_clock = await asyncio.to_thread(self._database.clock)
            after = self._clock()
            alive = await asyncio.to_thread(self._workers.alive, self._task_queue, WORKER_SEEN_WITHIN)
            temporal_ahead = await self._ask_temporal()
        except (StorageUnavailableError, TemporalUnavailableError):
            return Check(name="clocks", ok=False, detail="They cannot be compared while something does not answer.")
        # The database's time lies somewhere between the two readings; only what is surely off counts.
        apart = {
            "database": max(database_clock - after, before - database_clock, timedelta(0)),
            "Temporal": abs(temporal_ahead),
        }
        apart |= {f"worker {worker.identity}": abs(worker.clock_ahead) for worker in alive}
        wrong = {name: distance for name, distance in apart.items() if distance > CLOCKS_WITHIN}
        if not wrong:
            return Check(name="clocks", ok=True, detail="They agree within 2 s.")
        told = ", ".join(f"{name} by {distance.total_seconds():.1f} s" for name, distance in wrong.items())
        detail = f"Clocks differ: {told}. Deadlines are compared by them: set them right (NTP)."
        return Check(name="clocks", ok=False, detail=detail)

    async def _ask_temporal(self) -> timedelta:
        now = asyncio.get_running_loop().time()
        if self._temporal_ahead is None or now - self._temporal_asked_at > _CLOCK_CHECKED_FOR_SECONDS:
            self._temporal_ahead = await self._workflows.clock_ahead(self._clock)
            self._temporal_asked_at = now
        return self._temporal_ahead
