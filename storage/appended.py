"""The audit events that a transaction writes, for those who count and tell them once they are committed."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from domain.audit import AuditEvent

_APPENDED = "assent_appended"


class Wait(NamedTuple):
    """An approval's time as pending, with its risk level."""

    risk: str
    lasted: timedelta


class Appended(NamedTuple):
    """An audit event that was not there before, and the wait that it ended, if it ended one."""

    event: AuditEvent
    wait: Wait | None = None


Observer = Callable[[Sequence[Appended]], None]


def appended_in(connection: Connection) -> Sequence[Appended]:
    """Return what will hold every event that the transaction beginning on `connection` appends."""
    appended: list[Appended] = []
    connection.info[_APPENDED] = appended
    return appended


def note(connection: Connection, appended: Appended) -> None:
    """Remember an event that was written in this transaction."""
    noted = connection.info.get(_APPENDED)
    if noted is not None:
        noted.append(appended)
