"""What is searched: many that wait and many more that have ended, stored in bulk."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, cast

import psycopg
from sqlalchemy import Connection

from assent.models import ApprovalStatus, RiskLevel
from storage.columns import UtcTime
from storage.database import Database

_AT_ONCE = 10_000
_LEVELS = tuple(RiskLevel)
_OPERATIONS = (
    ("user.delete", "user"),
    ("data.export", "customer"),
    ("payment.refund", "payment"),
    ("email.send", "email"),
)
_REASONS = (
    "The customer asked for it in the chat of this morning, and ticket {} says that it was promised for today.",
    "Found by the nightly run: the account of {} was closed in March and nothing has been bought since.",
    "Order {} was delivered twice.",
)
_ENDINGS = (ApprovalStatus.EXECUTED, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED)
_HOUR = timedelta(hours=1)
_ONLY_ENDED = "Archived."
_ONLY_WAITING = "Urgent."

_ALIKE = {
    "revision": 1,
    "parameters": json.dumps({"amount_cents": 4_200, "currency": "EUR"}),
    "context": json.dumps({"customer": "42", "orders": [1017, 1022, 1031]}),
    "declaration": "bench",
    "plan": "{}",
    "digest": "0" * 64,
    "content_digest": "0" * 64,
    "verdict": "ask",
    "risk_reasons": json.dumps(["No rule matches, so it counts as medium risk."]),
    "required_approvals": 1,
    "seal": "{}",
    "run_id": "bench",
}
_OWN = (
    *("id", "status", "agent_id", "operation_type", "resource_type", "resource_id", "reason"),
    *("risk_level", "decided_by", "created_at", "expires_at", "closed_at"),
)
_COLUMNS = (*_OWN, *_ALIKE)


def store_approvals(database: Database, *, waiting: int, ended: int) -> None:
    """Store so many, the newest last: those that have ended over a hundred days, those that wait in the hour after.

    Each names a ticket of its own, one of a thousand agents, and a word that only its kind has: `archived`, `urgent`.
    """
    chance = random.Random(21)  # noqa: S311  the same rows in every run
    now = datetime.now(UTC)
    days = timedelta(days=100)
    _store(database, (_row(chance, n, now - days * (ended - n) / ended - _HOUR, ended=True) for n in range(ended)))
    _store(database, (_row(chance, n, now - _HOUR * (waiting - n) / waiting, ended=False) for n in range(waiting)))


def _row(chance: random.Random, number: int, created_at: datetime, *, ended: bool) -> tuple[Any, ...]:
    operation_type, resource_type = chance.choice(_OPERATIONS)
    (status,) = chance.choices(_ENDINGS, (80, 12, 7, 1)) if ended else (ApprovalStatus.PENDING,)
    reason = chance.choice(_REASONS).format(f"T-{'a' if ended else 'b'}{number:07}")
    return (
        _time_ordered(created_at, chance),
        status.value,
        f"acme-{chance.randrange(1_000):04}-agent",
        operation_type,
        resource_type,
        str(chance.randrange(10**6)),
        f"{reason} {_ONLY_ENDED if ended else _ONLY_WAITING}",
        chance.choice(_LEVELS).value,
        '["reviewer:ada"]' if ended else "[]",
        created_at,
        created_at + timedelta(hours=chance.choice((2, 4, 12, 24))),
        created_at + timedelta(minutes=10) if ended else None,
        *_ALIKE.values(),
    )


def _time_ordered(created_at: datetime, chance: random.Random) -> str:
    """Return an id such as submissions have: it begins with the time."""
    milliseconds = int(created_at.timestamp() * 1_000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | chance.getrandbits(62)))


def _store(database: Database, rows: Iterator[tuple[Any, ...]]) -> None:
    add = _insert if database.is_sqlite else _copy
    while part := list(islice(rows, _AT_ONCE)):
        with database.write() as connection:
            add(connection, part)


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    # Past the types of the columns, which would take longer than SQLite does.
    written = [
        tuple(
            UtcTime().process_bind_param(value, connection.dialect) if isinstance(value, datetime) else value
            for value in row
        )
        for row in rows
    ]
    places = ", ".join("?" * len(_COLUMNS))
    connection.exec_driver_sql(f"INSERT INTO approvals ({', '.join(_COLUMNS)}) VALUES ({places})", written)  # noqa: S608


def _copy(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    copied = f"COPY approvals ({', '.join(_COLUMNS)}) FROM STDIN"
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(copied) as copy:
        for row in rows:
            copy.write_row(row)
