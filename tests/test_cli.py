"""The `assent` command: quick, and every error a sentence with its exit code."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from assent.models import Role
from cli import run_command
from config.signing_keys import make_signing_key
from storage.database import Database
from storage.keys import KeyStore
from tests.support.eventually import wait_until
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Program, Programs
from tests.support.temporal import TemporalServer

START_SECONDS = 60.0


@pytest.fixture(autouse=True)
def database_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The commands' database, in a file that does not exist yet; no other setting of this machine counts."""
    for name in ("ASSENT_SIGNING_KEYS", "ASSENT_PORT", "ASSENT_LOG_LEVEL", "ASSENT_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    url = f"sqlite:///{tmp_path}/assent.db"
    monkeypatch.setenv("ASSENT_DATABASE_URL", url)
    return url


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("nonsense", 1, 'Unknown command "nonsense".'),
        ("dev --port 99999", 1, 'Invalid value "99999" for --port. Must be <= 65535.'),
        ("dev --nonsense", 1, "Unknown option: --nonsense."),
        ("api", 2, "ASSENT_SIGNING_KEYS is not set: set it to"),
        ("keys add Bob", 1, "Name and owner begin with a-z or 0-9, and go on with"),
        ("keys add automation", 1, "The name 'automation' belongs to the platform's own admin key"),
        ("keys list", 1, "The database cannot be used ("),
    ],
)
def test_errors_are_one_sentence(capsys: pytest.CaptureFixture[str], words: str, code: int, sentence: str) -> None:
    """One line on standard error and nothing else; the code is 2 when a setting has to be changed."""
    assert run_command(words.split()) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(sentence)
    assert len(shown.err.splitlines()) == 1


def test_wrong_settings_end_dev_with_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`assent dev` is for people: whatever stops it, it ends with 1."""
    monkeypatch.setenv("ASSENT_PORT", "http")
    assert run_command(["dev"]) == 1
    assert capsys.readouterr().err == "ASSENT_PORT is 'http': set it to a whole number from 1 to 65535.\n"


def test_database_that_is_away_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that nobody answers for ends the migration with a sentence."""
    monkeypatch.setenv("ASSENT_DATABASE_URL", f"postgresql://nobody@{LOOPBACK}:{free_port()}/none")
    assert run_command(["db", "upgrade"]) == 1
    assert "database" in capsys.readouterr().err


def test_keys_are_made_and_listed(capsys: pytest.CaptureFixture[str], database_url: str) -> None:
    """Somebody with access to the database makes the first keys; a list never shows a secret."""
    for _ in range(2):
        assert run_command(["db", "upgrade"]) == 0
    capsys.readouterr()
    assert run_command(["keys", "add", "bob", "--role", "reviewer", "--owner", "bob-himself"]) == 0
    written = capsys.readouterr().out.strip()
    database = Database(database_url)
    [key] = KeyStore(database).all()
    database.close()
    assert written.startswith(f"asn_{key.id}_")
    assert (key.name, key.role, key.owner, key.created_by) == ("bob", Role.REVIEWER, "bob-himself", "operator:cli")
    assert run_command(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert key.id in listed
    assert written not in listed
    assert run_command(["keys", "add", "bob"]) == 1
    assert "Names are never reused" in capsys.readouterr().err


def test_namespace_is_prepared_and_the_process_ends(programs: Programs, temporal_server: TemporalServer) -> None:
    """The command ends by itself, with 0, although Temporal's client keeps threads."""
    words = [sys.executable, "cli.py", "temporal", "prepare", "--retention-days", "30"]
    program = programs.start("prepare", words, temporal_server.settings)
    assert program.wait(START_SECONDS) == 0
    assert program.log == (
        "The namespace default has the search attributes, and keeps closed workflows for 30 days or more.\n"
    )


def test_help_loads_nothing_that_takes_time(programs: Programs) -> None:
    """`assent --help` is asked for often, and answers at once."""
    code = "import cli, sys; sys.exit(bool({'temporalio', 'sqlalchemy', 'fastapi', 'pydantic'} & set(sys.modules)))"
    assert programs.start("help", [sys.executable, "-c", code]).wait(START_SECONDS) == 0


def api(programs: Programs, settings: Mapping[str, str]) -> Program:
    return programs.api({"ASSENT_SIGNING_KEYS": make_signing_key("k1"), **settings})


def test_api_serves_until_it_is_told_to_stop(
    programs: Programs, temporal_server: TemporalServer, database_url: str
) -> None:
    """The API as production runs it: it answers, and ends within its few seconds of grace."""
    assert run_command(["db", "upgrade"]) == 0
    port = free_port()
    started = api(programs, {**temporal_server.settings, "ASSENT_PORT": str(port), "ASSENT_DATABASE_URL": database_url})

    def answer() -> int:
        started.check_running()
        return httpx2.get(f"http://{LOOPBACK}:{port}/healthz", trust_env=False).status_code

    assert wait_until("it answers", answer, within=START_SECONDS, despite=(httpx2.HTTPError,)) == 200
    assert started.stop(signal.SIGTERM, within=5) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("settings", "code", "sentence"),
    [
        ({"ASSENT_CONFIG": "nowhere.yaml"}, 2, "nowhere.yaml"),
        ({"TEMPORAL_ADDRESS": f"{LOOPBACK}:1"}, 1, f"Temporal at {LOOPBACK}:1 cannot be reached"),
    ],
)
def test_api_that_cannot_start_says_why(
    programs: Programs, tmp_path: Path, settings: dict[str, str], code: int, sentence: str
) -> None:
    """What its services raise when they are opened is one sentence, never a traceback."""
    port = free_port()
    started = api(programs, {"ASSENT_PORT": str(port), "ASSENT_DATA_DIR": str(tmp_path), **settings})
    assert started.wait(START_SECONDS) == code
    assert sentence in started.log.splitlines()[-1]
    assert "Traceback" not in started.log
