"""`make prod` on this machine, as its clients see it: two APIs, and the processes behind them, which can be killed."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx2
import psutil
from sqlalchemy.engine import make_url

from assent import Approval, Operation, Outcome
from assent.client import Assent, AssentClientError, AssentUnreachableError
from dev.production import env_file
from dev.production.compose import ComposeFile
from dev.production.places import Listening, Places
from storage.database import Database
from tests.support.eventually import wait_until
from tests.support.ports import free_port, free_ports
from tests.support.processes import ROOT, Program, Programs, environment
from tests.support.stack import OPERATIONS

FOLDER_VARIABLE = "ASSENT_TEST_PRODUCTION"
"""The data folder of a `make prod` that runs already, with ASSENT_CONFIG=tests/support/assent.yaml."""

READY_SECONDS = 90.0
_TEAM = (("agent", "agent"), ("ada", "reviewer"), ("bob", "reviewer"), ("eve", "admin"))


@dataclass
class Production:
    """One running topology. Keys are by role or name; names are new in each run, since they are never free again."""

    settings: Mapping[str, str]
    urls: tuple[str, str]
    supervisor: psutil.Process
    program: Program | None = None
    _start: str = field(default_factory=lambda: f"{time.time_ns():x}")
    _keys: dict[str, str] = field(default_factory=dict)
    _clients: dict[tuple[str, int], Assent] = field(default_factory=dict)

    def named(self, short: str) -> str:
        """Return somebody's whole name in this run."""
        return f"{short}-{self._start}"

    def make_team(self) -> None:
        """Make the keys of a small team: by the first API, and they count at both."""
        for short, role in _TEAM:
            wanted = {"name": self.named(short), "role": role}
            self._keys[short] = self.admin("POST", "/v1/keys", json=wanted).raise_for_status().json()["key"]

    def admin(self, method: str, path: str, *, api: int = 0, json: object = None) -> httpx2.Response:
        """Send anything as the admin."""
        headers = {"Authorization": f"Bearer {self.settings['ASSENT_ADMIN_KEY']}"}
        return httpx2.request(
            method, f"{self.urls[api]}{path}", headers=headers, json=json, timeout=40, trust_env=False
        )

    def client(self, who: str, api: int = 0) -> Assent:
        """Return somebody's client of one of the APIs. It tries again at once, and then gives up."""
        if (who, api) not in self._clients:
            self._clients[who, api] = Assent(self.urls[api], self._keys[who], timeout=40, sleep=_hardly)
        return self._clients[who, api]

    def submit(self, operation_type: str, key: str, *, api: int = 0, **parameters: object) -> Approval:
        """Submit as the agent, at one of the APIs and, when that one does not answer, at the other."""
        operation = Operation(type=operation_type, resource_type="note", resource_id="7", parameters=parameters)
        key = self.named(key)

        def ask(client: Assent) -> Approval:
            return client.submit(operation, "a test asks", idempotency_key=key)

        return self._anywhere("agent", api, ask)

    def assessed(self, operation_type: str, key: str, *, api: int = 0, **parameters: object) -> Approval:
        """Submit, and wait until it is assessed."""
        asked = self.submit(operation_type, key, api=api, **parameters)
        return wait_until(
            f"{key} is assessed",
            lambda: self._anywhere("agent", api, lambda client: client.get(asked.id)),
            until=lambda seen: seen.risk is not None,
            within=40,
        )

    def decide(self, approval: Approval, outcome: Outcome, *, by: str, api: int = 0) -> Approval:
        """Decide, at one of the APIs or the other, always under the same key."""
        key = f"{by}-{approval.id}"
        return self._anywhere(
            by, api, lambda client: client.decide(approval.id, outcome, "said a test", approval.digest, key)
        )

    def ended(self, approval: Approval, *, api: int = 0, within: float = 60) -> Approval:
        """Wait for the end, at one of the APIs or the other."""
        return wait_until(
            f"{approval.id} ends",
            lambda: self._anywhere("agent", api, lambda client: client.wait(approval.id, 5)),
            until=lambda seen: seen.status.is_terminal,
            within=within,
        )

    def process(self, word: str) -> psutil.Process:
        """Return one of the processes whose commands have `word`: `api` or `worker.py`."""
        return self.processes(word)[0]

    def processes(self, word: str) -> list[psutil.Process]:
        """Return all of those that belong to this start, the oldest first."""
        children = self.supervisor.children()
        return sorted((each for each in children if word in each.cmdline()), key=psutil.Process.create_time)

    def ready(self) -> bool:
        """Whether both APIs say that an approval would get through."""
        with contextlib.suppress(httpx2.HTTPError):
            return all(httpx2.get(f"{url}/readyz", trust_env=False, timeout=10).is_success for url in self.urls)
        return False

    def check_health(self, name: str) -> None:
        """Run the health check that the compose file has for the service `name`. AssertionError when it fails."""
        compose = ComposeFile.read(ROOT, env_file.variables(env_file.filled_in(env_file.EXAMPLE.read_text("utf-8"))))
        places = Places("", "", ROOT, Path(self.settings["ASSENT_DATA_DIR"]), {})
        listening = Listening(int(self.urls[0].rpartition(":")[2]))
        self._ran([places.here(word, listening) for word in compose.services[name].health_check])

    def command(self, *words: str) -> str:
        """Run the `assent` command with the processes' settings; return what it printed."""
        return self._ran(["assent", *words])

    def record(self) -> Database:
        """Open the record."""
        url = make_url(self.settings["ASSENT_DATABASE_URL"])
        whole = url.set(drivername="postgresql+psycopg", password=self.settings["ASSENT_DATABASE_PASSWORD"])
        return Database(whole.render_as_string(hide_password=False))

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _ran(self, words: Sequence[str]) -> str:
        """Run a command as the image would: with its programs first on the PATH, and the settings of the processes."""
        settings = environment(self.settings)
        settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{settings['PATH']}"
        done = subprocess.run(  # noqa: S603  the compose file's and the tests' own commands
            words, cwd=ROOT, env=settings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def _anywhere(self, who: str, api: int, ask: "_Ask") -> Approval:
        for at in (api, 1 - api, api, 1 - api):
            try:
                return ask(self.client(who, at))
            except AssentClientError as error:
                if not (isinstance(error, AssentUnreachableError) or error.passing):
                    raise
                time.sleep(0.5)
        return ask(self.client(who, 1 - api))


class _Ask(Protocol):
    def __call__(self, client: Assent) -> Approval: ...


def _hardly(_seconds: float) -> None:
    time.sleep(0.05)


@contextmanager
def open_production(programs: Programs) -> Iterator[Production]:
    """Start `make prod`, or take the one that the environment names, and give it with the keys of a small team."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        production = _read(Path(named).absolute())
        try:
            yield production
        finally:
            production.close()
        return
    # Outside pytest's own folder, which the user that PostgreSQL runs as could not pass.
    folder = Path(tempfile.mkdtemp(prefix="assent-production-"))
    folder.chmod(0o755)
    program = programs.start("prod", _command(folder / "data"), {"ASSENT_CONFIG": str(OPERATIONS)})

    def ready() -> bool:
        program.check_running()
        return "Assent is ready." in program.log

    try:
        wait_until("make prod is ready", ready, within=READY_SECONDS)
        production = _read(folder / "data")
        production.program = program
        try:
            yield production
        finally:
            production.close()
    finally:
        program.reap()
        shutil.rmtree(folder)


def _command(data_dir: Path) -> list[str]:
    options = {
        "--data-dir": data_dir,
        "--port": free_ports(2),
        "--metrics-port": free_ports(4),
        "--temporal-port": free_port(),
        "--temporal-ui-port": free_port(),
        "--postgres-port": free_port(),
    }
    return [sys.executable, "-m", "dev.production", *(str(word) for pair in options.items() for word in pair)]


def _read(folder: Path) -> Production:
    """Return what the start in `folder` has told about itself, with a team."""
    lines = (folder / "settings.env").read_text(encoding="utf-8").splitlines()
    settings = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    host, _, port = settings["ASSENT_URL"].rpartition(":")
    urls = (settings["ASSENT_URL"], f"{host}:{int(port) + 1}")
    production = Production(settings, urls, _supervisor(int(port)))
    production.make_team()
    return production


def _supervisor(port: int) -> psutil.Process:
    """Return the process that has started whatever listens on `port`."""
    [api] = {
        each.pid
        for each in psutil.net_connections("tcp4")
        if each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN
    }
    found = psutil.Process(api).parent()
    assert found is not None
    return found
