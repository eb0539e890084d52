"""`assent dev` as a whole: a real Temporal, small real children, and nothing left behind."""

import signal
import socket
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from config.temporal import connect, missing_search_attributes
from tests.support.eventually import wait_until
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program, Programs
from tests.support.temporal import TemporalServer

SMALL_DEV = Path(__file__).with_name("small_dev.py")
READY = "Assent is ready."
READY_SECONDS = 60.0


@dataclass
class Dev:
    """One `assent dev`, with ports of its own and state in one folder."""

    program: Program
    api_port: int
    temporal_port: int
    folder: Path

    def ready(self) -> "Dev":
        """Wait for the banner."""
        self.says(READY)
        return self

    def says(self, words: str) -> None:
        """Wait until `words` are on the terminal."""
        wait_until(f"it says {words}", self.said, until=lambda said: words in said, within=READY_SECONDS)

    def said(self) -> str:
        """Return everything on the terminal so far."""
        return self.program.log

    def processes(self) -> list[psutil.Process]:
        """Return everything that it has started."""
        return psutil.Process(self.program.pid).children(recursive=True)

    def process(self, word: str) -> psutil.Process:
        """Return the child with `word` at the end of its command."""
        [found] = [each for each in self.processes() if each.cmdline()[-1].endswith(word)]
        return found

    def comes_back(self, word: str) -> None:
        """Wait until there is a child with `word` at the end of its command again."""
        wait_until(f"{word} is back", lambda: self.process(word), despite=(ValueError, psutil.NoSuchProcess))


StartDev = Callable[..., Dev]


@pytest.fixture
def start_dev(programs: Programs, tmp_path: Path) -> StartDev:
    """Starts `assent dev` with small children, always on the same ports and the same folder."""
    ports = [free_port() for _ in range(3)]
    folder = tmp_path / "data"

    def start(worker: str = "worker", settings: Mapping[str, str] | None = None, host: str = LOOPBACK) -> Dev:
        words = [sys.executable, str(SMALL_DEV), host, *map(str, ports), str(folder), worker]
        return Dev(programs.start("dev", words, settings), ports[0], ports[1], folder)

    return start


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that still do something; one that nobody has reaped yet does not."""
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def end_within_five_seconds(dev: Dev, number: signal.Signals) -> None:
    """Send the signal; nothing may be left five seconds later."""
    started = dev.processes()
    assert len(started) == 3
    assert dev.program.stop(number, within=5) == 0
    assert alive(started) == []


async def test_first_start_and_the_next(start_dev: StartDev) -> None:
    """The first start makes key, database and namespace and shows the secrets; the next one finds all of it.

    The first person's password reaches neither child.
    """
    dev = start_dev(settings={"ASSENT_ADMIN_PASSWORD": "correct horse"}).ready()
    address = f"{LOOPBACK}:{dev.temporal_port}"
    assert f"http://{LOOPBACK}:{dev.api_port}/docs" in dev.said()
    assert "Bearer asn_agent_k" in dev.said()
    assert f"temporal={address} key={dev.folder}/signing.key" in dev.said()
    assert f"http://{LOOPBACK}:{dev.api_port}/sign-in/first-link" in dev.said()
    assert "the-first-password" in dev.said()
    for word in ("worker", "api"):
        assert "ASSENT_ADMIN_PASSWORD" not in dev.process(word).environ()
    assert f"worker | ui=http://{LOOPBACK}:" in dev.said()
    key = dev.folder / "signing.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first_key = key.read_bytes()
    client = await connect("test", address=address)
    assert await missing_search_attributes(client) == []
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=30)
    end_within_five_seconds(dev, signal.SIGINT)

    again = start_dev(settings={"ASSENT_PUBLIC_URL": "https://assent.example.com/"}).ready()
    assert "asn_" not in again.said()
    assert "https://assent.example.com/sign-in/second-link" in again.said()
    assert "the-first-password" not in again.said()
    assert "The keys were shown on the first start." in again.said()
    assert key.read_bytes() == first_key
    end_within_five_seconds(again, signal.SIGTERM)


def test_killed_supervisor_takes_its_children_along(start_dev: StartDev) -> None:
    """After kill -9 of `assent dev` no process of it lives on, and the next start finds its ports free.

    The worker of that one refuses to stop: five seconds are enough all the same.
    """
    dev = start_dev().ready()
    started = dev.processes()
    assert len(started) == 3
    dev.program.kill9()
    wait_until("all are gone", lambda: alive(started), until=lambda left: not left, despite=(psutil.NoSuchProcess,))
    again = start_dev(worker="stubborn").ready()
    again.says("worker | ready")
    end_within_five_seconds(again, signal.SIGINT)


def test_killed_children_are_started_again(start_dev: StartDev) -> None:
    """A worker and a Temporal that crash come back by themselves, and the terminal says so."""
    dev = start_dev().ready()
    for name, last_word in (("worker", "worker"), ("temporal", "KeywordList")):
        dev.process(last_word).kill()
        dev.says(f"The {name} process stopped (killed by SIGKILL): starting it again in 1 s.")
        dev.comes_back(last_word)
    end_within_five_seconds(dev, signal.SIGINT)


def test_interrupt_before_it_is_ready(start_dev: StartDev) -> None:
    """Whoever changes their mind at once is not kept waiting."""
    dev = start_dev()
    dev.says("Starting Temporal")
    assert dev.program.stop(signal.SIGINT, within=5) == 0
    assert READY not in dev.said()


def test_wrong_settings_of_a_child_end_the_start(start_dev: StartDev) -> None:
    """A child that says that its settings are wrong is not tried again: its sentence, ours, and exit code 1."""
    dev = start_dev(worker="misconfigured")
    assert dev.program.wait(READY_SECONDS) == 1
    assert "worker | ASSENT_X is wrong: set it right.\n" in dev.said()
    assert dev.said().endswith("The worker process cannot work with these settings; what it said is above.\n")


@pytest.mark.parametrize(("index", "option"), [(0, "--port"), (2, "--temporal-ui-port")])
def test_taken_port_is_one_sentence(programs: Programs, tmp_path: Path, index: int, option: str) -> None:
    """Before anything is started: one sentence that names the port and the option, and exit code 1."""
    ports = [free_port() for _ in range(3)]
    with socket.create_server((LOOPBACK, ports[index])):
        words = [sys.executable, str(SMALL_DEV), LOOPBACK, *map(str, ports), str(tmp_path / "data"), "worker"]
        program = programs.start("dev", words)
        assert program.wait(READY_SECONDS) == 1
    assert program.log == (
        f"Port {ports[index]} on 127.0.0.1 is taken by another program: stop it, or choose another port by {option}.\n"
    )


def test_temporal_that_answers_already_is_used(start_dev: StartDev, temporal_server: TemporalServer) -> None:
    """With a configured Temporal none is started, the terminal says so, and it lives on afterwards.

    So it is with signing keys: those of the environment reach the children as they are, and none is made.
    """
    dev = start_dev(settings={**temporal_server.settings, "ASSENT_SIGNING_KEYS": f"k1:{'A' * 43}"}).ready()
    assert f"Using the Temporal that already answers at {temporal_server.address}." in dev.said()
    assert f"temporal={temporal_server.address} key=none" in dev.said()
    assert not (dev.folder / "signing.key").exists()
    assert len(dev.processes()) == 2
    assert dev.program.stop(signal.SIGINT, within=5) == 0
    with socket.create_connection((LOOPBACK, int(temporal_server.address.rpartition(":")[2]))):
        pass
