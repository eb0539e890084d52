"""How signing keys are written: `<key id>:<base64url of 32 bytes>`, separated by commas."""

import base64
import re
import secrets

KEY_BYTES = 32
FORM = "<key id>:<base64url of 32 random bytes>, or several of these separated by commas"
HOW_TO_MAKE = """python3 -c 'import secrets; print("k1:" + secrets.token_urlsafe(32))'"""

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


def parse_signing_keys(written: str) -> dict[str, bytes]:
    """Return key id to secret, in the order written. Raises ValueError, which never repeats a secret."""
    keys: dict[str, bytes] = {}
    for number, entry in enumerate((part.strip() for part in written.split(",")), start=1):
        key_id, colon, encoded = entry.partition(":")
        if not colon or not _KEY_ID.fullmatch(key_id):
            message = f"entry {number} does not begin with a key id (letters, digits, '.', '_', '-') and a colon"
            raise ValueError(message)
        if key_id in keys:
            message = f"the key id {key_id} is there twice"
            raise ValueError(message)
        keys[key_id] = _secret(key_id, encoded)
    return keys


def make_signing_key(key_id: str) -> str:
    """Return a fresh signing key, as it is written in the setting."""
    return f"{key_id}:{secrets.token_urlsafe(KEY_BYTES)}"


def _secret(key_id: str, encoded: str) -> bytes:
    unpadded = encoded.rstrip("=")
    if not _BASE64URL.fullmatch(encoded) or len(unpadded) % 4 == 1:
        message = f"the key {key_id} is not base64url"
        raise ValueError(message)
    secret = base64.urlsafe_b64decode(unpadded + "=" * (-len(unpadded) % 4))
    if len(secret) != KEY_BYTES:
        message = f"the key {key_id} has {len(secret)} bytes instead of {KEY_BYTES}"
        raise ValueError(message)
    return secret
