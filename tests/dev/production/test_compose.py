"""docker-compose.yml as `make prod` reads it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.errors import StartError
from dev.production import env_file
from dev.production.compose import COMPOSE_FILE, ComposeFile, image_environment

ROOT = Path(__file__).parents[3]
VARIABLES = env_file.variables(env_file.filled_in(env_file.EXAMPLE.read_text(encoding="utf-8")))


def written(tmp_path: Path, command: str) -> Path:
    """Write a compose file of one service, and return its folder."""
    text = f"services: {{one: {{command: [sh, -c, {json.dumps(command)}]}}}}\nconfigs: {{}}\n"
    (tmp_path / COMPOSE_FILE).write_text(text, encoding="utf-8")
    return tmp_path


def docker_compose(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Docker's client with a value for each variable of the file."""
    command = ["docker", "compose", *words]
    return subprocess.run(  # noqa: S603  our own command
        command, cwd=ROOT, env=os.environ | VARIABLES, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("echo $$HOME", "echo $HOME"),
        ("${NAME}", "ada"),
        ("${NAME:-bob}", "ada"),
        ("${EMPTY:-bob}", "bob"),
        ("${UNKNOWN:-}", ""),
        ("${UNKNOWN}", ""),
        ("a ${NAME:?set it} b ${NAME}", "a ada b ada"),
    ],
)
def test_variables_are_filled_in(tmp_path: Path, said: str, read: str) -> None:
    """The forms of the compose file's references mean what Compose makes of them."""
    compose = ComposeFile.read(written(tmp_path, said), {"NAME": "ada", "EMPTY": ""})
    assert compose.services["one"].command == ("sh", "-c", read)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("${NAME:?set it in .env}", r"NAME is missing: set it in \.env\."),
        ("$NAME", "neither"),
        ("${NAME+other}", "neither"),
        ("cost: 5$", "neither"),
    ],
)
def test_what_cannot_be_filled_in_is_a_sentence(tmp_path: Path, said: str, sentence: str) -> None:
    """A variable that is missing, and a form that is not understood, are never passed over."""
    with pytest.raises(StartError, match=sentence):
        ComposeFile.read(written(tmp_path, said), {"NAME": ""})


def test_compose_itself_reads_the_same() -> None:
    """Where the client is installed, its own reading of the file has the same commands, settings and numbers."""
    if shutil.which("docker") is None or docker_compose("version").returncode != 0:
        pytest.skip("Docker's client with Compose is not installed here.")
    done = docker_compose("--env-file", os.devnull, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    official: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    ours = ComposeFile.read(ROOT, VARIABLES).services
    assert ours.keys() == official.keys()
    for name, service in ours.items():
        said = official[name]
        assert list(service.command) == (said.get("command") or [])
        assert dict(service.environment) == said.get("environment", {})
        assert ["CMD", *service.health_check] == said.get("healthcheck", {}).get("test", ["CMD"])
        assert service.replicas == said.get("deploy", {}).get("replicas", 1)


def test_there_are_two_apis_and_two_workers() -> None:
    """What one process loses, the other one takes over."""
    services = ComposeFile.read(ROOT, VARIABLES).services
    assert [services[name].replicas for name in ("api", "worker", "migrate")] == [2, 2, 1]
    assert services["worker"].seconds_to_stop > float(services["worker"].environment["ASSENT_SHUTDOWN_GRACE_SECONDS"])
    assert all(isinstance(value, str) for each in services.values() for value in each.environment.values())


def test_the_image_has_its_own_programs_first() -> None:
    """The Dockerfile's last stage says where programs and state are; what an earlier stage sets is not taken along."""
    environment = image_environment(ROOT, "/usr/bin")
    assert environment["PATH"] == "/app/.venv/bin:/usr/bin"
    assert environment["ASSENT_DATA_DIR"] == "/var/lib/assent"
    assert "UV_LINK_MODE" not in environment
