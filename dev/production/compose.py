"""docker-compose.yml and the Dockerfile, as far as they say what runs: commands, settings, health checks, numbers.

Only the forms that these two files use are understood; any other is an error, never passed over.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.errors import StartError

COMPOSE_FILE = "docker-compose.yml"
DOCKERFILE = "Dockerfile"

# `$$`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`; a `$` with anything else after it is caught by the last part.
_REFERENCE = re.compile(r"\$(?:(\$)|\{([A-Z_]+)(?:(:[-?])([^}]*))?\}|)")


@dataclass(frozen=True)
class Service:
    """One service: what its containers run, with which environment, and how one asks whether they are well.

    `command` is empty where the image's own is used, and so is `health_check` where there is none. `seconds_to_stop` is
    how long a container that is told to stop may take.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health_check: tuple[str, ...]
    replicas: int
    seconds_to_stop: float


@dataclass(frozen=True)
class ComposeFile:
    """The services by their names, and the text of each config."""

    services: Mapping[str, Service]
    configs: Mapping[str, str]

    @classmethod
    def read(cls, root: Path, variables: Mapping[str, str]) -> "ComposeFile":
        """Read the file in `root`, with `variables` where it asks for some. Raises StartError when one is missing."""
        written = yaml.safe_load((root / COMPOSE_FILE).read_text(encoding="utf-8"))
        filled: dict[str, Any] = _filled_in(written, variables)
        return cls(
            services={name: _service(name, said) for name, said in filled["services"].items()},
            configs={name: said["content"] for name, said in filled["configs"].items()},
        )


def image_environment(root: Path, path: str) -> dict[str, str]:
    """Return what the Dockerfile's last stage sets, with `path` in the place of `$PATH`."""
    stage = re.split(r"^FROM .*$", (root / DOCKERFILE).read_text(encoding="utf-8"), flags=re.MULTILINE)[-1]
    settings = [word for line in re.findall(r"^ENV (.*)$", stage, re.MULTILINE) for word in shlex.split(line)]
    return {name: value.replace("$PATH", path) for name, _, value in (word.partition("=") for word in settings)}


def _service(name: str, said: Mapping[str, Any]) -> Service:
    return Service(
        name=name,
        command=tuple(said.get("command", ())),
        environment=said.get("environment", {}),
        health_check=_health_check(said.get("healthcheck", {}).get("test", ["CMD"])),
        replicas=said.get("deploy", {}).get("replicas", 1),
        seconds_to_stop=float(said.get("stop_grace_period", "10s").removesuffix("s")),
    )


def _health_check(test: list[str]) -> tuple[str, ...]:
    kind, *words = test
    if kind != "CMD":
        message = f"{COMPOSE_FILE} has a health check of the form {kind}: write it as CMD and a list of words."
        raise StartError(message)
    return tuple(words)


def _filled_in(written: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401  whatever YAML holds
    """Return `written` with its variables' values in all texts; keys stay as they are."""
    if isinstance(written, dict):
        return {key: _filled_in(value, variables) for key, value in written.items()}
    if isinstance(written, list):
        return [_filled_in(value, variables) for value in written]
    if isinstance(written, str):
        return _REFERENCE.sub(lambda found: _value(found, variables), written)
    return written


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    dollar, name, kind, rest = found.groups()
    if dollar:
        return "$"
    if name is None:
        message = (
            f"{COMPOSE_FILE} has a $ that is neither $$ nor ${{NAME}}, near {found.string[found.start() :][:40]!r}."
        )
        raise StartError(message)
    value = variables.get(name, "")
    if value == "" and kind == ":-":
        return str(rest)
    if value == "" and kind == ":?":
        message = f"{name} is missing: {rest}."
        raise StartError(message)
    return value
