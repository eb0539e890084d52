"""What a start of `assent dev` makes, so that the first approval needs no set-up: keys, a person, a sign-in link."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from assent.models import CreatedKey, NewKey, Role
from config.settings import Settings
from domain.errors import NameTakenError
from domain.people import FIRST_PERSON
from services.keys import make_key
from services.people import make_person
from services.sign_in import make_link
from services.wiring import system_clock
from storage.database import Database
from storage.keys import KeyStore
from storage.people import PeopleStore
from storage.sign_in_links import SignInLinkStore

_BY = "system:dev"
_KEYS = (NewKey(name="dev-agent", role=Role.AGENT), NewKey(name="dev-reviewer", role=Role.REVIEWER))


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is shown this once.

    `keys` and `password` are there on the first start: the password of the person `admin`, unless the settings gave it.
    `link` is the token of a link that signs `admin` in, or None when there is no such person to let in.
    """

    keys: Sequence[CreatedKey] = ()
    password: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)


def welcome(settings: Settings) -> Welcome:
    """Make keys when no key was ever made, the first person when nobody was, and a link. Raises InvalidPersonError."""
    database = Database(settings.database_url)
    try:
        people = PeopleStore(database)
        password = _first_person(people, settings) if people.count() == 0 else None
        return Welcome(_first_keys(KeyStore(database)), password, _link(people, SignInLinkStore(database)))
    finally:
        database.close()


def _first_keys(keys: KeyStore) -> list[CreatedKey]:
    if keys.count():
        return []
    return [make_key(keys, wanted, created_by=_BY, clock=system_clock) for wanted in _KEYS]


def _first_person(people: PeopleStore, settings: Settings) -> str | None:
    """Add `admin`; return the password when it was generated. Where a key has the name, nobody is added."""
    given = None if settings.admin_password is None else settings.admin_password.get_secret_value()
    try:
        made = make_person(people, FIRST_PERSON, Role.ADMIN, created_by=_BY, clock=system_clock, password=given)
    except NameTakenError:
        return None
    return made.password if given is None else None


def _link(people: PeopleStore, links: SignInLinkStore) -> str | None:
    found = people.find(FIRST_PERSON)
    if found is None or found[0].disabled_at is not None:
        return None
    return make_link(links, FIRST_PERSON, clock=system_clock)
