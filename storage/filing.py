"""Filing what has ended: from the texts that searches read whole to those that have an index."""

from sqlalchemy import Connection, delete, func, insert, select

from assent.models import ApprovalStatus
from storage.database import Database
from storage.tables import filed_texts, recent_texts

_ENDED = [status.value for status in ApprovalStatus if status.is_terminal]
_COPIED = [column.name for column in recent_texts.columns]
_TRIGRAMS = "ix_filed_texts_trigrams"


class Filing:
    """Files the texts of approvals that have ended. Raises StorageUnavailableError when there is no database.

    An index of trigrams is cheap to write for many rows at once and dear for one, so no approval waits for it.
    """

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def file_ended(self, limit: int) -> int:
        """File up to `limit` texts in one transaction; return how many. Whoever else files meanwhile takes others."""
        with self._database.write() as connection:
            ended = select(recent_texts.c.id).where(recent_texts.c.status.in_(_ENDED)).limit(limit)
            ids = list(connection.execute(ended.with_for_update(skip_locked=True)).scalars())
            if ids:
                _file(connection, ids)
            return len(ids)


def _file(connection: Connection, ids: list[str]) -> None:
    moved = recent_texts.c.id.in_(ids)
    connection.execute(insert(filed_texts).from_select(_COPIED, select(recent_texts).where(moved)))
    connection.execute(delete(recent_texts).where(moved))
    if connection.dialect.name == "postgresql":
        # Otherwise they wait in a list that each search has to read from end to end.
        connection.execute(select(func.gin_clean_pending_list(_TRIGRAMS)))
