"""Signing in, staying signed in, signing out."""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address

from domain.clock import Clock
from domain.errors import SessionNotFoundError, SignInFailedError, TooManySignInsError
from domain.people import MAX_PASSWORD, Proof, Session, SessionEnd, Way, check_password, normalized
from domain.principal import Principal
from domain.results import storable
from services.passwords import Passwords, hash_password
from services.rate_limit import RateLimit
from services.tokens import hash_token, new_token
from storage.people import PeopleStore
from storage.sessions import SessionStore
from storage.sign_in_links import SignInLinkStore

LINK_LASTS = timedelta(minutes=15)

_LONGEST_CLIENT = 255
# One more than a name can have: what is cut is nobody's, and is counted all the same.
_LONGEST_NAME = 64
_SESSION_ID = re.compile(r"[0-9a-f]{16}")
_WRONG_PASSWORD = "The name or the password is wrong. Try again, or ask an admin for a new password."  # noqa: S105
_WRONG_LINK = "This link has been used, or its time is over. Sign in with your name and password."
_WRONG_OLD_PASSWORD = "The password that you have now is another one. Type it again."  # noqa: S105


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun, and its token, which only the browser keeps."""

    token: str = field(repr=False)
    session: Session


class SignInLimits:
    """How often a sign-in may be tried, in this process. Who is over one limit does not count against the next."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock in seconds that never go back."""
        self._of_address = RateLimit(30, clock)
        self._of_both = RateLimit(10, clock)
        self._of_name = RateLimit(60, clock)
        self._of_signed_in = RateLimit(10, clock)

    def take_address(self, address: str) -> None:
        """Count one try from `address`. Raises TooManySignInsError."""
        _check(self._of_address.take(_network_of(address)))

    def take(self, name: str, address: str) -> None:
        """Count one try of `name` from `address`. Raises TooManySignInsError."""
        self.take_address(address)
        _check(self._of_both.take(f"{name} {_network_of(address)}"))
        _check(self._of_name.take(name))

    def take_signed_in(self, name: str) -> None:
        """Count one try of the password of `name` in a session of theirs. Raises TooManySignInsError."""
        _check(self._of_signed_in.take(name))


class SignIn:
    """Turns a proof of who somebody is into a session, and keeps sessions.

    Every way to prove it (a password, a link; OpenID Connect would be another) ends in a `Proof`, and `_start_session`
    starts sessions from nothing else.
    """

    def __init__(  # noqa: PLR0913  each is one thing that a sign-in needs
        self,
        *,
        people: PeopleStore,
        sessions: SessionStore,
        links: SignInLinkStore,
        passwords: Passwords,
        limits: SignInLimits,
        clock: Clock,
    ) -> None:
        """Take the stored people, sessions and links, where passwords are compared, how often, and the clock."""
        self._people = people
        self._sessions = sessions
        self._links = links
        self._passwords = passwords
        self._limits = limits
        self._clock = clock

    async def by_password(self, name: str, password: str, *, client: str, address: str) -> SignedIn:
        """Sign in by name and password. Raises SignInFailedError, in the same words and time whatever is wrong.

        `client` is what the browser calls itself. Raises TooManySignInsError.
        """
        name = name.strip().lower()[:_LONGEST_NAME]
        self._limits.take(name, address)
        found = await asyncio.to_thread(self._people.find, name)
        person, password_hash = found or (None, None)
        typed = normalized(password)
        usable = person is not None and person.disabled_at is None and len(typed) <= MAX_PASSWORD
        matches = await self._passwords.matches(typed[:MAX_PASSWORD], password_hash if usable else None)
        if person is not None and matches:
            proof = Proof(name=person.name, way=Way.PASSWORD, password_hash=password_hash)
            if (signed_in := await self._start_session(proof, client)) is not None:
                return signed_in
        known = None if person is None else person.name
        await asyncio.to_thread(self._sessions.tell_refused, Way.PASSWORD, known, at=self._clock())
        raise SignInFailedError(_WRONG_PASSWORD)

    async def by_link(self, token: str, *, client: str, address: str) -> SignedIn:
        """Sign in by a link, which is used up. Raises SignInFailedError or TooManySignInsError."""
        self._limits.take_address(address)
        proof = await asyncio.to_thread(self._links.use, hash_token(token), at=self._clock())
        if proof is not None and (signed_in := await self._start_session(proof, client)) is not None:
            return signed_in
        known = None if proof is None else proof.name
        await asyncio.to_thread(self._sessions.tell_refused, Way.LINK, known, at=self._clock())
        raise SignInFailedError(_WRONG_LINK)

    async def session(self, token: str, *, used: bool = True) -> Session | None:
        """Return the session of a token, or None when it is not in force, with the role that the person has now.

        `used`: False for what a page asks by itself, so that one left open does not keep the session from ending.
        """
        now = self._clock()
        session = await asyncio.to_thread(self._sessions.find, hash_token(token), at=now)
        if session is not None and used:
            await asyncio.to_thread(self._sessions.touch, session, at=now)
        return session

    async def sign_out(self, session: Session) -> None:
        """End a session. One that has ended stays so."""
        await self._end(session.principal, session.session_id, SessionEnd.SIGNED_OUT)

    async def sessions_of(self, principal: Principal) -> list[Session]:
        """Return the principal's own sessions that are in force, the newest first."""
        return await asyncio.to_thread(self._sessions.of_person, principal.name, at=self._clock())

    async def end(self, principal: Principal, session_id: str) -> None:
        """End one of the principal's own sessions. Raises SessionNotFoundError."""
        is_one = _SESSION_ID.fullmatch(session_id) is not None
        if not (is_one and await self._end(principal, session_id, SessionEnd.REVOKED)):
            message = "None of your sessions has this id. It may have ended already."
            raise SessionNotFoundError(message)

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Give the session's person another password, and end their other sessions.

        Raises SignInFailedError when `old` is wrong, InvalidPersonError or TooManySignInsError.
        """
        name = session.principal.name
        self._limits.take_signed_in(name)
        check_password(new, name)
        found = await asyncio.to_thread(self._people.find, name)
        password_hash = None if found is None else found[1]
        typed = normalized(old)[:MAX_PASSWORD]
        if password_hash is None or not await self._passwords.matches(typed, password_hash):
            # As a wrong password at the door: somebody may be guessing in a session that is not theirs.
            await asyncio.to_thread(self._sessions.tell_refused, Way.PASSWORD, name, at=self._clock())
            raise SignInFailedError(_WRONG_OLD_PASSWORD)

        def change() -> bool:
            return self._people.set_password(
                name,
                hash_password(new),
                by=str(session.principal),
                at=self._clock(),
                instead_of=password_hash,
                keep=session.session_id,
            )

        if not await self._passwords.in_turn(change):
            raise SignInFailedError(_WRONG_OLD_PASSWORD)

    async def _start_session(self, proof: Proof, client: str) -> SignedIn | None:
        """Start a session for whoever has proven who they are; None when they may no longer have one."""
        token = new_token()
        session = await asyncio.to_thread(
            self._sessions.start,
            proof,
            hash_token(token),
            session_id=secrets.token_hex(8),
            client=storable(client, limit=_LONGEST_CLIENT),
            at=self._clock(),
        )
        return None if session is None else SignedIn(token, session)

    async def _end(self, principal: Principal, session_id: str, why: SessionEnd) -> bool:
        return await asyncio.to_thread(
            self._sessions.end, session_id, principal.name, why, by=str(principal), at=self._clock()
        )


def make_link(links: SignInLinkStore, name: str, *, clock: Clock) -> str:
    """Make a link that signs a person in once, within 15 minutes; return its token."""
    token, now = new_token(), clock()
    links.add(hash_token(token), name, at=now, expires_at=now + LINK_LASTS)
    return token


def _network_of(address: str) -> str:
    """Return what tries are counted by: an IPv4 address, or the /64 that one subscriber of IPv6 has to themselves."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004  the protocol's version
        return address
    return str(found.ipv4_mapped or f"{int(found) >> 64:x}::/64")


def _check(seconds: int | None) -> None:
    if seconds is not None:
        message = f"Too many sign-ins were tried. Try again in {seconds} s."
        raise TooManySignInsError(message, retry_after=seconds)
