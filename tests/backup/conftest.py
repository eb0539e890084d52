"""Backing up and restoring, by the commands of docs/backup.md."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from typing_extensions import override

from services.open_workflows import OpenWorkflows
from services.reconcile import Pace, Reconcile
from services.wiring import system_clock
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.processes import ROOT
from tests.support.stack import Stack

NOW = timedelta(0)

PAGE = (ROOT / "docs/backup.md").read_text(encoding="utf-8")


def documented(beginning: str, **places: str) -> list[str]:
    """Return the words of the page's command that begins so, with what its examples name replaced."""
    found = re.findall(rf"^{re.escape(beginning)}(?:.*\\\n)*.*$", PAGE, re.MULTILINE)
    assert len(found) == 1, (beginning, found)
    line = found[0].replace("\\\n", "")
    for example, ours in places.items():
        assert example in line, (example, line)
        line = line.replace(example, ours)
    return shlex.split(line)


def run(words: list[str]) -> None:
    """Run a command; AssertionError with what it said when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  our own command
    assert done.returncode == 0, done.stderr


async def closed(stack: Stack, approval: Mapping[str, Any]) -> str:
    """Hold the record against Temporal, as a worker does three times a minute, until it has closed the approval."""
    workflows = OpenWorkflows(stack.temporal, stack.settings.task_queue)
    reconcile = Reconcile(stack.database, workflows, system_clock, Pace(settled=NOW, doubt=NOW))

    async def status() -> str:
        await reconcile.sweep()
        return str((await stack.get(f"/v1/approvals/{approval['id']}")).json()["status"])

    return await eventually("it is closed", status, until=lambda seen: seen not in ("pending", "approved"), within=30)


class Keeper(Protocol):
    """One kind of database, with its backup in a file."""

    url: str

    def back_up(self) -> None:
        """Back the database up while it is used."""
        ...

    def restored(self) -> AbstractContextManager[str]:
        """Give the URL of a database that is restored from the backup."""
        ...


class SqliteKeeper(Keeper):
    """A file in `folder`."""

    def __init__(self, url: str, folder: Path, name: str = "assent") -> None:
        """Keep the backup of `<name>.db` in `folder`."""
        self.url = url
        self._folder, self._name = folder, name

    @override
    def back_up(self) -> None:
        run(
            documented(
                f"""python3 -c 'import sqlite3; sqlite3.connect("file:.assent/{self._name}.db""",
                **{
                    "python3": sys.executable,
                    ".assent/": f"{self._folder}/",
                    f"{self._name}-backup.db": str(self._backup),
                },
            )
        )

    @override
    @contextmanager
    def restored(self) -> Iterator[str]:
        file = self._folder / f"{self._name}.db"
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._backup, file)
        yield f"sqlite:///{file}"

    @property
    def _backup(self) -> Path:
        return self._folder / f"{self._name}-backup.db"


class PostgresKeeper(Keeper):
    """A database of the tests' server."""

    def __init__(self, server: PostgresServer, url: str, folder: Path) -> None:
        """Keep the dump in `folder`."""
        self.url = url
        self._server = server
        self._dump = folder / "assent.dump"

    @override
    def back_up(self) -> None:
        words = documented("pg_dump --format=custom --file=assent.dump", **self._places(self.url))
        self._server.run(*words)

    @override
    @contextmanager
    def restored(self) -> Iterator[str]:
        with self._server.empty() as url:
            self._server.run(*documented("pg_restore", **self._places(url)))
            yield url

    def _places(self, url: str) -> dict[str, str]:
        return {"$record": url.replace("+psycopg", ""), "assent.dump": str(self._dump)}


@pytest.fixture(params=["sqlite", "postgresql"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Keeper:
    """A migrated, empty database on each kind."""
    if request.param == "sqlite":
        return SqliteKeeper(request.getfixturevalue("sqlite_url"), tmp_path)
    server = request.getfixturevalue("postgres_server")
    return PostgresKeeper(server, request.getfixturevalue("postgres_url"), tmp_path)
