"""What `make prod` prints once everything runs."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """Where the parts of this start can be reached, and the file with the settings of its processes."""

    api_urls: Sequence[str]
    temporal: str
    temporal_ui_url: str | None
    postgresql: str
    workers: int
    metrics_urls: Sequence[str]
    folder: Path
    settings: Path


def banner(running: Running) -> str:
    """Return the whole text."""
    first, *others = running.api_urls
    program = shlex.quote(str(Path(sys.executable).with_name("assent")))
    return "\n".join(
        (
            "",
            "Assent is ready. Ctrl-C stops it, once what runs has ended; a second Ctrl-C at once.",
            "",
            f"  Dashboard    {first}" + "".join(f"  and {url}" for url in others),
            f"  API docs     {first}/docs",
            f"  Workers      {running.workers}",
            f"  Temporal     {running.temporal}, its UI at {running.temporal_ui_url or 'the place that you know'}",
            f"  PostgreSQL   {running.postgresql}",
            f"  Metrics      {running.metrics_urls[0]} to {running.metrics_urls[-1]}",
            f"  Data         {running.folder}",
            "",
            "The first person and the first key, in another terminal; what each prints is shown this once:",
            "",
            f"  set -a; . {shlex.quote(str(running.settings))}; set +a",
            f"  {program} people add ada --role admin",
            f"  {program} keys add my-agent --role agent",
            "",
        )
    )
