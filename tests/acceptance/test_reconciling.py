"""A worker as production runs it finds by itself what Temporal has lost."""

import asyncio
import uuid
from pathlib import Path

import pytest

from domain.approval import workflow_id_of
from tests.support.processes import Programs
from tests.support.promises import check_promises
from tests.support.site import open_site
from tests.support.temporal import TemporalServer

pytestmark = pytest.mark.timeout(180)


async def test_what_was_terminated_is_closed_within_a_minute(
    temporal_server: TemporalServer,
    programs: Programs,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At its own pace, beside its tasks; what still runs waits on."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_site(temporal_server, programs, sqlite_url, tmp_path) as site:
        site.settings["ASSENT_TASK_QUEUE"] = f"reconcile-{uuid.uuid4()}"
        await site.start_api()
        await site.make_keys()
        worker = await site.start_worker()
        lost, waiting = [await site.assessed("note.low") for _ in range(2)]
        workflow = ("workflow", "terminate", "--workflow-id", workflow_id_of(lost["id"]), "--reason", "a test")
        await asyncio.to_thread(temporal_server.command, *workflow)
        ended = await site.ended(lost, within=60)
        assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:reconcile"])
        assert "approval.closed" in worker.log
        await site.decide(waiting)
        assert (await site.ended(waiting))["status"] == "executed"
        assert check_promises(site.database) == {"cancelled": 1, "executed": 1}
