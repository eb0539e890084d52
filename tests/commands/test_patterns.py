"""`assent patterns`: what an operator does with direct access to the database."""

import json
from pathlib import Path

import pytest

from cli import run_command
from storage.audit import read_events
from storage.database import Database
from storage.patterns import PatternStore

ROOT = Path(__file__).parents[2]
DRAFT = ("--agent-id", "billing", "--operation-type", "data.export", "--resource-type", "customer")
CONDITION = ("--condition", "operation.parameters.limit < 100")


@pytest.fixture(autouse=True)
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The commands' database, migrated and empty; the file that comes with Assent declares the operations."""
    for name in ("ASSENT_SIGNING_KEYS", "ASSENT_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSENT_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("ASSENT_CONFIG", str(ROOT / "assent.yaml"))
    return Database(sqlite_url)


def add(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[str, str]:
    """Make a pattern; return its id and the warnings."""
    assert run_command(["patterns", "add", *DRAFT, *options]) == 0
    shown = capsys.readouterr()
    return shown.out.strip(), shown.err


def test_a_pattern_is_made_listed_and_suspended(capsys: pytest.CaptureFixture[str], database: Database) -> None:
    """Its id on standard output, warnings beside it; the log names the operator."""
    pattern_id, warnings = add(
        capsys,
        *CONDITION,
        *("--max-risk", "high", "--expires-at", "2999-01-01", "--max-per-day", "5"),
        *("--max-sum-per-day", "limit=250.5", "--note", "nightly\x1b[31m job"),
    )
    assert warnings == "warning: It lets operations of high risk through without a person.\n"
    assert run_command(["patterns", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{pattern_id}@1  active",
        "  billing: data.export on customer, up to high risk",
        "  when operation.parameters.limit < 100",
        "  today 0 of 5, 0 in all",
        "  limit up to 250.5 a day",
        "  until 2999-01-01 00:00 UTC",
        "  note: nightly\\x1b[31m job",
    ]
    (pattern,) = PatternStore(database).revisions(pattern_id)
    assert pattern.max_sum_per_day is not None
    assert (pattern.max_sum_per_day.parameter, pattern.max_sum_per_day.limit) == ("limit", 250.5)
    assert str(pattern.expires_at) == "2999-01-01 00:00:00+00:00"

    assert run_command(["patterns", "suspend", f"{pattern_id}@1"]) == 0
    assert capsys.readouterr().out == f"{pattern_id}@2 is suspended.\n"
    assert run_command(["patterns", "list"]) == 0
    assert capsys.readouterr().out.startswith(f"{pattern_id}@2  suspended\n")
    with database.read() as connection:
        told = [(line.action, line.actor) for _, line in read_events(connection, limit=10)]
    assert told == [("pattern.created", "operator:cli"), ("pattern.suspended", "operator:cli")]


def test_what_is_dangerous_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """In the list as in the warnings."""
    add(capsys, "--broad")
    add(capsys, "--condition", "context.rows < 5")
    assert run_command(["patterns", "list"]) == 0
    claims, broad = capsys.readouterr().out.split("\n01")
    assert claims.endswith("  trusts the agent's claims")
    assert "up to low risk" in claims
    assert broad.endswith("  when it asks\n  today 0 of 50, 0 in all\n  broad\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "This pattern is broad. It has no condition"),
        (("--condition", "1 +"), "condition: line 1, column 4: Syntax error"),
        ((*CONDITION, "--max-per-day", "0"), "--max-per-day: Input should be greater than or equal to 1."),
        ((*CONDITION, "--max-sum-per-day", "limit"), "--max-sum-per-day is 'limit': write it as"),
        ((*CONDITION, "--max-sum-per-day", "limit=much"), "--max-sum-per-day is 'limit=much': write it as"),
        ((*CONDITION, "--max-sum-per-day", "limit=-1"), "--max-sum-per-day is 'limit=-1': write it as"),
        ((*CONDITION, "--max-risk", "severe"), 'Invalid value "severe" for --max-risk'),
        ((*CONDITION, "--expires-at", "2020-01-01"), "expires_at 2020-01-01T00:00:00+00:00 has passed"),
    ],
)
def test_a_bad_draft_is_one_sentence(
    capsys: pytest.CaptureFixture[str], database: Database, options: tuple[str, ...], sentence: str
) -> None:
    """And nothing is made."""
    assert run_command(["patterns", "add", *DRAFT, *options]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(sentence)
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    with database.read() as connection:
        assert read_events(connection, limit=10) == []


def test_a_pattern_that_is_not_there_cannot_be_suspended(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence says so."""
    assert run_command(["patterns", "suspend", "nothing"]) == 1
    assert capsys.readouterr().err.startswith("There is no trusted pattern nothing.")


def test_a_backtest_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """On an empty history there is nothing to consider; the draft is checked all the same."""
    assert run_command(["patterns", "backtest", *DRAFT]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "considered": 0,
        "would_approve": 0,
        "humans": {"approved": 0, "rejected": 0, "expired": 0},
        "failed": 0,
        "rejected_examples": [],
    }
    assert run_command(["patterns", "backtest", *DRAFT, "--condition", "true +"]) == 1


def test_a_database_without_tables_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With what to run first."""
    monkeypatch.setenv("ASSENT_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    assert run_command(["patterns", "list"]) == 1
    assert "run `assent db upgrade`" in capsys.readouterr().err
