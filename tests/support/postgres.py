"""A real PostgreSQL: one database is migrated once, and each test gets a clone."""

import itertools
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from dev.postgres_programs import SUPERUSER, PostgresPrograms
from storage import migrate
from tests.support.eventually import wait_until
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program

READY_SECONDS = 30.0

# Measured: a clone takes 50 ms in memory, and up to 600 ms on a busy disk.
_MEMORY = Path("/dev/shm")  # noqa: S108  the folder inside it is made by mkdtemp
_ROOM_BYTES = 1_000_000_000

_TEMPLATE = "assent_template"

_REACHED_BY = {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}
# The data lives as long as the tests: a crash of the machine may take it.
_QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


class PostgresServer:
    """A server with a data folder and a port of its own, which keeps both when it is stopped and started again."""

    def __init__(self, *, durable: bool = False) -> None:
        """Make the data folder, outside pytest's, into which only we may look. Start nothing yet.

        A durable one has its data on a disk, and PostgreSQL's own settings, as in production.
        """
        self._configuration = _REACHED_BY | ({} if durable else _QUICK)
        self._folder = Path(tempfile.mkdtemp(prefix="assent-postgres-", dir=None if durable else _roomy_memory()))
        # Not beside the data: what is in memory may not be executed everywhere.
        self._copies = Path(tempfile.mkdtemp(prefix="assent-postgres-programs-"))
        self._data = self._folder / "data"
        self._port = free_port()
        self._program: Program | None = None
        self._has_template = False
        self._numbers = itertools.count(1)
        try:
            self._folder.chmod(0o755)
            self._programs = PostgresPrograms.find(self._copies)
            self._programs.initialise(self._data, "--auth", "trust", "--no-sync")
        except BaseException:
            self._delete()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        if self._program is None:
            message = "PostgreSQL has not been started."
            raise RuntimeError(message)
        return self._program.pid

    def start(self) -> None:
        """Start it and wait until it answers; a server that runs is left as it is."""
        if self._program is not None and self._program.exit_code is None:
            return
        program = Program(
            "postgres",
            [
                *(str(self._programs.folder / "postgres"), "-D", str(self._data), "-p", str(self._port)),
                *(word for name, value in self._configuration.items() for word in ("-c", f"{name}={value}")),
            ],
            log=self._folder / "log",
            user=self._programs.user,
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

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Give the URL of a database without tables, and drop it afterwards; starts the server where it is down."""
        self.start()
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {}", name)
        try:
            yield self._url(name)
        finally:
            self.start()
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's own programs; AssertionError with what it said when it fails."""
        command = [str(self._programs.folder / program), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own command
        assert done.returncode == 0, done.stderr

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{SUPERUSER}@{LOOPBACK}:{self._port}/{database}"

    def _execute(self, statement: str, *names: str) -> None:
        with self._administer() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def _administer(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            host=LOOPBACK, port=self._port, user=SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=2
        ) as connection:
            yield connection

    def _delete(self) -> None:
        shutil.rmtree(self._folder)
        shutil.rmtree(self._copies)


def _roomy_memory() -> Path | None:
    """Return the file system in memory if there is one with room, else None; containers may have one of a few MB."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None
