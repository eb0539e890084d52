"""Temporal is restored to an earlier moment: alone, which is safe, and with the record, which is not by itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assent.models import NewKey, Role
from config.settings import Settings
from tests.backup.conftest import SqliteKeeper, closed, documented, run
from tests.support.eventually import eventually
from tests.support.runs import starts
from tests.support.sqlite import SqliteTemplate
from tests.support.stack import Stack, make_settings, open_stack
from tests.support.temporal import NAMESPACE, TemporalServer, connect, find_program

TEAM = (
    NewKey(name="agent", role=Role.AGENT),
    NewKey(name="ada", role=Role.REVIEWER),
    NewKey(name="bob", role=Role.REVIEWER),
)

pytestmark = pytest.mark.timeout(180)


@dataclass
class Machine:
    """One machine with all state in files, as `assent dev` has it."""

    temporal: TemporalServer
    settings: Settings
    temporal_file: SqliteKeeper
    record_file: SqliteKeeper
    keys: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Stack]:
        """Serve the API; the keys are made on the first time."""
        team = () if self.keys else TEAM
        async with open_stack(self.settings, await connect(self.temporal), team=team) as stack:
            stack.keys |= self.keys
            self.keys = stack.keys
            yield stack

    async def back_up(self) -> None:
        """Back both up, Temporal first."""
        for keeper in (self.temporal_file, self.record_file):
            await asyncio.to_thread(keeper.back_up)

    def rewind(self, *keepers: SqliteKeeper) -> None:
        """Kill Temporal, restore some files, and start it again."""
        self.temporal.kill9()
        for keeper in keepers:
            with keeper.restored():
                pass
        self.temporal.start()


@pytest.fixture
def machine(
    durable_temporal_server: TemporalServer,
    sqlite_template: SqliteTemplate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    """A machine on which Temporal runs."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    url = sqlite_template.copy(tmp_path / "assent.db")
    settings = make_settings(tmp_path, url, f"backup-{uuid.uuid4()}")
    files = SqliteKeeper(url, tmp_path, "temporal"), SqliteKeeper(url, tmp_path)
    return Machine(durable_temporal_server, settings, *files)


async def test_a_record_that_is_newer_than_temporal(machine: Machine) -> None:
    """What it says has happened stays so, votes count, and what Temporal has lost is closed."""
    async with machine.api() as stack, stack.worker(sandbox=False):
        half, ran = await stack.pending("note.quorum"), await stack.pending("note.high")
        await machine.back_up()
        await stack.decide(half, by="ada")
        await stack.decide(ran)
        assert (await stack.ended(ran))["status"] == "executed"
        later = await stack.pending("note.low")
    machine.rewind(machine.temporal_file)
    async with machine.api() as stack, stack.worker(sandbox=False):
        assert (await stack.decide(half, by="bob")).status_code == httpx2.codes.OK
        assert (await stack.ended(half))["decided_by"] == ["reviewer:ada", "reviewer:bob"]
        assert (await stack.decide(ran)).status_code == httpx2.codes.CONFLICT
        assert await closed(stack, later) == "cancelled"
        assert _starts(half, ran, later) == [1, 1, 0]


async def test_a_restore_of_both_to_one_moment(machine: Machine) -> None:
    """The pause holds what ran since; what is ended under it never runs again, and what is not ended does."""
    async with machine.api() as stack:
        async with stack.worker(sandbox=False):
            waited = await stack.pending("note.high")
        # Nobody has assessed these when the backup is made: a rule will let them through.
        submitted = await asyncio.gather(*(stack.submit("note.allowed") for _ in range(2)))
        known, unknown = [answer.json() for answer in submitted]
        await machine.back_up()
        async with stack.worker(sandbox=False):
            await stack.decide(waited)
            for each in (waited, known, unknown):
                assert (await stack.ended(each))["status"] == "executed"
    machine.rewind(machine.temporal_file, machine.record_file)
    async with machine.api() as stack:
        assert (await _order(stack, "pause", {"reason": "restored"})).status_code == httpx2.codes.CREATED
        async with stack.worker(sandbox=False):
            for each in (known, unknown):
                await eventually("it is held", partial(_held, stack, each), within=30)
            await _terminate(machine.temporal, known)
            assert await closed(stack, known) == "cancelled"
            cancelled = await stack.http.post(f"/v1/approvals/{waited['id']}/cancel", headers=stack.bearer("admin"))
            assert cancelled.json()["status"] == "cancelled"
            assert _starts(waited, known, unknown) == [1, 1, 1]
            assert (await _order(stack, "resume", {})).is_success
            assert (await stack.ended(unknown))["status"] == "executed"
            assert _starts(waited, known, unknown) == [1, 1, 2]


async def _terminate(temporal: TemporalServer, approval: dict[str, Any]) -> None:
    """End one approval's workflow, by the command of the page."""
    example = "approval-01a21313-0fdf-72be-aa1c-ab6f4cdc8cdc"
    program, *words = documented(
        "temporal workflow terminate --workflow-id", **{example: approval["temporal"]["workflow_id"]}
    )
    where = ("--address", temporal.address, "--namespace", NAMESPACE)
    await asyncio.to_thread(run, [find_program(program), *words, *where])


async def _order(stack: Stack, word: str, body: dict[str, str]) -> httpx2.Response:
    return await stack.http.post(f"/v1/{word}", headers=stack.bearer("admin"), json=body)


async def _held(stack: Stack, approval: dict[str, Any]) -> bool:
    found = (await stack.get(f"/v1/approvals/{approval['id']}")).json()
    return found["status"] == "approved" and found["pause"] is not None


def _starts(*some: dict[str, Any]) -> list[int]:
    return [starts(each["id"]) for each in some]
