"""People: who may sign in. Each change is told in the log, and one that takes rights away ends sessions with it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, func, insert, select, update

from assent.models import Role
from domain.audit import Action, AuditEvent, event_id
from domain.errors import InvalidPersonError, PersonNotFoundError
from domain.people import Person, SessionEnd, is_name
from storage.audit import append_event
from storage.database import Database
from storage.keys import revoke_own_keys
from storage.names import take_name, take_turn
from storage.sessions import end_sessions
from storage.sign_in_links import void_links
from storage.tables import people


class PeopleStore:
    """Reads and writes people. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def add(self, person: Person, password_hash: str | None) -> None:
        """Write a new person; without a hash they cannot sign in by password. Raises NameTakenError."""
        values = person.model_dump(exclude={"role"}) | {"role": person.role.value, "password_hash": password_hash}
        with self._database.write() as connection:
            take_name(connection, person.name)
            connection.execute(insert(people).values(values))
            _tell(connection, Action.PERSON_ADDED, person, {}, by=person.created_by, at=person.created_at)

    def find(self, name: str) -> tuple[Person, str | None] | None:
        """Return the person of this name, disabled or not, with the hash of their password."""
        with self._database.read() as connection:
            row = _row(connection, name)
            return None if row is None else (_person(row), row.password_hash)

    def all(self) -> list[Person]:
        """Return every person, disabled ones too, by name."""
        with self._database.read() as connection:
            return [_person(row) for row in connection.execute(select(people).order_by(people.c.name))]

    def count(self) -> int:
        """Return how many people were ever added."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(people)).scalar_one()

    def change_role(self, name: str, role: Role, *, by: str, at: datetime) -> Person:
        """Give a person another role, in their sessions too. Raises InvalidPersonError or PersonNotFoundError."""
        with self._database.write() as connection:
            old, _ = _to_change(connection, name)
            if old.role is role:
                return old
            _check_not_last_admin(connection, old)
            new = _changed(connection, name, role=role.value)
            details = {"changed": "role", "from": old.role.value}
            _tell(connection, Action.PERSON_CHANGED, new, details, by=by, at=at)
            return new

    def set_password(  # noqa: PLR0913  each is one fact of the change
        self,
        name: str,
        password_hash: str,
        *,
        by: str,
        at: datetime,
        instead_of: str | None = None,
        keep: str | None = None,
    ) -> bool:
        """Give a person another password, and end their sessions, save the one to `keep`.

        Returns False, and does nothing, when `instead_of` is no longer the hash that is stored. Raises
        InvalidPersonError or PersonNotFoundError.
        """
        with self._database.write() as connection:
            person, stored = _to_change(connection, name)
            if instead_of is not None and stored != instead_of:
                return False
            _changed(connection, name, password_hash=password_hash)
            _tell(connection, Action.PERSON_CHANGED, person, {"changed": "password"}, by=by, at=at)
            void_links(connection, name, at=at)
            end_sessions(connection, name, SessionEnd.PASSWORD_CHANGED, by=by, at=at, keep=keep)
            return True

    def disable(self, name: str, *, by: str, at: datetime) -> Person:
        """Let a person in no more, once and for good; return them. Raises InvalidPersonError or PersonNotFoundError.

        Their sessions end with it, and the keys that they own are revoked, save those of agents.
        """
        with self._database.write() as connection:
            take_turn(connection)
            person = _existing(connection, name)[0]
            if person.disabled_at is not None:
                return person
            _check_not_last_admin(connection, person)
            person = _changed(connection, name, disabled_at=at)
            _tell(connection, Action.PERSON_DISABLED, person, {}, by=by, at=at)
            end_sessions(connection, name, SessionEnd.DISABLED, by=by, at=at)
            revoke_own_keys(connection, name, by=by, at=at)
            return person


def _to_change(connection: Connection, name: str) -> tuple[Person, str | None]:
    take_turn(connection)
    person, password_hash = _existing(connection, name)
    if person.disabled_at is not None:
        message = f"{name} is disabled, for good. Add the person under another name."
        raise InvalidPersonError(message)
    return person, password_hash


def _existing(connection: Connection, name: str) -> tuple[Person, str | None]:
    row = _row(connection, name)
    if row is None:
        message = f"There is no person named {name!r}. `assent people list` shows them."
        raise PersonNotFoundError(message)
    return _person(row), row.password_hash


def _changed(connection: Connection, name: str, **values: object) -> Person:
    statement = update(people).where(people.c.name == name).values(**values).returning(people)
    return _person(connection.execute(statement).one())


def _check_not_last_admin(connection: Connection, person: Person) -> None:
    admins = select(people.c.name).where(people.c.role == Role.ADMIN.value, people.c.disabled_at.is_(None))
    if set(connection.execute(admins).scalars()) == {person.name}:
        message = f"{person.name} is the only admin. Make another person an admin first."
        raise InvalidPersonError(message)


def _tell(  # noqa: PLR0913  each is one fact of the event
    connection: Connection, action: Action, person: Person, details: dict[str, str], *, by: str, at: datetime
) -> None:
    # Never told twice by a retry: whoever changes people is answered, and does not try again by itself.
    append_event(
        connection,
        AuditEvent(
            event_id=event_id(action, person.name, str(uuid4())),
            at=at,
            actor=by,
            action=action,
            details={"name": person.name, "role": person.role.value} | details,
        ),
    )


def _row(connection: Connection, name: str) -> Row[Any] | None:
    # What cannot be a name is nobody's, and may be text that a database refuses.
    found = select(people).where(people.c.name == name)
    return connection.execute(found).one_or_none() if is_name(name) else None


def _person(row: Row[Any]) -> Person:
    return Person(
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        created_by=row.created_by,
        disabled_at=row.disabled_at,
    )
