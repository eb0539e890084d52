"""The folder that holds all state of `assent dev`, and the signing key that is kept in it."""

import contextlib
import os
from pathlib import Path

from config.errors import StartError
from config.signing_keys import make_signing_key

SIGNING_KEY_FILE = "signing.key"
TEMPORAL_DATABASE_FILE = "temporal.db"
TEMPORAL_LOG_FILE = "temporal.log"

_OWNER_ONLY = 0o600


def prepare_data_folder(folder: Path) -> None:
    """Make `folder`, for its owner only, when it is missing. Raises StartError when it cannot be written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"The data folder {folder} cannot be made ({error.strerror}): choose another by --data-dir."
        raise StartError(message) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"The data folder {folder} cannot be written to: change its owner, or choose another by --data-dir."
        raise StartError(message)


def keep_signing_key(folder: Path) -> Path:
    """Return the file with the signing key, made on the first start and readable by its owner only."""
    path = folder / SIGNING_KEY_FILE
    if not path.exists():
        _write_once(path, make_signing_key("dev"))
    path.chmod(_OWNER_ONLY)
    return path


def _write_once(path: Path, text: str) -> None:
    """Put the whole of `text` at `path`, unless another process was first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY), "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
