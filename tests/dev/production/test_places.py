"""What a container has under its own names, found on this machine."""

import re
from pathlib import Path

import pytest

from dev.production import env_file
from dev.production.compose import ComposeFile
from dev.production.places import Listening, Places

ROOT = Path(__file__).parents[3]
COMPOSE = ComposeFile.read(ROOT, env_file.variables(env_file.filled_in(env_file.EXAMPLE.read_text(encoding="utf-8"))))
THEIRS = re.compile(r"@postgresql|temporal:7233|/app/|/var/lib/assent|0\.0\.0\.0|127\.0\.0\.1:8000")


def places(tmp_path: Path, **given: str) -> Places:
    """Return places with some settings of this machine's own."""
    return Places("127.0.0.1:5555", "127.0.0.1:7777", ROOT, tmp_path, given)


@pytest.mark.parametrize("name", ["migrate", "worker", "api"])
def test_nothing_of_a_container_is_left(tmp_path: Path, name: str) -> None:
    """Commands, settings and health checks name only what this machine has; the rest is as the compose file says."""
    here, service = places(tmp_path), COMPOSE.services[name]
    program = here.program(service, name, Listening(8001, 9999))
    told = {key: program.environment[key] for key in service.environment}
    check = [here.here(word, Listening(8001)) for word in service.health_check]
    assert [word for word in (*program.command, *told.values(), *check) if THEIRS.search(word)] == []
    assert program.environment["PATH"].startswith(f"{ROOT}/.venv/bin:")
    assert program.environment["ASSENT_DATABASE_URL"] == "postgresql://assent@127.0.0.1:5555/assent"
    assert program.environment["ASSENT_PORT"] == "8001"
    assert program.environment["ASSENT_METRICS_ADDRESS"] == "127.0.0.1:9999"
    untouched = ("ASSENT_SIGNING_KEYS", "ASSENT_DATABASE_PASSWORD", "ASSENT_LOG_FORMAT", "TEMPORAL_NAMESPACE")
    assert {key: told[key] for key in untouched} == {key: service.environment[key] for key in untouched}


def test_what_is_set_here_wins(tmp_path: Path) -> None:
    """A database of one's own takes the password of the compose file's along, and a secret's file its value."""
    given = {"ASSENT_DATABASE_URL": "postgresql://me:secret@db/mine", "ASSENT_SIGNING_KEYS_FILE": "/run/keys"}
    environment = places(tmp_path, **given).environment(COMPOSE.services["worker"], Listening())
    assert given.items() <= environment.items()
    assert environment.keys().isdisjoint({"ASSENT_DATABASE_PASSWORD", "ASSENT_SIGNING_KEYS"})
