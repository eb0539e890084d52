"""The record is backed up while it is used, and restored under a Temporal that has gone on since."""

import asyncio
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select
from temporalio.client import Client, WorkflowExecutionStatus

from services.wiring import system_clock
from storage.database import Database
from storage.tables import audit_events
from tests.backup.conftest import Keeper, closed, documented, run
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.stack import Stack, make_settings, open_stack
from tests.support.temporal import NAMESPACE, TemporalServer, find_program

pytestmark = pytest.mark.timeout(180)

SUBMISSIONS = 12


async def test_a_record_restored_under_a_newer_temporal(
    keeper: Keeper,
    temporal_server: TemporalServer,
    temporal_client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is whole, what waits is decided, what ran since runs no second time, and what it does not know is ended."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, keeper.url, f"backup-{uuid.uuid4()}")
    async with open_stack(settings, temporal_client) as before, before.worker(sandbox=False):
        waits, half, ran = [await before.pending(f"note.{kind}") for kind in ("high", "quorum", "medium")]
        await before.decide(half, by="ada")
        submitting = [asyncio.create_task(before.submit("note.allowed")) for _ in range(SUBMISSIONS)]
        await asyncio.wait(submitting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(keeper.back_up)
        moment = system_clock()
        assert {answer.is_success for answer in await asyncio.gather(*submitting)} == {True}
        later, gone = [await before.pending("note.low") for _ in range(2)]
        for each in (ran, gone):
            assert (await before.decide(each)).is_success
            assert (await before.ended(each))["status"] == "executed"
            # The end is recorded a moment before the workflow has it.
            assert await before.temporal.get_workflow_handle(each["temporal"]["workflow_id"]).result()
        keys = before.keys
    with keeper.restored() as url:
        restored = settings.model_copy(update={"database_url": url})
        async with open_stack(restored, temporal_client, team=()) as after:
            after.keys |= keys
            with monkeypatch.context() as patch:
                # What the operations keep is not restored, and is ahead of the record.
                patch.setenv("ASSENT_DATA_DIR", str(tmp_path / "nothing-ran"))
                _check_whole(after.database)
            async with after.worker():
                assert (await after.decide(waits)).status_code == httpx2.codes.OK
                assert (await after.decide(half, by="bob")).status_code == httpx2.codes.OK
                assert {(await after.ended(each))["status"] for each in (waits, half)} == {"executed"}
                refused = await after.decide(ran)
                assert refused.status_code == httpx2.codes.CONFLICT
                assert "no longer running" in refused.json()["detail"]
                assert await closed(after, ran) == "cancelled"
                assert (await after.decide(later)).status_code == httpx2.codes.CONFLICT
                await _end_what_is_not_recorded(after, temporal_server, later, moment)
                assert (await _read(after, later))["status"] == "cancelled"
                assert (await _read(after, gone))["execution"]["outcome_unknown"] is True
            assert [starts(each["id"]) for each in (waits, half, ran, gone, later)] == [1, 1, 1, 1, 0]


async def _end_what_is_not_recorded(
    stack: Stack, server: TemporalServer, approval: dict[str, Any], moment: datetime
) -> None:
    """Terminate, by the command of the page, the workflows that were started after the backup."""
    places = {
        '"assent"': f'"{stack.settings.task_queue}"',
        "2026-11-25T03:00:00Z": moment.isoformat().replace("+00:00", "Z"),
    }
    program, *words = documented("temporal workflow terminate --yes", **places)
    where = ("--address", server.address, "--namespace", NAMESPACE)
    handle = stack.temporal.get_workflow_handle(approval["temporal"]["workflow_id"])

    async def ended() -> object:
        # Temporal lists a workflow a moment after it has it.
        await asyncio.to_thread(run, [find_program(program), *words, *where])
        return (await handle.describe()).status

    await eventually("it is ended", ended, until=WorkflowExecutionStatus.TERMINATED.__eq__, within=30)


async def _read(stack: Stack, approval: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await stack.get(f"/v1/approvals/{approval['id']}")).json()
    return found


def _check_whole(database: Database) -> None:
    """Hold a restored record against the promises, and its log against gaps."""
    counted = check_promises(database, all_ended=False)
    assert counted["pending"] == 3
    assert 1 <= counted["approved"] + counted["executed"] <= SUBMISSIONS
    with database.read() as connection:
        last, number = connection.execute(select(func.max(audit_events.c.seq), func.count())).one()
    assert last == number
