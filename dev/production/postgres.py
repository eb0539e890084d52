"""A PostgreSQL server of our own, set up as the compose file sets up its own."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config.errors import StartError
from dev.child import Child
from dev.ports import Port
from dev.postgres_programs import SUPERUSER, PostgresPrograms
from dev.process import Process, Program
from dev.production.compose import ComposeFile
from dev.terminal import Terminal

READY_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.1

_DATA = "postgresql"
_LOG = "postgresql.log"
_COPIES = "programs"
# Written last: data without it are of a first start that did not come to its end, and hold nothing yet.
_DONE = "postgresql.ready"


@dataclass(frozen=True)
class OwnPostgres:
    """One server: where it listens, where its data and its log are, its programs, and what the compose file says."""

    port: Port
    folder: Path
    programs: PostgresPrograms
    compose: ComposeFile

    @property
    def address(self) -> str:
        """The address that clients connect to."""
        return f"{self.port.host}:{self.port.number}"

    @classmethod
    def prepared(cls, port: Port, folder: Path, compose: ComposeFile) -> "OwnPostgres":
        """Return one with a cluster, which is made unless a start before has done so. Raises StartError."""
        own = cls(port, folder, PostgresPrograms.find(folder / _COPIES), compose)
        if own.programs.user is not None:
            # The data belong to that user, who must be able to pass.
            folder.chmod(0o711)
        if not (folder / _DONE).exists():
            own._initialise()
        return own

    def _initialise(self) -> None:
        data = self.folder / _DATA
        if data.exists():
            shutil.rmtree(data)
        password = self.folder / ".password"
        password.write_text(self._settings["POSTGRES_PASSWORD"], encoding="utf-8")
        try:
            if self.programs.user is not None:
                shutil.chown(password, self.programs.user)
            password.chmod(0o600)
            self.programs.initialise(data, "--auth", "scram-sha-256", "--pwfile", str(password))
        finally:
            password.unlink()

    def program(self) -> Program:
        """Return the server as a program, with the options that the compose file gives it."""
        return Program(
            "postgresql",
            (
                *(str(self.programs.folder / "postgres"), "-D", str(self.folder / _DATA), "-p", str(self.port.number)),
                *("-c", f"listen_addresses={self.port.host}", "-c", "unix_socket_directories="),
                *self.compose.services["postgresql"].command[1:],
            ),
            os.environ,
            log=self.folder / _LOG,
            user=self.programs.user,
            # Its fast shutdown: it does not wait for whoever is still connected.
            stop_signal=signal.SIGINT,
        )

    async def until_it_answers(self, child: Child) -> None:
        """Return once it takes connections. Raises StartError when it ends, or takes too long."""
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while not await asyncio.to_thread(self._answers):
            if child.exit_code is not None or asyncio.get_running_loop().time() > deadline:
                message = f"PostgreSQL did not start; {self.folder / _LOG} says why."
                raise StartError(message)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def make_databases(self, terminal: Terminal) -> None:
        """Run the compose file's script that makes the roles and databases, once. Raises StartError."""
        done = self.folder / _DONE
        if done.exists():
            return
        environment = {
            **os.environ,
            **self._settings,
            "PATH": f"{self.programs.folder}{os.pathsep}{os.environ['PATH']}",
            # What psql finds by itself in the container.
            "PGHOST": self.port.host,
            "PGPORT": str(self.port.number),
            "PGPASSWORD": self._settings["POSTGRES_PASSWORD"],
        }
        script = self.compose.configs["databases"]
        process = await Process.start(Program("databases", ("sh", "-ec", script), environment), terminal)
        try:
            code = await process.ended()
        finally:
            process.kill()
        if code != 0:
            message = "The databases could not be made; what was said is above."
            raise StartError(message)
        done.touch()

    @property
    def _settings(self) -> Mapping[str, str]:
        return self.compose.services["postgresql"].environment

    def _answers(self) -> bool:
        try:
            psycopg.connect(
                host=self.port.host,
                port=self.port.number,
                user=SUPERUSER,
                password=self._settings["POSTGRES_PASSWORD"],
                dbname="postgres",
                connect_timeout=2,
            ).close()
        except psycopg.OperationalError:
            return False
        return True
