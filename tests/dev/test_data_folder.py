"""The data folder and its signing key are their owner's alone."""

import stat
from pathlib import Path

import pytest

from config.errors import StartError
from config.signing_keys import parse_signing_keys
from dev.data_folder import keep_signing_key, prepare_data_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_signing_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """Open approvals must verify after a restart, and nobody else on the machine may sign."""
    prepare_data_folder(tmp_path / "new" / "data")
    path = keep_signing_key(tmp_path / "new" / "data")
    first = path.read_text(encoding="utf-8")
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [len(secret) for secret in parse_signing_keys(first).values()] == [32]
    assert keep_signing_key(path.parent) == path
    assert path.read_text(encoding="utf-8") == first
    assert [each.name for each in path.parent.iterdir()] == ["signing.key"]


def test_signing_key_that_others_could_read_is_closed(tmp_path: Path) -> None:
    """A copy of the folder may have lost the key's mode."""
    path = keep_signing_key(tmp_path)
    path.chmod(0o644)
    keep_signing_key(tmp_path)
    assert mode(path) == 0o600


def test_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the way is named, with the option that chooses another folder."""
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"file/data cannot be made \(Not a directory\): choose another by --data-dir"):
        prepare_data_folder(tmp_path / "file" / "data")
