"""Keys: proving who calls, making new ones, revoking them at once."""

import asyncio
import hmac
import re
import secrets

from assent.models import CreatedKey, Key, NewKey, Role
from domain.clock import Clock
from domain.errors import NameTakenError, NotAuthenticatedError, RoleNotAllowedError
from domain.principal import AUTOMATION, Principal
from services.cancellations import Cancellations
from services.tokens import hash_token, new_token
from storage.keys import KeyStore

_WRITTEN = re.compile(r"asn_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_INVALID = "This key is not valid. Send a key as `Authorization: Bearer asn_…`; an admin makes one by POST /v1/keys."


class Keys:
    """Authenticates callers and manages keys."""

    def __init__(self, store: KeyStore, cancellations: Cancellations, clock: Clock, admin_key: str | None) -> None:
        """Take the stored keys, the cancels that a revocation sends, and the admin key of the platform (or None)."""
        self._store = store
        self._cancellations = cancellations
        self._clock = clock
        self._admin_hash = None if admin_key is None else hash_token(admin_key)

    async def authenticate(self, token: str) -> Principal:
        """Return the holder of a key. Raises NotAuthenticatedError, in the same words whatever is wrong."""
        token_hash = hash_token(token)
        if self._admin_hash is not None and hmac.compare_digest(self._admin_hash, token_hash):
            return Principal(name=AUTOMATION, role=Role.ADMIN)
        written = _WRITTEN.fullmatch(token)
        found = None if written is None else await asyncio.to_thread(self._store.find, written.group(1))
        if found is None or not hmac.compare_digest(found[1], token_hash):
            raise NotAuthenticatedError(_INVALID)
        key = found[0]
        return Principal(name=key.name, role=key.role, owner=key.owner)

    async def create(self, principal: Principal, wanted: NewKey) -> CreatedKey:
        """Make a key and return it with its secret, this once. Raises RoleNotAllowedError or NameTakenError."""
        _check_admin(principal)
        return await asyncio.to_thread(make_key, self._store, wanted, created_by=str(principal), clock=self._clock)

    async def all(self, principal: Principal) -> list[Key]:
        """Return every key, without secrets, to admins and auditors. Raises RoleNotAllowedError."""
        if principal.role is not Role.AUDITOR:
            _check_admin(principal)
        return await asyncio.to_thread(self._store.all)

    async def revoke(self, principal: Principal, key_id: str) -> Key:
        """Revoke a key at once, and cancel what its agent has pending. Raises RoleNotAllowedError or KeyNotFoundError.

        When Temporal does not answer, the key is revoked all the same: revoke it again to send the cancels.
        """
        _check_admin(principal)
        key = await asyncio.to_thread(self._store.revoke, key_id, by=str(principal), at=self._clock())
        await self._cancellations.cancel_for_revoked_agents()
        return key


def make_key(store: KeyStore, wanted: NewKey, *, created_by: str, clock: Clock) -> CreatedKey:
    """Make a key of 256 random bits; only its hash is kept. Raises NameTakenError."""
    if wanted.name == AUTOMATION:
        message = f"The name {AUTOMATION!r} belongs to the platform's own admin key. Choose another."
        raise NameTakenError(message)
    key_id = secrets.token_hex(8)
    written = f"asn_{key_id}_{new_token()}"
    key = Key(
        id=key_id, name=wanted.name, role=wanted.role, owner=wanted.owner, created_at=clock(), created_by=created_by
    )
    store.add(key, hash_token(written))
    return CreatedKey(**key.model_dump(), key=written)


def _check_admin(principal: Principal) -> None:
    if principal.role is not Role.ADMIN:
        message = f"A key with the role {principal.role.value} does not manage keys. Use an admin's key."
        raise RoleNotAllowedError(message)
