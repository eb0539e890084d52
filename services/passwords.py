"""Passwords: hashed slowly on purpose, a few at a time, so that sign-ins never take the machine."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

from pwdlib import PasswordHash

from domain.errors import TooManySignInsError
from domain.people import normalized

AT_ONCE = 2
WAITING = 20

_RETRY_SECONDS = 5
# Without letters and digits that look alike: it is read from a screen and typed on a phone.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"

Result = TypeVar("Result")


def generated_password() -> str:
    """Return a password of 100 random bits, such as `k7m2q-9xw4t-hb3ce-u8npz`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters. Takes about 0.1 s and 64 MB."""
    return PasswordHash.recommended().hash(_encoded(password))


class Passwords:
    """Hashes and compares in threads: two at once, twenty waiting, and whoever comes then is sent away."""

    def __init__(self) -> None:
        """Make the hash that nobody's password has."""
        self._nobodys = hash_password(generated_password())
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._inside = 0

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is of this password. Without a hash it takes as long, and is never so."""

        def compare() -> bool:
            same = PasswordHash.recommended().verify(_encoded(password), password_hash or self._nobodys)
            return same and password_hash is not None

        return await self.in_turn(compare)

    async def in_turn(self, hashing: Callable[[], Result]) -> Result:
        """Run what hashes a password in a thread, when its turn comes. Raises TooManySignInsError."""
        if self._inside >= AT_ONCE + WAITING:
            message = f"Too many people are signing in at this moment. Try again in {_RETRY_SECONDS} s."
            raise TooManySignInsError(message, retry_after=_RETRY_SECONDS)
        self._inside += 1
        try:
            async with self._at_once:
                return await asyncio.to_thread(hashing)
        finally:
            self._inside -= 1


def _encoded(password: str) -> bytes:
    # A form or a variable may bring what is not text: such a password has a hash too, and is never another's.
    return normalized(password).encode("utf-8", "surrogatepass")
