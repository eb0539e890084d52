"""Sign-ins on a real database, with clocks that are set by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from typing_extensions import override

from assent.models import AuditEvent, Role
from services.passwords import Passwords, hash_password
from services.people import People
from services.sign_in import SignedIn, SignIn, SignInLimits, make_link
from storage.audit import read_events
from storage.database import Database
from storage.people import PeopleStore
from storage.sessions import SessionStore
from storage.sign_in_links import SignInLinkStore
from tests.storage.builders import make_person

Result = TypeVar("Result")

PASSWORD = "correct horse"  # noqa: S105  of nobody
CLIENT, ADDRESS = "Firefox on Ada's desk", "192.0.2.1"
# Slow on purpose, so it is made once for all the people here.
_HASH = hash_password(PASSWORD)


class CountedPasswords(Passwords):
    """Hashes as always, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    @override
    async def in_turn(self, hashing: Callable[[], Result]) -> Result:
        self.times += 1
        return await super().in_turn(hashing)


@dataclass
class FrontDoor:
    """The way in: `now` is the time of the record, `seconds` that of the limits."""

    database: Database
    now: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    seconds: float = 100.0
    passwords: CountedPasswords = field(default_factory=CountedPasswords)
    cancelled: int = 0
    sign_in: SignIn = field(init=False)
    people: People = field(init=False)

    def __post_init__(self) -> None:
        self.people = People(self.store, self.passwords, self._now, cancel_for_revoked=self._cancel)
        self.sign_in = SignIn(
            people=self.store,
            sessions=SessionStore(self.database, idle=timedelta(hours=1), longest=timedelta(days=1)),
            links=SignInLinkStore(self.database),
            passwords=self.passwords,
            limits=SignInLimits(lambda: self.seconds),
            clock=self._now,
        )

    async def _cancel(self) -> None:
        self.cancelled += 1

    def _now(self) -> datetime:
        return self.now

    @property
    def store(self) -> PeopleStore:
        """The stored people."""
        return PeopleStore(self.database)

    def add(self, name: str, role: Role = Role.REVIEWER) -> None:
        """Add a person with the password of all people here."""
        self.store.add(make_person(name, role), _HASH)

    def link(self, name: str) -> str:
        """Make a sign-in link; return its token."""
        return make_link(SignInLinkStore(self.database), name, clock=self._now)

    async def enter(self, name: str = "ada", password: str = PASSWORD, *, address: str = ADDRESS) -> SignedIn:
        """Sign in by password."""
        return await self.sign_in.by_password(name, password, client=CLIENT, address=address)

    def events(self, action: str) -> list[AuditEvent]:
        """Return the events of one action, the oldest first."""
        with self.database.read() as connection:
            return [line for _, line in read_events(connection, action=action, limit=1_000)]
