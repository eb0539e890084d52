"""People: added, given other roles and passwords, disabled. An admin does this, or whoever has the database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from assent.models import Role
from domain.clock import Clock
from domain.errors import RoleNotAllowedError
from domain.people import Person, check_password, check_role, new_person
from domain.principal import Principal
from services.passwords import Passwords, generated_password, hash_password
from storage.people import PeopleStore

_MAY_LIST = (Role.ADMIN, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class PersonWithPassword:
    """A person and the password that they sign in with, which is shown this once."""

    person: Person
    password: str = field(repr=False)


class People:
    """The people who sign in, as a caller may see and change them."""

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords,
        clock: Clock,
        *,
        cancel_for_revoked: Callable[[], Awaitable[None]],
    ) -> None:
        """Take the stored people, where passwords are hashed, the clock, and what is done after keys were revoked."""
        self._cancel_for_revoked = cancel_for_revoked
        self._store = store
        self._passwords = passwords
        self._clock = clock

    async def add(self, principal: Principal, name: str, role: Role) -> PersonWithPassword:
        """Add a person. Raises RoleNotAllowedError, InvalidPersonError, NameTakenError or TooManySignInsError."""
        _check_admin(principal)

        def make() -> PersonWithPassword:
            return make_person(self._store, name, role, created_by=str(principal), clock=self._clock)

        return await self._passwords.in_turn(make)

    async def all(self, principal: Principal) -> list[Person]:
        """Return every person, disabled ones too, by name. Raises RoleNotAllowedError."""
        if principal.role not in _MAY_LIST:
            message = f"The role {principal.role.value} does not list people. An admin or an auditor does."
            raise RoleNotAllowedError(message)
        return await asyncio.to_thread(self._store.all)

    async def change_role(self, principal: Principal, name: str, role: Role) -> Person:
        """Give a person another role, at once. The only admin stays one.

        Raises RoleNotAllowedError, InvalidPersonError or PersonNotFoundError.
        """
        _check_admin(principal)
        check_role(role)
        return await asyncio.to_thread(self._store.change_role, name, role, by=str(principal), at=self._clock())

    async def reset_password(self, principal: Principal, name: str) -> str:
        """Give a person a new password, which is returned this once; end their sessions.

        Raises RoleNotAllowedError, InvalidPersonError, PersonNotFoundError or TooManySignInsError.
        """
        _check_admin(principal)

        def reset() -> str:
            return reset_password(self._store, name, by=str(principal), clock=self._clock)

        return await self._passwords.in_turn(reset)

    async def disable(self, principal: Principal, name: str) -> Person:
        """Let a person in no more, end their sessions, and revoke the keys that they own, save those of agents.

        What those keys have pending is cancelled. When Temporal does not answer, the person is disabled all the same:
        disable them again to send the cancels. Raises RoleNotAllowedError, PersonNotFoundError,
        TemporalUnavailableError, or InvalidPersonError for the only admin.
        """
        _check_admin(principal)
        person = await asyncio.to_thread(self._store.disable, name, by=str(principal), at=self._clock())
        await self._cancel_for_revoked()
        return person


def make_person(  # noqa: PLR0913  each is one fact of the person
    store: PeopleStore, name: str, role: Role, *, created_by: str, clock: Clock, password: str | None = None
) -> PersonWithPassword:
    """Make a person, with a generated password unless one is given. Raises InvalidPersonError or NameTakenError."""
    person = new_person(name, role, by=created_by, at=clock())
    password = generated_password() if password is None else password
    check_password(password, name)
    store.add(person, hash_password(password))
    return PersonWithPassword(person, password)


def reset_password(store: PeopleStore, name: str, *, by: str, clock: Clock) -> str:
    """Give a person a generated password, and return it. Raises InvalidPersonError or PersonNotFoundError."""
    password = generated_password()
    store.set_password(name, hash_password(password), by=by, at=clock())
    return password


def _check_admin(principal: Principal) -> None:
    if principal.role is not Role.ADMIN:
        message = f"The role {principal.role.value} does not manage people. Ask an admin."
        raise RoleNotAllowedError(message)
