"""What a start of `assent dev` makes: secrets once, a link each time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from assent.models import NewKey, Role
from config.settings import Settings
from services.first_run import welcome
from services.keys import make_key
from services.passwords import Passwords
from services.tokens import hash_token
from services.wiring import system_clock
from storage.database import Database
from storage.keys import KeyStore
from storage.people import PeopleStore
from storage.sign_in_links import SignInLinkStore
from tests.storage.builders import make_person


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=sqlite_url)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url)
    yield database
    database.close()


async def test_the_first_start_makes_everything_that_a_try_needs(settings: Settings, database: Database) -> None:
    """Two keys, and an admin who signs in by the password or by the link."""
    first = welcome(settings)
    assert [(key.name, key.role) for key in first.keys] == [("dev-agent", "agent"), ("dev-reviewer", "reviewer")]
    assert first.password is not None
    assert first.link is not None
    found = PeopleStore(database).find("admin")
    assert found is not None
    person, password_hash = found
    assert (person.role, person.created_by) == (Role.ADMIN, "system:dev")
    assert await Passwords().matches(first.password, password_hash)
    proof = SignInLinkStore(database).use(hash_token(first.link), at=system_clock())
    assert proof is not None
    assert proof.name == "admin"
    assert first.password not in repr(first)
    assert first.link not in repr(first)


async def test_later_starts_make_a_link_alone(settings: Settings, database: Database) -> None:
    """The password and the keys stay what they are, whatever the settings say now."""
    first = welcome(settings)
    before = PeopleStore(database).find("admin"), KeyStore(database).all()
    second = welcome(settings.model_copy(update={"admin_password": SecretStr("another one")}))
    assert (second.keys, second.password) == ([], None)
    assert second.link not in (None, first.link)
    assert (PeopleStore(database).find("admin"), KeyStore(database).all()) == before


async def test_the_settings_may_give_the_password(settings: Settings, database: Database) -> None:
    """It is not shown: whoever set it knows it."""
    first = welcome(settings.model_copy(update={"admin_password": SecretStr("correct horse")}))
    assert first.password is None
    assert first.link is not None
    found = PeopleStore(database).find("admin")
    assert found is not None
    assert await Passwords().matches("correct horse", found[1])


def test_a_folder_of_the_release_before_gets_its_person(settings: Settings, database: Database) -> None:
    """Keys are there, and stay; the first person is made all the same."""
    make_key(KeyStore(database), NewKey(name="old", role=Role.AGENT), created_by="x", clock=system_clock)
    first = welcome(settings)
    assert first.keys == []
    assert first.password is not None


def test_a_key_that_has_the_name_keeps_it(settings: Settings, database: Database) -> None:
    """The start goes on without a person and a link."""
    make_key(KeyStore(database), NewKey(name="admin", role=Role.ADMIN), created_by="x", clock=system_clock)
    first = welcome(settings)
    assert (first.password, first.link) == (None, None)
    assert PeopleStore(database).count() == 0


def test_a_disabled_first_person_gets_no_link(settings: Settings, database: Database) -> None:
    """And is not made again."""
    welcome(settings)
    people = PeopleStore(database)
    people.add(make_person("ada", Role.ADMIN), None)
    people.disable("admin", by="admin:ada", at=system_clock())
    again = welcome(settings)
    assert (again.password, again.link) == (None, None)
