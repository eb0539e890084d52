"""What proves that a message came from an Assent API: an HMAC that whoever reaches Temporal cannot make.

Temporal authorizes nobody by itself. Every submission, decision and cancel therefore carries a signature over all that
it says, and the worker believes nothing without one.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from domain.frozen import Frozen

Unverified = Any
"""JSON from outside, whatever it holds, until it has been parsed and its signature has been checked."""


def unverified_text(content: Unverified, limit: int) -> str | None:
    """Return `content` as JSON text, or None when it is no JSON, or more than `limit` characters.

    As text it passes from the workflow to its activities whatever it holds; inside a message, content that cannot be
    written again, or is nested as deep as a parser goes, would fail the workflow for ever.
    """
    try:
        text = json.dumps(content)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= limit else None


class Signature(Frozen):
    """A MAC (HMAC-SHA-256, hexadecimal) and the id of the key that made it."""

    key_id: str
    mac: str


class SigningKeys:
    """The keys that API and worker share. The first one signs; all of them verify, so that a key can be rotated."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take `keys`, key id to secret, in order. At least one is needed."""
        if not keys:
            message = "At least one signing key is needed."
            raise ValueError(message)
        self._keys = dict(keys)
        self._signing_id = next(iter(self._keys))

    def sign(self, fields: Sequence[str]) -> Signature:
        """Sign `fields`, each length-prefixed, so that no two lists of fields share their bytes."""
        return Signature(key_id=self._signing_id, mac=self._mac(self._signing_id, fields))

    def verify(self, fields: Sequence[str], signature: Signature | None) -> bool:
        """Whether `signature` was made over exactly `fields` by one of these keys."""
        if signature is None or signature.key_id not in self._keys:
            return False
        return hmac.compare_digest(
            self._mac(signature.key_id, fields).encode(), signature.mac.encode("utf-8", "surrogatepass")
        )

    def _mac(self, key_id: str, fields: Sequence[str]) -> str:
        message = bytearray()
        for field in (key_id, *fields):
            encoded = field.encode("utf-8", "surrogatepass")
            message += len(encoded).to_bytes(4) + encoded
        return hmac.new(self._keys[key_id], bytes(message), hashlib.sha256).hexdigest()
