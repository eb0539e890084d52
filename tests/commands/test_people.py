"""`assent people`: what an operator does with direct access to the database."""

from collections.abc import Iterator

import pytest

from assent.models import Role
from cli import run_command
from services.passwords import Passwords
from storage.audit import read_events
from storage.database import Database
from storage.people import PeopleStore


@pytest.fixture(autouse=True)
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The commands' database, migrated and empty."""
    for name in ("ASSENT_SIGNING_KEYS", "ASSENT_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSENT_DATABASE_URL", sqlite_url)
    database = Database(sqlite_url)
    yield database
    database.close()


def out(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must work; return what it prints, all of it on standard output."""
    assert run_command(["people", *words]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


async def matches(database: Database, name: str, password: str) -> bool:
    found = PeopleStore(database).find(name)
    return found is not None and await Passwords().matches(password, found[1])


async def test_a_person_is_added_and_their_password_printed(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    """The password alone, so that a script can take it; a reviewer, unless more is said. No list shows it again."""
    password = out(capsys, "add", "ada").removesuffix("\n")
    assert await matches(database, "ada", password)
    out(capsys, "add", "root", "--role", "admin")
    people = PeopleStore(database).all()
    assert [(one.name, one.role, one.created_by) for one in people] == [
        ("ada", Role.REVIEWER, "operator:cli"),
        ("root", Role.ADMIN, "operator:cli"),
    ]
    listed = out(capsys, "list")
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [["ada", "reviewer"], ["root", "admin"]]
    assert password not in listed


async def test_a_new_password_takes_the_place_of_the_old_one(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    """It alone is printed, and it alone is good."""
    old = out(capsys, "add", "ada").strip()
    new = out(capsys, "password", "ada").removesuffix("\n")
    assert (await matches(database, "ada", old), await matches(database, "ada", new)) == (False, True)


def test_a_person_is_disabled(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    """The list says so, and the log who did it."""
    out(capsys, "add", "ada")
    assert out(capsys, "disable", "ada").startswith("ada is disabled and signed out.")
    (ada,) = PeopleStore(database).all()
    assert ada.disabled_at is not None
    assert f"{ada.disabled_at:%Y-%m-%d}" in out(capsys, "list").splitlines()[1].split()[-1]
    with database.read() as connection:
        told = [(line.action, line.actor) for _, line in read_events(connection, limit=10)]
    assert told == [("person.added", "operator:cli"), ("person.disabled", "operator:cli")]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("add Ada", "A name begins with a-z or 0-9"),
        ("add automation", "The name 'automation' belongs to the platform's own admin key"),
        ("add root", "The name 'root' is or was in use by a person."),
        ("add ada --role agent", 'Invalid value "agent" for --role'),
        ("disable root", "root is the only admin. Make another person an admin first."),
        ("disable nobody", "There is no person named 'nobody'."),
        ("password nobody", "There is no person named 'nobody'."),
    ],
)
def test_what_cannot_be_is_one_sentence(capsys: pytest.CaptureFixture[str], words: str, sentence: str) -> None:
    """On standard error, with exit code 1."""
    out(capsys, "add", "root", "--role", "admin")
    assert run_command(["people", *words.split()]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(sentence)
    assert len(shown.err.splitlines()) == 1
