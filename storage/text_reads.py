"""Which approvals a search or an order by risk lists, from the tables that are kept for that.

`recent_texts` has what waits and what has ended a moment ago, and is read whole. `filed_texts` has all the rest: a word
that is common there is met soon in the list's own order, and one that is rare is looked up in the index of trigrams.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, func, literal, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from assent.models import ApprovalStatus
from domain.listing import ApprovalFilter, Position, Sort
from domain.risk import urgency
from storage.search import indexed, is_short, occurs, words_of
from storage.tables import filed_texts, recent_texts

WALKED = 4_000
"""How many rows of the list are looked at before the index is asked."""

_Columns = ReadOnlyColumnCollection[str, Any]

_KEYS = {
    Sort.EXPIRES_AT: ("expires_at", "id"),
    Sort.NEWEST: ("created_at", "id"),
    Sort.RISK: ("urgency", "expires_at", "id"),
}


def found_ids(
    connection: Connection, wanted: ApprovalFilter, *, sort: Sort, after: Position | None, limit: int
) -> list[str]:
    """Return the ids of up to `limit` approvals after a position, in the order of `sort`."""
    listing = _Listing(connection, wanted, sort, after, limit)
    rows = [*listing.recent(), *listing.filed()]
    rows.sort(key=lambda row: row[1:], reverse=sort is Sort.NEWEST)
    return [row.id for row in rows[:limit]]


class _Listing:
    """One page of a list: what narrows it, how it is ordered, where it begins and how long it may be."""

    def __init__(
        self, connection: Connection, wanted: ApprovalFilter, sort: Sort, after: Position | None, limit: int
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._words = words_of(wanted.q)
        self._narrowing = {name: str(value) for name, value in wanted if name != "q" and value is not None}
        self._sort = sort
        self._after = after
        self._limit = limit

    def recent(self) -> list[Any]:
        """Read what waits or has ended a moment ago."""
        query = self._begun(recent_texts).where(*self._conditions(recent_texts.c))
        if not self._words and {*self._narrowing.values()} <= {ApprovalStatus.PENDING.value}:
            return self._read(query.subquery())
        # Most rows are looked at in vain: in the order of an index that would take several times as long.
        return self._read(self._unordered(query))

    def filed(self) -> list[Any]:
        """Read what had ended before."""
        if self._wanted.status is not None and not self._wanted.status.is_terminal:
            return []
        if not self._words and not self._narrowing:
            return self._read(self._begun(filed_texts).subquery())
        first = self._ordered(self._begun(filed_texts), filed_texts.c).limit(WALKED).subquery()
        rows = self._read(first, *self._conditions(first.c))
        if len(rows) == self._limit:
            return rows
        telling = [
            word
            for word in (*self._words, *self._narrowing.values())
            if not is_short(word) or self._is_rare(word, first)
        ]
        condition = indexed(self._connection, telling)
        query = self._begun(filed_texts).where(*self._conditions(filed_texts.c))
        # The index finds few, in no order. Without it, all are looked at in theirs.
        return self._read(query.subquery() if condition is None else self._unordered(query.where(condition)))

    def _is_rare(self, word: str, first: Subquery) -> bool:
        """Whether few of the rows that come first have `word`."""
        counted = select(func.count()).where(occurs(self._connection, word, first.c.text))
        return self._connection.execute(counted).scalar_one() <= WALKED // 100

    def _begun(self, source: Table) -> Select[Any]:
        """Select what comes after the position, so that an index on the order begins there."""
        query = select(source)
        if self._sort is Sort.RISK and self._wanted.risk_level is not None:
            query = query.where(source.c.urgency == urgency(self._wanted.risk_level))
        if self._after is None:
            return query
        keys = [source.c[name] for name in _KEYS[self._sort]]
        reached = tuple_(*(literal(value, key.type) for key, value in zip(keys, _place(self._after), strict=True)))
        return query.where(tuple_(*keys) < reached if self._sort is Sort.NEWEST else tuple_(*keys) > reached)

    def _conditions(self, columns: _Columns) -> list[ColumnElement[bool]]:
        narrowed = (columns[name] == value for name, value in self._narrowing.items())
        return [*narrowed, *(occurs(self._connection, word, columns.text) for word in self._words)]

    def _ordered(self, query: Select[Any], columns: _Columns) -> Select[Any]:
        keys = [columns[name] for name in _KEYS[self._sort]]
        return query.order_by(*(key.desc() for key in keys) if self._sort is Sort.NEWEST else keys)

    def _unordered(self, query: Select[Any]) -> Subquery:
        """Return what is to be found first and sorted then: no database looks into a query that skips rows."""
        columns = query.selected_columns
        return query.with_only_columns(columns.id, *(columns[name] for name in _KEYS[self._sort])).offset(0).subquery()

    def _read(self, source: Subquery, *conditions: ColumnElement[bool]) -> list[Any]:
        columns = source.c
        query = select(columns.id, *(columns[name] for name in _KEYS[self._sort])).where(*conditions)
        return list(self._connection.execute(self._ordered(query, columns).limit(self._limit)))


def _place(reached: Position) -> tuple[Any, ...]:
    """Return what a list is ordered by, of the last row of a page."""
    level = () if reached.risk_level is None else (urgency(reached.risk_level),)
    return (*level, reached.at, reached.approval_id)
