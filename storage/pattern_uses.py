"""The quotas of trusted patterns, counted where an approval is recorded: exactly, and once for each approval."""

from datetime import UTC, datetime

from sqlalchemy import Connection, and_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from domain.patterns import PatternMatch
from storage.tables import pattern_uses, trusted_patterns


def utc_day(moment: datetime) -> str:
    """Return the UTC day of `moment`, as 2026-01-31."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def take_use(connection: Connection, match: PatternMatch, *, at: datetime) -> bool:
    """Count one use of a pattern on the day of `at`; return False when it may not be used now.

    Its row is locked first: whoever suspends or changes the pattern comes before this use or after it. The lock is not
    shared: sharers go past whoever waits to suspend it, and a flood of uses would keep them waiting.
    """
    pattern = match.pattern
    current = (
        select(trusted_patterns.c.revision)
        .where(trusted_patterns.c.id == pattern.id, trusted_patterns.c.revision == pattern.revision)
        .where(trusted_patterns.c.suspended.is_(False), trusted_patterns.c.removed.is_(False))
        .with_for_update()
    )
    if connection.execute(current).one_or_none() is None:
        return False
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    first = insert(pattern_uses).values(pattern_id=pattern.id, day=utc_day(at), uses=1, total=match.amount, last_at=at)
    # One statement compares and counts: two approvals at once cannot both take the last use.
    room = pattern_uses.c.uses < pattern.max_per_day
    if pattern.max_sum_per_day is not None:
        room = and_(room, pattern_uses.c.total + match.amount <= pattern.max_sum_per_day.limit)
    counted = first.on_conflict_do_update(
        index_elements=[pattern_uses.c.pattern_id, pattern_uses.c.day],
        set_={"uses": pattern_uses.c.uses + 1, "total": pattern_uses.c.total + match.amount, "last_at": at},
        where=room,
    ).returning(pattern_uses.c.uses)
    return connection.execute(counted).one_or_none() is not None


def exhausted(connection: Connection, matches: list[PatternMatch], *, at: datetime) -> set[str]:
    """Return the ids of those patterns that have no room for their request on the day of `at`."""
    used = select(pattern_uses).where(
        pattern_uses.c.pattern_id.in_([match.pattern.id for match in matches]), pattern_uses.c.day == utc_day(at)
    )
    uses = {row.pattern_id: row for row in connection.execute(used)}
    return {
        match.pattern.id
        for match in matches
        if (row := uses.get(match.pattern.id)) is not None and not match.has_room(row.uses, row.total)
    }
