"""Pauses: started and ended by scope, told in the log, and the same for whoever asks at any moment."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from assent.models import Pause, PauseScope
from domain.audit import Action, AuditEvent, event_id
from domain.errors import AlreadyPausedError, PauseNotFoundError
from domain.pauses import pause_on, paused_sentence, scope_words
from storage.audit import append_event
from storage.database import Database, announce
from storage.tables import pauses

_ONE_CHANGE_AT_A_TIME = 7_263_548_103
"""The PostgreSQL advisory lock on the pauses in force: alone to change them, shared to start what they would hold."""

# Built once: to make a statement costs as much as to run it.
_READ_ACTIVE = select(pauses).where(pauses.c.ended_at.is_(None)).order_by(pauses.c.started_at, pauses.c.id)
_LET_NONE_BEGIN = select(func.pg_advisory_xact_lock_shared(_ONE_CHANGE_AT_A_TIME))


class PauseStore:
    """Reads and writes pauses. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def active(self) -> list[Pause]:
        """Return the pauses in force, the oldest first."""
        with self._database.read() as connection:
            return active_pauses(connection)

    def start(self, pause: Pause) -> None:
        """Put a pause in force: whatever it covers starts before this transaction or waits.

        Raises AlreadyPausedError when its scope is paused.
        """
        scope = PauseScope(agent_id=pause.agent_id, operation_type=pause.operation_type)
        with self._database.write() as connection:
            _change_alone(connection)
            row = connection.execute(select(pauses).where(_in_force(scope))).one_or_none()
            if row is not None:
                message = f"Resume first, to pause for another reason. Now {paused_sentence(_pause(row))}"
                raise AlreadyPausedError(message)
            connection.execute(insert(pauses).values(pause.model_dump()))
            _tell(
                connection,
                Action.PAUSE_STARTED,
                pause,
                {"reason": pause.reason},
                by=pause.started_by,
                at=pause.started_at,
            )

    def end(self, scope: PauseScope, *, by: str, at: datetime) -> Pause:
        """End the pause of exactly this scope and return it. Raises PauseNotFoundError."""
        with self._database.write() as connection:
            _change_alone(connection)
            ended = update(pauses).where(_in_force(scope)).values(ended_at=at, ended_by=by).returning(pauses)
            row = connection.execute(ended).one_or_none()
            if row is None:
                paused = scope_words(scope.agent_id, scope.operation_type)
                message = f"There is no pause of {paused}. GET /v1/pauses lists those in force, each with its scope."
                raise PauseNotFoundError(message)
            pause = _pause(row)
            _tell(connection, Action.PAUSE_ENDED, pause, {}, by=by, at=at)
            return pause


def active_pauses(connection: Connection) -> list[Pause]:
    """Return the pauses in force, the oldest first."""
    return [_pause(row) for row in connection.execute(_READ_ACTIVE)]


def pause_of(connection: Connection, agent_id: str, operation_type: str) -> Pause | None:
    """Return the pause that holds such a request, or None: then none begins until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LET_NONE_BEGIN)
    return pause_on(active_pauses(connection), agent_id, operation_type)


def _change_alone(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ONE_CHANGE_AT_A_TIME)))


def _in_force(scope: PauseScope) -> ColumnElement[bool]:
    return and_(
        pauses.c.ended_at.is_(None),
        # `IS NOT DISTINCT FROM`: a scope without an agent is that of the pause without one.
        pauses.c.agent_id.is_not_distinct_from(scope.agent_id),
        pauses.c.operation_type.is_not_distinct_from(scope.operation_type),
    )


def _tell(  # noqa: PLR0913  each is one fact of the event
    connection: Connection, action: Action, pause: Pause, details: dict[str, str], *, by: str, at: datetime
) -> None:
    scope = {"agent_id": pause.agent_id, "operation_type": pause.operation_type}
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, pause.id),
            at=at,
            actor=by,
            action=action,
            details={"pause_id": pause.id, **scope, **details},
        ),
    )
    announce(connection, pause.id)


def _pause(row: Row[Any]) -> Pause:
    return Pause(
        id=row.id,
        agent_id=row.agent_id,
        operation_type=row.operation_type,
        reason=row.reason,
        started_by=row.started_by,
        started_at=row.started_at,
    )
