"""`assent dev` with small children and a record of two files: run as a program, so that it can be killed."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from assent.models import CreatedKey, Role
from config.errors import StartError
from config.settings import Settings
from dev.banner import Commands
from dev.command import Options, Parts, run
from services.first_run import Welcome

CHILDREN = Path(__file__).with_name("small_children.py")


def migrate(database_url: str) -> None:
    """Leave a trace in the data folder."""
    Path(database_url.removeprefix("sqlite:///")).with_name("migrated").touch()


def welcome(settings: Settings) -> Welcome:
    """Make two keys and a password the first time, a link every time; needs the migration to have run."""
    folder = settings.data_dir
    if not (folder / "migrated").exists():
        return Welcome()
    if (folder / "keys").exists():
        return Welcome(link="second-link")
    (folder / "keys").touch()
    keys = [
        CreatedKey(
            id=role.value, name=role.value, role=role, created_at=datetime.now(UTC), created_by="x", key=f"asn_{role}_k"
        )
        for role in (Role.AGENT, Role.REVIEWER)
    ]
    return Welcome(keys, password="the-first-password", link="first-link")  # noqa: S106  for nobody


def main(words: list[str]) -> int:
    """Run with host, API port, Temporal port, UI port, data folder and kind of worker; return the exit code."""
    host, api_port, temporal_port, ui_port, folder, worker = words
    parts = Parts(
        worker=(sys.executable, str(CHILDREN), worker),
        api=(sys.executable, str(CHILDREN), "api"),
        migrate=migrate,
        welcome=welcome,
        commands=Commands("assent keys add NAME", "assent people add NAME", "assent people password admin"),
    )
    try:
        run(
            Options({"host": host, "port": int(api_port), "data_dir": Path(folder)}, int(temporal_port), int(ui_port)),
            parts,
        )
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
