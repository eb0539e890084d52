"""Loads what the tests declare."""

from pathlib import Path

import pytest

from operations.registry import OperationRegistry
from services.wiring import load_assent_file
from tests.operations.declared import FIELDS, Load


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a file that declares `note.write` with some fields changed, and `note.erase` as it is."""

    def load(**changes: str) -> OperationRegistry:
        fields = "".join(f"    {name}: {value}\n" for name, value in {**FIELDS, **changes}.items())
        others = "".join(f"    {name}: {value}\n" for name, value in FIELDS.items())
        path = tmp_path / "assent.yaml"
        path.write_text(f"version: 1\noperations:\n  note.write:\n{fields}  note.erase:\n{others}", encoding="utf-8")
        return load_assent_file(path)[0]

    return load
