"""`assent workers`: who would run what is approved."""

import socket

import pytest

from cli import run_command
from services.wiring import system_clock
from storage.database import Database
from storage.workers import WorkerStore


@pytest.fixture
def workers(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> WorkerStore:
    """The signs of life that the command reads."""
    monkeypatch.setenv("ASSENT_DATABASE_URL", sqlite_url)
    return WorkerStore(Database(sqlite_url))


def test_without_a_worker_it_fails(workers: WorkerStore, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody there, somebody of another task queue, and one that has left: exit code 1 and a sentence."""
    workers.beat("elsewhere:1:a", "another-queue", now=system_clock())
    workers.beat("gone:1:a", "assent", now=system_clock())
    workers.leave("gone:1:a")
    assert run_command(["workers"]) == 1
    assert capsys.readouterr().err == "No worker of the task queue assent lives.\n"


def test_it_lists_those_that_live(workers: WorkerStore, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, or with --here those of this host alone: a container's health check asks for its own."""
    workers.beat("elsewhere:1:a", "assent", now=system_clock())
    assert run_command(["workers"]) == 0
    assert run_command(["workers", "--here"]) == 1
    assert capsys.readouterr().err == f"No worker of the task queue assent lives on {socket.gethostname()}.\n"
    workers.beat(f"{socket.gethostname()}:1:a", "assent", now=system_clock())
    assert run_command(["workers", "--here"]) == 0
    assert capsys.readouterr().out.startswith(f"{socket.gethostname()}:1:a  seen ")
