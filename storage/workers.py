"""The workers' signs of life, so that anyone can tell whether somebody would run what is approved."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from domain.frozen import Frozen
from storage.database import Database, insert_once
from storage.tables import workers

_FORGOTTEN_AFTER = timedelta(days=1)


class WorkerBeat(Frozen):
    """One worker's last sign of life, by the database's clock; how far the worker's own clock was ahead of it."""

    identity: str
    seen_at: datetime
    clock_ahead: timedelta


class WorkerStore:
    """Reads and writes signs of life. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def beat(self, identity: str, task_queue: str, *, now: datetime) -> None:
        """Write that `identity` lives, and forget workers long gone; `now` is its own clock."""
        seen_at = self._database.clock()
        ahead = round((now - seen_at) / timedelta(milliseconds=1))
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.seen_at < seen_at - _FORGOTTEN_AFTER))
            lives = {"seen_at": seen_at, "clock_ahead_ms": ahead}
            if connection.execute(update(workers).where(workers.c.identity == identity).values(lives)).rowcount == 0:
                born = {"identity": identity, "task_queue": task_queue, "started_at": seen_at}
                insert_once(connection, workers, born | lives)

    def leave(self, identity: str) -> None:
        """Forget a worker that stopped in good order."""
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.identity == identity))

    def eldest(self, task_queue: str, within: timedelta) -> str | None:
        """Return the worker of this task queue that began first, among those seen `within` this time, if any."""
        now = self._database.clock()
        query = (
            select(workers.c.identity)
            .where(workers.c.task_queue == task_queue, workers.c.seen_at >= now - within)
            .order_by(workers.c.started_at, workers.c.identity)
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def alive(self, task_queue: str, within: timedelta) -> list[WorkerBeat]:
        """Return the workers of this task queue seen `within` this time."""
        now = self._database.clock()
        query = select(workers).where(workers.c.task_queue == task_queue, workers.c.seen_at >= now - within)
        with self._database.read() as connection:
            return [
                WorkerBeat(
                    identity=row.identity,
                    seen_at=row.seen_at,
                    clock_ahead=timedelta(milliseconds=row.clock_ahead_ms),
                )
                for row in connection.execute(query)
            ]
