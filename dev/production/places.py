"""Where this machine has what a container finds under names of its own: hosts, ports, folders.

All of what differs between the compose file's containers and plain processes is in this file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.process import Program
from dev.production.compose import Service, image_environment

API_PORT = 8000
_METRICS = "0.0.0.0:9464"


@dataclass(frozen=True)
class Listening:
    """The ports of one process, which every container has for itself: the API's, and that of the metrics."""

    port: int = API_PORT
    metrics_port: int = 9464


@dataclass(frozen=True)
class Places:
    """The addresses (host:port) of the servers, the repository, and the folder that stands for the workers' volume.

    `given` are settings of this machine's own, which win over the compose file's.
    """

    postgresql: str
    temporal: str
    root: Path
    state: Path
    given: Mapping[str, str]

    def here(self, text: str, listening: Listening) -> str:
        """Return `text` with this machine's names and ports in the place of a container's."""
        for theirs, ours in (
            ("postgresql:5432", self.postgresql),
            ("temporal:7233", self.temporal),
            ("/app/", f"{self.root}/"),
            ("/var/lib/assent", str(self.state)),
            (_METRICS, f"127.0.0.1:{listening.metrics_port}"),
            # What a container publishes on 127.0.0.1.
            ("0.0.0.0", "127.0.0.1"),  # noqa: S104  to be replaced
            (f"127.0.0.1:{API_PORT}", f"127.0.0.1:{listening.port}"),
        ):
            text = text.replace(theirs, ours)
        return text

    def environment(self, service: Service, listening: Listening) -> dict[str, str]:
        """Return the environment of a process of `service`: this machine's, the image's, the service's, and `given`."""
        outside = {name: value for name, value in os.environ.items() if name not in self.given}
        inside = image_environment(self.root, os.environ["PATH"]) | dict(service.environment)
        inside = {name: self.here(value, listening) for name, value in inside.items() if not self._replaced(name)}
        return outside | inside | dict(self.given) | {"ASSENT_PORT": str(listening.port)}

    def program(self, service: Service, name: str, listening: Listening) -> Program:
        """Return `service` as a program that runs here, called `name` in what is printed."""
        command = tuple(self.here(word, listening) for word in service.command)
        return Program(name, command, self.environment(service, listening), cwd=self.root)

    def _replaced(self, name: str) -> bool:
        """Whether what is given here leaves no room for the compose file's `name`: the same secret in another form."""
        other_forms = {
            f"{name}_FILE",
            *(("ASSENT_DATABASE_URL", "ASSENT_DATABASE_URL_FILE") if name == "ASSENT_DATABASE_PASSWORD" else ()),
        }
        return not other_forms.isdisjoint(self.given)
