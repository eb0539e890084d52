"""`assent policy check`: a file is good, or each mistake has its line, before it is put in force."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli import run_command

ROOT = Path(__file__).parents[2]
OPERATION = """\
version: 1
operations:
  note.write:
    resource_types: [note]
    run: tests.support.runs:note
    parameters: tests.support.runs:Note
    version: "1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file to check is."""
    return tmp_path / "policy.yaml"


def test_the_file_that_comes_with_assent_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a warning, and with its version."""
    assert run_command(["policy", "check", str(ROOT / "assent.yaml")]) == 0
    shown = capsys.readouterr()
    assert "can be used: 7 operations, 8 rules, policy version " in shown.out
    assert "warning" not in shown.out
    assert shown.err == ""


def test_every_mistake_is_a_line_with_its_place(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, in the form that editors and CI know; the exit code is 2."""
    rules = "rules:\n  - {name: one, risk: severe}\n  - name: two\n    when: nobody == 1\n    verdict: deny\n"
    file.write_text(OPERATION + rules)
    assert run_command(["policy", "check", str(file)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.splitlines()
    assert first.startswith(f"{file}:9: rules.one.risk: ")
    assert second.startswith(f"{file}:11: rules.two.when: line 1, column 1: undeclared reference to 'nobody'")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OPERATION.replace("runs:note", "runs:gone"), "note.write: cannot import tests.support.runs:gone"),
        (OPERATION + "notify: {url: 'http://hooks.example.com'}", ":8: notify: plain http is for private addresses"),
        ("version: [", ":1: while parsing a flow node"),
        ("", "cannot be used"),
    ],
)
def test_what_would_stop_a_start_does_not_pass(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    """Also what is wrong outside the rules."""
    file.write_text(text)
    assert run_command(["policy", "check", str(file)]) == 2
    shown = capsys.readouterr()
    assert str(file) in shown.err
    assert words in shown.err or "valid dictionary" in shown.err


def test_a_file_that_is_not_there_does_not_pass(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence names it."""
    assert run_command(["policy", "check", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"Cannot read {file}: ")


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        ("{when: context.x == 1, risk: high}", "its condition reads `context`"),
        ("{verdict: allow}", "it lets every agent through without a condition"),
        ("{risk: low}", "`risk: low` lowers nothing"),
        ("{risk: high, match: {operation_type: note.read}}", "no declared operation has such a type"),
        ("{risk: high, match: {resource_type: memo}}", "no declared operation has such a type"),
    ],
)
def test_what_is_most_often_not_meant_is_a_warning(
    file: Path, capsys: pytest.CaptureFixture[str], rule: str, warning: str
) -> None:
    """It passes all the same."""
    file.write_text(f"{OPERATION}rules:\n  - {rule.replace('{', '{name: odd, ', 1)}\n")
    assert run_command(["policy", "check", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{file}: warning: rule odd: ")
    assert warning in lines[0]


def test_the_command_itself_ends_with_the_code(file: Path) -> None:
    """As CI sees it."""
    file.write_text(OPERATION + "rules: [{name: one}]\n")
    checked = subprocess.run(  # noqa: S603  our own command
        [sys.executable, str(ROOT / "cli.py"), "policy", "check", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 2
    assert checked.stderr.startswith(f"{file}:8: rules.one: it has no effect")
