"""The compose file's `.env`, with secrets made for it."""

import stat
from pathlib import Path

import pytest

from config.signing_keys import parse_signing_keys
from dev.production import env_file

EXAMPLE = env_file.EXAMPLE.read_text(encoding="utf-8")


def test_each_secret_is_made_and_nothing_else() -> None:
    """Every empty secret gets one of its own; ports, addresses and comments stay as they are."""
    before, after = env_file.variables(EXAMPLE), env_file.variables(env_file.filled_in(EXAMPLE))
    made = {name: value for name, value in after.items() if value != before[name]}
    assert made.keys() == {
        "POSTGRES_PASSWORD",
        "POSTGRES_ASSENT_PASSWORD",
        "POSTGRES_TEMPORAL_PASSWORD",
        "ASSENT_SIGNING_KEYS",
        "ASSENT_ADMIN_KEY",
    }
    assert len(set(made.values())) == len(made)
    assert min(len(value) for value in made.values()) >= 43
    assert parse_signing_keys(made["ASSENT_SIGNING_KEYS"]).keys() == {"k1"}


def test_what_is_set_stays() -> None:
    """A secret of one's own is not replaced."""
    assert env_file.filled_in("A_KEY=mine\n# a comment\nA_PASSWORD=\n").startswith(
        "A_KEY=mine\n# a comment\nA_PASSWORD="
    )
    assert env_file.filled_in("PORT=\n") == "PORT=\n"


def test_the_script_writes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is readable by its owner only; a second run leaves it alone and says so."""
    example = tmp_path / ".env.example"
    example.write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.setattr(env_file, "EXAMPLE", example)
    assert env_file.main() == 0
    written = tmp_path / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    first = written.read_text(encoding="utf-8")
    assert env_file.main() == 1
    assert written.read_text(encoding="utf-8") == first
    assert "stays as it is" in capsys.readouterr().err
