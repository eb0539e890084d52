"""Trusted patterns: every revision is kept, and told in the log with what it was before."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from domain.audit import Action, AuditEvent, event_id
from domain.errors import PatternNotFoundError
from domain.frozen import Frozen
from domain.patterns import PatternBook, PatternMatch, TrustedPattern
from storage.audit import append_event
from storage.database import Database
from storage.pattern_uses import exhausted, utc_day
from storage.tables import pattern_uses, trusted_pattern_revisions, trusted_patterns


class UsedPattern(Frozen):
    """A pattern with how often it has let something through: in all, and on the UTC day that was asked about.

    `summed_today` is what its parameter has added up to on that day; 0 without a daily sum.
    """

    pattern: TrustedPattern
    matched: int = 0
    matched_today: int = 0
    summed_today: float = 0
    last_matched_at: datetime | None = None


class PatternStore:
    """Reads and writes trusted patterns. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        # Two threads may read at once, and either result is true of its moment.
        self._read: tuple[int, PatternBook] | None = None

    def book(self) -> PatternBook:
        """Return the patterns in force. One small query tells whether those of the last call still are."""
        changes = select(func.coalesce(func.sum(trusted_patterns.c.revision), 0))
        with self._database.read() as connection:
            now = connection.execute(changes).scalar_one()
            known = self._read
            if known is None or known[0] != now:
                in_force = _current().where(trusted_patterns.c.suspended.is_(False))
                known = self._read = now, PatternBook(_pattern(row) for row in connection.execute(in_force))
            return known[1]

    def first_with_room(self, matches: list[PatternMatch], *, at: datetime) -> TrustedPattern | None:
        """Return the first pattern whose quotas would take its request on the day of `at`, without counting it."""
        if not matches:
            return None
        with self._database.read() as connection:
            full = exhausted(connection, matches, at=at)
        return next((match.pattern for match in matches if match.pattern.id not in full), None)

    def all(self, *, today: datetime) -> list[UsedPattern]:
        """Return every pattern that was not removed, the newest first."""
        with self._database.read() as connection:
            return _used(connection, _current().order_by(trusted_patterns.c.id.desc()), today)

    def get(self, pattern_id: str, *, today: datetime) -> UsedPattern:
        """Return one pattern. Raises PatternNotFoundError."""
        with self._database.read() as connection:
            found = _used(connection, _current().where(trusted_patterns.c.id == pattern_id), today)
            if not found:
                raise _not_found(pattern_id)
            return found[0]

    def revisions(self, pattern_id: str) -> list[TrustedPattern]:
        """Return every revision of a pattern, the oldest first, also of a removed one. Raises PatternNotFoundError."""
        query = (
            select(trusted_pattern_revisions)
            .where(trusted_pattern_revisions.c.pattern_id == pattern_id)
            .order_by(trusted_pattern_revisions.c.revision)
        )
        with self._database.read() as connection:
            found = [_pattern(row) for row in connection.execute(query)]
        if not found:
            raise _not_found(pattern_id)
        return found

    def add(self, pattern: TrustedPattern) -> None:
        """Write the first revision of a pattern."""
        with self._database.write() as connection:
            connection.execute(
                trusted_patterns.insert().values(
                    id=pattern.id, revision=pattern.revision, suspended=pattern.suspended, removed=False
                )
            )
            _add_revision(connection, pattern)
            _tell(connection, Action.PATTERN_CREATED, None, pattern)

    def change(self, pattern_id: str, make: Callable[[TrustedPattern], TrustedPattern]) -> TrustedPattern:
        """Write the revision that `make` makes of the one in force, unless it returns that; what it raises undoes all.

        Raises PatternNotFoundError.
        """
        with self._database.write() as connection:
            old = _locked(connection, pattern_id)
            new = make(old)
            if new is old:
                return old
            _put_in_force(connection, new, removed=False)
            suspended = new.suspended and not old.suspended
            _tell(connection, Action.PATTERN_SUSPENDED if suspended else Action.PATTERN_CHANGED, old, new)
            return new

    def remove(self, pattern_id: str, *, by: str, at: datetime) -> None:
        """Take a pattern out of force for good; its revisions stay. Raises PatternNotFoundError."""
        with self._database.write() as connection:
            old = _locked(connection, pattern_id)
            last = {"revision": old.revision + 1, "suspended": True, "changed_by": by, "changed_at": at}
            new = old.model_copy(update=last)
            _put_in_force(connection, new, removed=True)
            _tell(connection, Action.PATTERN_DELETED, old, new)


def _current() -> Select[Any]:
    """Select the revision in force of every pattern that was not removed."""
    in_force = and_(
        trusted_pattern_revisions.c.pattern_id == trusted_patterns.c.id,
        trusted_pattern_revisions.c.revision == trusted_patterns.c.revision,
    )
    return (
        select(trusted_pattern_revisions).join(trusted_patterns, in_force).where(trusted_patterns.c.removed.is_(False))
    )


def _locked(connection: Connection, pattern_id: str) -> TrustedPattern:
    """Return the revision in force, which nobody else changes or uses until this transaction ends."""
    lock = select(trusted_patterns.c.id).where(trusted_patterns.c.id == pattern_id).with_for_update()
    connection.execute(lock)
    row = connection.execute(_current().where(trusted_patterns.c.id == pattern_id)).one_or_none()
    if row is None:
        raise _not_found(pattern_id)
    return _pattern(row)


def _put_in_force(connection: Connection, pattern: TrustedPattern, *, removed: bool) -> None:
    _add_revision(connection, pattern)
    connection.execute(
        update(trusted_patterns)
        .where(trusted_patterns.c.id == pattern.id)
        .values(revision=pattern.revision, suspended=pattern.suspended, removed=removed)
    )


def _add_revision(connection: Connection, pattern: TrustedPattern) -> None:
    connection.execute(
        trusted_pattern_revisions.insert().values(
            pattern_id=pattern.id, revision=pattern.revision, content=pattern.model_dump(mode="json")
        )
    )


def _used(connection: Connection, query: Select[Any], today: datetime) -> list[UsedPattern]:
    patterns = [_pattern(row) for row in connection.execute(query)]
    ids = [pattern.id for pattern in patterns]
    counted = (
        select(
            pattern_uses.c.pattern_id,
            func.sum(pattern_uses.c.uses).label("uses"),
            func.max(pattern_uses.c.last_at, type_=pattern_uses.c.last_at.type).label("last_at"),
        )
        .where(pattern_uses.c.pattern_id.in_(ids))
        .group_by(pattern_uses.c.pattern_id)
    )
    uses = {row.pattern_id: row for row in connection.execute(counted)}
    of_today = select(pattern_uses).where(pattern_uses.c.pattern_id.in_(ids), pattern_uses.c.day == utc_day(today))
    today_of = {row.pattern_id: row for row in connection.execute(of_today)}
    return [
        UsedPattern(
            pattern=pattern,
            matched=uses[pattern.id].uses,
            matched_today=today_of[pattern.id].uses if pattern.id in today_of else 0,
            summed_today=today_of[pattern.id].total if pattern.id in today_of else 0,
            last_matched_at=uses[pattern.id].last_at,
        )
        if pattern.id in uses
        else UsedPattern(pattern=pattern)
        for pattern in patterns
    ]


def _tell(connection: Connection, action: Action, old: TrustedPattern | None, new: TrustedPattern) -> None:
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, new.id, str(new.revision)),
            at=new.changed_at,
            actor=new.changed_by,
            action=action,
            details={
                "pattern_id": new.id,
                "revision": new.revision,
                "before": None if old is None else old.definition,
                "after": None if action is Action.PATTERN_DELETED else new.definition,
            },
        ),
    )


def _pattern(row: Row[Any]) -> TrustedPattern:
    return TrustedPattern.model_validate(row.content)


def _not_found(pattern_id: str) -> PatternNotFoundError:
    return PatternNotFoundError(f"There is no trusted pattern {pattern_id}. GET /v1/trusted-patterns lists them.")
