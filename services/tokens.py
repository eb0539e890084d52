"""Secrets that are made at random and kept as hashes: of keys, of sessions, of sign-in links."""

import hashlib
import secrets


def new_token() -> str:
    """Return a secret of 256 random bits, 43 characters that fit a header, a cookie and a path."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, in hex. A token has 256 random bits: a slow hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
