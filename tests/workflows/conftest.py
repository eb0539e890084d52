"""The desk on the server that skips time, and on the real one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.support.desk import Desk, open_desk


@pytest.fixture
async def skipping_desk(
    time_skipping_env: WorkflowEnvironment, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """A desk where a day passes at once while a result is awaited."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_desk(time_skipping_env.client, sqlite_url) as desk:
        yield desk


@pytest.fixture
async def desk(
    temporal_client: Client, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """A desk on the real dev server."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_desk(temporal_client, sqlite_url) as opened:
        yield opened
