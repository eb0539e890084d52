"""Canonical JSON and digests, so that anyone can compute the same bytes.

Source: RFC 8785 (JSON Canonicalization Scheme).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Return `value` as RFC 8785 bytes. Integers beyond 2^53-1 and non-finite numbers raise ValueError."""
    return rfc8785.dumps(dict(value))


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))
