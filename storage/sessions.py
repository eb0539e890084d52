"""Sessions: rows that end at once when somebody says so. Only the hash of a session's token is kept."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, update

from assent.models import Role
from domain.audit import Action, AuditEvent, event_id
from domain.errors import StorageUnavailableError
from domain.people import Proof, Session, SessionEnd, Way
from domain.principal import Principal
from storage.audit import append_event
from storage.database import Database
from storage.tables import people, sessions

SEEN_EVERY = timedelta(minutes=1)
"""How right `seen_at` is: a page loads many things, and each would be a write."""


class SessionStore:
    """Reads and writes sessions. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database, *, idle: timedelta, longest: timedelta) -> None:
        """Take the database, how long a session lasts without being used, and how long in all."""
        self._database = database
        self._idle = idle
        self._longest = longest

    def start(self, proof: Proof, token_hash: str, *, session_id: str, client: str, at: datetime) -> Session | None:
        """Start the session of somebody who has proven who they are; None when they may no longer have one."""
        # Whoever disables the person or changes the password waits for this transaction, and then ends the session.
        person = select(people).where(people.c.name == proof.name).with_for_update(read=True)
        with self._database.write() as connection:
            row = connection.execute(person).one_or_none()
            if row is None or row.disabled_at is not None:
                return None
            if proof.password_hash not in (None, row.password_hash):
                return None
            values = {"id": session_id, "token_hash": token_hash, "person": row.name, "client": client}
            connection.execute(insert(sessions).values(**values, created_at=at, seen_at=at))
            principal = Principal(name=row.name, role=Role(row.role))
            details = {"session_id": session_id, "by": proof.way.value}
            _tell(connection, Action.SESSION_STARTED, session_id, details, actor=str(principal), at=at)
            return Session(session_id=session_id, principal=principal, client=client, created_at=at, seen_at=at)

    def tell_refused(self, way: Way, person: str | None, *, at: datetime) -> None:
        """Tell in the log that somebody was not let in: as `person`, when the name that was tried is one's."""
        details = {"by": way.value} | ({} if person is None else {"name": person})
        with self._database.write() as connection:
            _tell(connection, Action.SESSION_REFUSED, str(uuid4()), details, actor="unknown", at=at)

    def find(self, token_hash: str, *, at: datetime) -> Session | None:
        """Return the session of this token when it is in force, with the role that the person has now."""
        with self._database.read() as connection:
            row = connection.execute(self._in_force(at).where(sessions.c.token_hash == token_hash)).one_or_none()
            return None if row is None else _session(row)

    def touch(self, session: Session, *, at: datetime) -> None:
        """Remember that the session was used, to the minute. A database that takes no write ends no session."""
        if at - session.seen_at < SEEN_EVERY:
            return
        used = update(sessions).where(sessions.c.id == session.session_id, sessions.c.seen_at < at).values(seen_at=at)
        with suppress(StorageUnavailableError), self._database.write() as connection:
            connection.execute(used)

    def of_person(self, name: str, *, at: datetime) -> list[Session]:
        """Return a person's sessions that are in force, the newest first."""
        newest_first = (
            self._in_force(at)
            .where(sessions.c.person == name)
            .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        )
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(newest_first)]

    def end(self, session_id: str, person: str, why: SessionEnd, *, by: str, at: datetime) -> bool:
        """End one session at once; return whether it was this person's, and had not ended before."""
        with self._database.write() as connection:
            return _end(connection, sessions.c.id == session_id, person, why, by=by, at=at) == 1

    def _in_force(self, at: datetime) -> Select[Any]:
        return (
            select(sessions, people.c.role)
            .join(people, people.c.name == sessions.c.person)
            .where(
                sessions.c.ended_at.is_(None),
                sessions.c.seen_at > at - self._idle,
                sessions.c.created_at > at - self._longest,
                people.c.disabled_at.is_(None),
            )
        )


def end_sessions(  # noqa: PLR0913  each is one fact of the end
    connection: Connection, person: str, why: SessionEnd, *, by: str, at: datetime, keep: str | None = None
) -> None:
    """End every session of a person, save the one to `keep`."""
    _end(connection, sessions.c.id != (keep or ""), person, why, by=by, at=at)


def _end(  # noqa: PLR0913  as above
    connection: Connection, which: ColumnElement[bool], person: str, why: SessionEnd, *, by: str, at: datetime
) -> int:
    ended = (
        update(sessions)
        .where(which, sessions.c.person == person, sessions.c.ended_at.is_(None))
        .values(ended_at=at)
        .returning(sessions.c.id)
    )
    session_ids = connection.execute(ended).scalars().all()
    for session_id in session_ids:
        details = {"session_id": session_id, "person": person, "why": why.value}
        _tell(connection, Action.SESSION_ENDED, session_id, details, actor=by, at=at)
    return len(session_ids)


def _tell(  # noqa: PLR0913  each is one fact of the event
    connection: Connection, action: Action, subject: str, details: dict[str, str], *, actor: str, at: datetime
) -> None:
    append_event(
        connection,
        AuditEvent(event_id=event_id(action, subject), at=at, actor=actor, action=action, details=details),
    )


def _session(row: Row[Any]) -> Session:
    return Session(
        session_id=row.id,
        principal=Principal(name=row.person, role=Role(row.role)),
        client=row.client,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )
