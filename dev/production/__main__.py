"""`python -m dev.production`: what `make prod` starts."""

import argparse
import os
import sys
from pathlib import Path

from config.errors import StartError
from dev.production.command import ROOT, Options, run


def main() -> int:
    """Run with the options typed; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.production",
        description="Run the services of docker-compose.yml as processes: PostgreSQL, Temporal, two workers, two APIs. "
        "ASSENT_* and TEMPORAL_* variables win over the compose file's: ASSENT_DATABASE_URL and TEMPORAL_ADDRESS use "
        "servers that run already.",
    )
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".assent-prod", help="the folder for all state")
    parser.add_argument("--port", type=int, default=8000, help="the first API's port; the next one follows it")
    parser.add_argument("--temporal-port", type=int, default=7233, help="one that answers there already is used")
    parser.add_argument("--temporal-ui-port", type=int, default=8233)
    parser.add_argument("--postgres-port", type=int, default=5433)
    parser.add_argument("--metrics-port", type=int, default=9464, help="the first process's; the next three follow it")
    typed = parser.parse_args()
    try:
        run(Options(**vars(typed)))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Temporal's client has threads that can abort an interpreter which ends in the ordinary way.
    os._exit(code)
