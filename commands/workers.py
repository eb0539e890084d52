"""`assent workers`: who runs what is approved, by the signs of life in the database."""
# ruff: noqa: PLC0415  the imports inside commands, as the package says

import socket
import sys
from typing import Annotated

from cyclopts import App, Parameter

from commands.database import open_database

app = App(name="workers", help="Tell which workers live.")


@app.default
def workers(*, here: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the workers that gave a sign of life within the last 15 seconds; exit code 1 when there is none.

    Args:
        here: Only those of this host; in a container, the container's own.
    """
    from config.settings import load_settings
    from services.readiness import WORKER_SEEN_WITHIN
    from storage.workers import WorkerStore

    queue = load_settings(need_signing_keys=False).task_queue
    with open_database() as database:
        alive = WorkerStore(database).alive(queue, WORKER_SEEN_WITHIN)
    alive = [each for each in alive if not here or each.identity.partition(":")[0] == socket.gethostname()]
    for each in alive:
        sys.stdout.write(f"{each.identity}  seen {each.seen_at:%H:%M:%S} UTC\n")
    if not alive:
        where = f" on {socket.gethostname()}" if here else ""
        sys.stderr.write(f"No worker of the task queue {queue} lives{where}.\n")
        raise SystemExit(1)
