"""Loading what is declared: whatever is wrong stops the start, with a sentence that names file, operation and place."""

import sys
from pathlib import Path

import pytest

from config.errors import ConfigurationError
from tests.operations.declared import FUNCTIONS, Load


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("run", "no.such.module:write", "cannot import no.such.module:write: No module named 'no'"),
        ("run", f"{FUNCTIONS}.deeper:write", f"cannot import {FUNCTIONS}.deeper:write: No module named"),
        ("run", f"{FUNCTIONS}:gone", f"cannot import {FUNCTIONS}:gone: module '{FUNCTIONS}' has no attribute 'gone'"),
        ("run", f"{FUNCTIONS}:NOT_A_FUNCTION", f"{FUNCTIONS}:NOT_A_FUNCTION is not a function"),
        ("parameters", "no_such_module:Note", "cannot import no_such_module:Note: No module named 'no_such_module'"),
        ("parameters", f"{FUNCTIONS}:Gone", f"cannot import {FUNCTIONS}:Gone"),
        ("parameters", f"{FUNCTIONS}:write", f"{FUNCTIONS}:write is not a pydantic model"),
        ("parameters", "builtins:dict", "builtins:dict is not a pydantic model"),
        ("parameters", f"{FUNCTIONS}:Unstrict", f"{FUNCTIONS}:Unstrict must be strict and forbid extra fields"),
        ("parameters", f"{FUNCTIONS}:Open", f"{FUNCTIONS}:Open must be strict and forbid extra fields"),
        ("parameters", f"{FUNCTIONS}:Loosened", "derive it from assent.operations.Parameters"),
        ("resource_id", "'[1-9'", "resource_id is not a regular expression: unterminated character set"),
        ("resource_id", "'a{99999999999999999999}'", "resource_id is not a regular expression: the repetition number"),
        ("resource_id", f"'{'(' * 2_000}{')' * 2_000}'", "resource_id is not a regular expression: maximum recursion"),
    ],
)
def test_a_declaration_that_cannot_run_stops_the_start(
    load: Load, tmp_path: Path, field: str, value: str, words: str
) -> None:
    """It is found out at the start, never after somebody approved it; the sentence names file, operation and place."""
    with pytest.raises(ConfigurationError) as refused:
        load(**{field: value})
    assert str(refused.value).startswith(f"{tmp_path / 'assent.yaml'}: ")
    assert "note.write: " in str(refused.value)
    assert words in str(refused.value)


def test_a_module_that_cannot_import_its_own_parts_is_named(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names what is declared and what is missing, which may be two different modules."""
    (tmp_path / "notes_with_a_gap.py").write_text("import a_library_that_is_not_installed\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        load(run="notes_with_a_gap:write")
    assert "cannot import notes_with_a_gap:write: No module named 'a_library_that_is_not_installed'" in str(
        refused.value
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def write(:\n", "invalid syntax"),
        ("    write = 1\n", "unexpected indent"),
        ("write = 1 / 0\n", "division by zero"),
        ("raise KeyError('DATABASE_URL')\n", "DATABASE_URL"),
        ("raise SystemExit('usage: notes')\n", "usage: notes"),
        ("def __getattr__(name):\n    raise ValueError(name + ' is lost')\n", "write is lost"),
    ],
    ids=["syntax", "indent", "division", "missing setting", "exit", "no attribute"],
)
def test_a_module_that_fails_in_any_way_is_named(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    """Importing runs the module: whatever it raises is a mistake in the configuration, with file and operation."""
    (tmp_path / "notes_that_fail.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "notes_that_fail", raising=False)
    with pytest.raises(ConfigurationError) as refused:
        load(run="notes_that_fail:write")
    sentence = str(refused.value)
    assert sentence.startswith(f"{tmp_path / 'assent.yaml'}: note.write: cannot import notes_that_fail:write: ")
    assert words in sentence


def test_a_wrong_file_stops_the_start(load: Load) -> None:
    """What the file's own checks refuse is refused here in the same words."""
    with pytest.raises(ConfigurationError, match=r"operations\.note\.write\.risk"):
        load(risk="severe")
