"""Whether anything would run now: a worker that lives, and the pauses in force. Every page says so."""

import asyncio
from collections.abc import Callable

from assent.models import Pause
from domain.frozen import Frozen
from services.readiness import WORKER_SEEN_WITHIN
from storage.pauses import PauseStore
from storage.workers import WorkerStore

KEPT_FOR_SECONDS = 1.0

_NEVER = float("-inf")


class Standing(Frozen):
    """Whether a worker lives that would run what is approved, and the pauses in force, the oldest first."""

    worker: bool
    pauses: tuple[Pause, ...] = ()


class Standings:
    """Answers from memory for a second, so that many who look cost as much as one."""

    def __init__(
        self, workers: WorkerStore, pauses: PauseStore, *, task_queue: str, monotonic: Callable[[], float]
    ) -> None:
        """Take the workers' signs of life, the pauses, this service's task queue and a clock in seconds."""
        self._workers = workers
        self._pauses = pauses
        self._task_queue = task_queue
        self._monotonic = monotonic
        self._one_look = asyncio.Lock()
        self._known = Standing(worker=False)
        self._known_at = _NEVER
        self._forgotten = False

    async def current(self) -> Standing:
        """Return what stands, or stood less than a second ago. Raises StorageUnavailableError."""
        async with self._one_look:
            if self._monotonic() - self._known_at >= KEPT_FOR_SECONDS:
                looked_at, self._forgotten = self._monotonic(), False
                self._known = await asyncio.to_thread(self._look)
                # What changed during the look may not be in it.
                self._known_at = _NEVER if self._forgotten else looked_at
            return self._known

    def forget(self) -> None:
        """Look again at the next question: something was just paused or resumed."""
        self._forgotten, self._known_at = True, _NEVER

    def _look(self) -> Standing:
        alive = self._workers.alive(self._task_queue, WORKER_SEEN_WITHIN)
        return Standing(worker=bool(alive), pauses=tuple(self._pauses.active()))
