"""Keys: who may call, kept as hashes. Names are never reused, so a revoked key keeps its row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from assent.models import Key, Role
from domain.audit import Action, AuditEvent, event_id
from domain.errors import InvalidPersonError, KeyNotFoundError
from domain.principal import AUTOMATION
from storage.audit import append_event
from storage.database import Database
from storage.names import take_name
from storage.tables import keys, people

# Built once: to make a statement costs as much as to run it.
_FIND_KEY = select(keys).where(keys.c.id == bindparam("key_id"), keys.c.revoked_at.is_(None))
_FIND_ACTIVE = select(keys.c.id).where(keys.c.name == bindparam("key_name"), keys.c.revoked_at.is_(None))


class KeyStore:
    """Reads and writes keys. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def add(self, key: Key, secret_hash: str) -> None:
        """Write a new key and tell it in the log. Raises NameTakenError or InvalidPersonError."""
        with self._database.write() as connection:
            take_name(connection, key.name)
            _check_owner(connection, key)
            values = key.model_dump(exclude={"role"}) | {"role": key.role.value, "secret_hash": secret_hash}
            connection.execute(insert(keys).values(values))
            _tell(connection, key, Action.KEY_CREATED, actor=key.created_by, at=key.created_at)

    def find(self, key_id: str) -> tuple[Key, str] | None:
        """Return the key that is not revoked under `key_id`, with the hash of its secret."""
        with self._database.read() as connection:
            row = connection.execute(_FIND_KEY, {"key_id": key_id}).one_or_none()
            return None if row is None else (_key(row), row.secret_hash)

    def is_active(self, name: str) -> bool:
        """Whether a key of this name exists and is not revoked."""
        if name == AUTOMATION:
            return True
        with self._database.read() as connection:
            return connection.execute(_FIND_ACTIVE, {"key_name": name}).one_or_none() is not None

    def owner_of(self, name: str) -> str | None:
        """Return who owns the key of this name; None when nobody does, or when there is no such key."""
        with self._database.read() as connection:
            return connection.execute(select(keys.c.owner).where(keys.c.name == name)).scalar_one_or_none()

    def agents(self) -> list[tuple[str, str | None]]:
        """Return the name and the owner of every agent whose key is not revoked."""
        query = select(keys.c.name, keys.c.owner).where(keys.c.role == Role.AGENT.value, keys.c.revoked_at.is_(None))
        with self._database.read() as connection:
            return [(row.name, row.owner) for row in connection.execute(query)]

    def all(self) -> list[Key]:
        """Return every key, revoked ones too, by name."""
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(select(keys).order_by(keys.c.name))]

    def count(self) -> int:
        """Return how many keys were ever made."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(keys)).scalar_one()

    def revoke(self, key_id: str, *, by: str, at: datetime) -> Key:
        """Revoke a key for good, once; return it. Raises KeyNotFoundError."""
        with self._database.write() as connection:
            revoked = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=at)
            changed = connection.execute(revoked).rowcount == 1
            row = connection.execute(select(keys).where(keys.c.id == key_id)).one_or_none()
            if row is None:
                message = f"There is no key {key_id}. GET /v1/keys lists them."
                raise KeyNotFoundError(message)
            key = _key(row)
            if changed:
                _tell(connection, key, Action.KEY_REVOKED, actor=by, at=at)
            return key


def _check_owner(connection: Connection, key: Key) -> None:
    disabled = select(people.c.name).where(people.c.name == key.owner, people.c.disabled_at.is_not(None))
    # An agent's key goes on when its owner is disabled, so it may also begin then.
    if key.role is not Role.AGENT and connection.execute(disabled).one_or_none() is not None:
        message = f"{key.owner} is disabled, for good, and gets no key. Name another owner."
        raise InvalidPersonError(message)


def revoke_own_keys(connection: Connection, person: str, *, by: str, at: datetime) -> None:
    """Revoke the keys by which `person` decides or reads; what an agent of theirs does goes on."""
    own = (keys.c.owner == person, keys.c.role != Role.AGENT.value, keys.c.revoked_at.is_(None))
    for row in connection.execute(update(keys).where(*own).values(revoked_at=at).returning(keys)).all():
        _tell(connection, _key(row), Action.KEY_REVOKED, actor=by, at=at)


def _tell(connection: Connection, key: Key, action: Action, *, actor: str, at: datetime) -> None:
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, key.id),
            at=at,
            actor=actor,
            action=action,
            details={"key_id": key.id, "name": key.name, "role": key.role.value, "owner": key.owner},
        ),
    )


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        owner=row.owner,
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
    )
