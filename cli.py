"""The `assent` command.

Each command imports what it needs when it is called, so that `assent --help` answers at once. An error is one sentence
on standard error: exit code 1, or 2 when a setting or `assent.yaml` has to be changed first.
"""
# ruff: noqa: PLC0415  the imports inside commands, as said above

import asyncio
import contextlib
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Never, cast

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from commands import keys, patterns, people, policy, workers
from commands.database import first_line
from config.errors import SettingsError, StartError
from domain.errors import AssentError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from config.settings import Given

ROOT = Path(__file__).resolve().parent
STOPPED_BY_KEYBOARD = 130

_a_port = Number(gte=1, lte=65535)


def _default(shown: object) -> Parameter:
    """Show what the settings take when neither the option nor its variable is given."""
    return Parameter(show_default=lambda _none: str(shown))


Host = Annotated[str | None, _default("127.0.0.1")]
ApiPort = Annotated[int | None, _default(8000), Parameter(validator=_a_port)]
TemporalPort = Annotated[int, Parameter(validator=_a_port)]
DataDir = Annotated[Path | None, _default(".assent")]
Config = Annotated[Path | None, _default("assent.yaml")]

app = App(name="assent", help="Ask a human before a sensitive operation runs.", version_flags=[])
db = App(name="db", help="Look after the database.")
temporal = App(name="temporal", help="Look after the Temporal namespace.")
for group in (db, keys.app, patterns.app, people.app, policy.app, temporal, workers.app):
    app.command(group)


@app.command
def dev(  # noqa: PLR0913  the command's options
    *,
    host: Host = None,
    port: ApiPort = None,
    data_dir: DataDir = None,
    config: Config = None,
    temporal_port: TemporalPort = 7233,
    temporal_ui_port: TemporalPort = 8233,
) -> None:
    """Run everything in this terminal: Temporal, a worker and the API.

    Args:
        host: The address that the API listens on.
        port: The port that the API listens on.
        data_dir: The folder for all state; made when missing.
        config: The file that lists the operations.
        temporal_port: The port of Temporal's service. A Temporal that answers there already is used.
        temporal_ui_port: The port of Temporal's UI.
    """
    from dev.banner import Commands
    from dev.command import Options, Parts, run
    from services.first_run import welcome

    parts = Parts(
        worker=(sys.executable, str(ROOT / "worker.py")),
        api=(sys.executable, str(ROOT / "cli.py"), "api"),
        migrate=_migrate,
        welcome=welcome,
        commands=Commands(
            new_key=_typed("keys", "add", "NAME", "--role", "agent", data_dir=data_dir),
            new_person=_typed("people", "add", "NAME", "--role", "admin", data_dir=data_dir),
            new_password=_typed("people", "password", "admin", data_dir=data_dir),
        ),
    )
    given = _given(host=host, port=port, data_dir=data_dir, config=config)
    try:
        run(Options(given, temporal_port, temporal_ui_port), parts)
    except SettingsError as error:
        raise StartError(str(error)) from None


@app.command
def api(*, host: Host = None, port: ApiPort = None) -> None:
    """Run the API and the dashboard.

    Args:
        host: The address to listen on.
        port: The port to listen on.
    """
    from api.app import create_app
    from api.observed import ObservedRequests
    from api.server import serve
    from config.logging import configure_logging
    from config.settings import load_settings
    from dashboard.app import create_dashboard
    from services.wiring import open_services
    from telemetry.process import open_telemetry

    settings = load_settings(**_given(host=host, port=port))
    configure_logging(settings)
    with open_telemetry("api", settings) as telemetry:
        application: ASGIApp = create_app(lambda: open_services(settings, telemetry), create_dashboard())
        if telemetry.metrics is not None or telemetry.tracer is not None:
            answered = None if telemetry.metrics is None else telemetry.metrics.answered
            application = ObservedRequests(application, answered, telemetry.tracer)
        serve(application, settings)


@app.command
def worker() -> None:
    """Run a worker."""
    from worker import main as run_worker

    run_worker()


@db.command
def upgrade() -> None:
    """Bring the database to this release's tables. Safe to run again."""
    from config.settings import load_settings

    _migrate(load_settings(need_signing_keys=False).database_url)
    sys.stdout.write("The database has this release's tables.\n")


@temporal.command
def prepare(*, retention_days: Annotated[int, Parameter(validator=Number(gte=1))] = 30) -> None:
    """Add Assent's search attributes to the namespace, and raise its retention. Safe to run again.

    Args:
        retention_days: For how long the namespace keeps closed workflows, at least.
    """
    from config.temporal import connect, prepare_namespace

    async def _prepare() -> str:
        client = await connect("prepare")
        await prepare_namespace(client, retention_days=retention_days)
        return client.namespace

    namespace = asyncio.run(_prepare())
    sys.stdout.write(
        f"The namespace {namespace} has the search attributes, and keeps closed workflows for "
        f"{retention_days} days or more.\n"
    )


def run_command(words: Sequence[str]) -> int:
    """Run the command that `words` spell; return the exit code. Errors are told on standard error."""
    try:
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _tell(str(error), 1)
    except KeyboardInterrupt:
        return STOPPED_BY_KEYBOARD
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001  the last place where an error can become a sentence
        return _tell(*_sentence_and_code(error))
    return 0


def main() -> Never:
    """Run the command typed, and end the process."""
    code = run_command(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    # Temporal's client has threads that can abort an interpreter which ends in the ordinary way.
    os._exit(code)


def _migrate(database_url: str) -> None:
    """Raises StartError with what the database said."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from storage import migrate

    try:
        migrate.upgrade(database_url)
    except (SQLAlchemyError, CommandError, OSError) as error:
        message = f"The database cannot be brought up to date ({first_line(error)}): check it, and ASSENT_DATABASE_URL."
        raise StartError(message) from error


def _given(**typed: object) -> "Given":
    """Keep what was typed; the environment and the defaults give the rest."""
    return cast("Given", {name: value for name, value in typed.items() if value is not None})


def _typed(*words: str, data_dir: Path | None) -> str:
    """Return the line for a shell that runs this program with `words`, on the same data."""
    program = [sys.executable, str(ROOT / "cli.py")] if sys.argv[0].endswith("cli.py") else [sys.argv[0]]
    here = f"{Path.cwd()}{os.sep}"
    line = shlex.join([*(word.removeprefix(here) for word in program), *words])
    return line if data_dir is None else f"ASSENT_DATA_DIR={shlex.quote(str(data_dir))} {line}"


def _sentence_and_code(error: Exception) -> tuple[str, int]:
    if isinstance(error, StartError):
        return str(error), error.exit_code
    if isinstance(error, AssentError):
        return error.detail, 1
    if os.environ.get("ASSENT_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    return f"{type(error).__name__}: {first_line(error)}. ASSENT_LOG_LEVEL=debug shows where this comes from.", 1


def _tell(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    main()
