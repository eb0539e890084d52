"""`make prod` when it cannot start. tests/acceptance/test_service.py has what it does when it can."""

import os
import socket
import sys
from pathlib import Path

import pytest

from config.errors import StartError
from dev.postgres_programs import PostgresPrograms
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Programs
from tests.support.temporal import TemporalServer

READY_SECONDS = 60.0


def test_a_taken_port_is_a_sentence(programs: Programs, tmp_path: Path) -> None:
    """Before anything is started: one sentence that names the port and the option, and exit code 1."""
    first = free_port()
    with socket.create_server((LOOPBACK, first + 1)):
        words = [sys.executable, "-m", "dev.production", "--data-dir", str(tmp_path / "data"), "--port", str(first)]
        program = programs.start("prod", words)
        assert program.wait(READY_SECONDS) == 1
    assert program.log == (
        f"Port {first + 1} on 127.0.0.1 is taken by another program: stop it, or choose another port by --port.\n"
    )


def test_given_servers_are_used_and_a_failed_migration_ends_the_start(
    programs: Programs, tmp_path: Path, temporal_server: TemporalServer
) -> None:
    """A given database and Temporal are not started here; when the migration fails, nothing else is started."""
    ports = (("--port", free_port()), ("--metrics-port", free_port()))
    words = [str(word) for pair in (("--data-dir", tmp_path / "data"), *ports) for word in pair]
    nowhere = f"postgresql://nobody@{LOOPBACK}:{free_port()}/nothing"
    program = programs.start(
        "prod",
        [sys.executable, "-m", "dev.production", *words],
        {**temporal_server.settings, "ASSENT_DATABASE_URL": nowhere},
    )
    assert program.wait(READY_SECONDS) == 1
    said = program.log.splitlines()
    assert said[0] == f"Using the Temporal that already answers at {temporal_server.address}."
    assert said[1].startswith("migrate | The database ")
    assert said[-1] == "The migration failed; what it said is above."
    assert not any(line.startswith(("api-", "worker-")) for line in said)
    assert not (tmp_path / "data" / "postgresql").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root starts PostgreSQL as somebody else.")
def test_data_that_postgresql_cannot_reach_are_a_sentence(tmp_path: Path) -> None:
    """Root is told where the data may be, before PostgreSQL fails with words of its own."""
    tmp_path.chmod(0o700)
    programs = PostgresPrograms.find(tmp_path / "programs")
    with pytest.raises(StartError, match="the user nobody cannot reach"):
        programs.initialise(tmp_path / "data")
