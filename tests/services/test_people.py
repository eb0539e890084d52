"""Who manages people, and what becomes of those who are managed."""

from collections.abc import Iterator

import pytest

from assent.models import Role
from domain.errors import InvalidPersonError, NameTakenError, RoleNotAllowedError
from domain.principal import Principal
from storage.database import Database
from tests.services.front_door import FrontDoor

ROOT = Principal(name="root", role=Role.ADMIN)


@pytest.fixture
def door(sqlite_url: str) -> Iterator[FrontDoor]:
    """A way in, for Root the admin and for Ada."""
    database = Database(sqlite_url)
    door = FrontDoor(database)
    door.add("root", Role.ADMIN)
    door.add("ada")
    yield door
    database.close()


async def test_an_admin_adds_people(door: FrontDoor) -> None:
    """Who sign in with the password that was made for them, which is shown this once."""
    made = await door.people.add(ROOT, "eve", Role.AUDITOR)
    assert (made.person.name, made.person.created_by) == ("eve", "admin:root")
    assert made.password not in repr(made)
    assert (await door.enter("eve", made.password)).session.principal == Principal(name="eve", role=Role.AUDITOR)
    again = await door.people.add(ROOT, "fay", Role.AUDITOR)
    assert again.password != made.password
    with pytest.raises(NameTakenError):
        await door.people.add(ROOT, "eve", Role.REVIEWER)
    with pytest.raises(InvalidPersonError):
        await door.people.add(ROOT, "gil", Role.AGENT)


async def test_an_admin_gives_another_role(door: FrontDoor) -> None:
    """It counts in the sessions that are open; an agent's role is none for a person."""
    signed_in = await door.enter("ada")
    await door.people.change_role(ROOT, "ada", Role.AUDITOR)
    session = await door.sign_in.session(signed_in.token)
    assert session is not None
    assert not session.principal.may_decide
    with pytest.raises(InvalidPersonError):
        await door.people.change_role(ROOT, "ada", Role.AGENT)


async def test_an_admin_gives_a_new_password(door: FrontDoor) -> None:
    """It is the only one that is good, and what began by the old one has ended."""
    signed_in = await door.enter("ada")
    password = await door.people.reset_password(ROOT, "ada")
    assert await door.sign_in.session(signed_in.token) is None
    await door.enter("ada", password)


async def test_an_admin_disables(door: FrontDoor) -> None:
    """At once; the only admin can't leave, and is told what to do."""
    signed_in = await door.enter("ada")
    assert (await door.people.disable(ROOT, "ada")).disabled_at == door.now
    assert await door.sign_in.session(signed_in.token) is None
    assert door.cancelled == 1
    with pytest.raises(InvalidPersonError, match="Make another person an admin first"):
        await door.people.disable(ROOT, "root")


@pytest.mark.parametrize("role", [Role.AGENT, Role.REVIEWER, Role.AUDITOR])
async def test_nobody_else_manages_people(door: FrontDoor, role: Role) -> None:
    """Auditors list them; the others do not even that. Nothing is changed."""
    other = Principal(name="other", role=role)
    before = door.store.all()
    for refused in (
        door.people.add(other, "eve", Role.AUDITOR),
        door.people.change_role(other, "ada", Role.ADMIN),
        door.people.reset_password(other, "ada"),
        door.people.disable(other, "ada"),
    ):
        with pytest.raises(RoleNotAllowedError):
            await refused
    if role is Role.AUDITOR:
        assert await door.people.all(other) == before
    else:
        with pytest.raises(RoleNotAllowedError):
            await door.people.all(other)
    assert await door.people.all(ROOT) == before
    assert door.passwords.times == 0
    await door.enter("ada")
