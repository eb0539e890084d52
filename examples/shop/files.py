"""Files that the shop writes: whole or not at all, readable by their owner only, one per idempotency key."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from examples.shop.store import shop_folder

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def file_for(folder: str, idempotency_key: str, suffix: str) -> Path:
    """Return the path of the key's own file in the shop's `folder`, which exists afterwards.

    A key that is not a safe name on every file system is replaced by its digest, which no safe name can equal.
    """
    name = idempotency_key
    if _SAFE_NAME.fullmatch(name) is None:
        name = f"sha256-{hashlib.sha256(idempotency_key.encode()).hexdigest()}"
    path = shop_folder() / folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: nobody ever sees half of it, not even after a power cut."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
