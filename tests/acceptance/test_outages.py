"""The database goes away for half a minute while decisions arrive: all of them finish by themselves once it is back."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from assent.models import ApprovalStatus
from tests.support.desk import open_desk
from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer
from tests.support.promises import check_promises
from tests.support.sqlite import locked
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)

DECISIONS = 100
OUTAGE_SECONDS = 30


async def test_a_locked_database_while_decisions_arrive(stack: Stack) -> None:
    """SQLite cannot be written for 30 s: reviewers are told 202, never a guess, and everything runs once."""
    async with stack.worker(sandbox=False, max_cached_workflows=1000):
        pending = [approval for _ in range(DECISIONS // 10) for approval in await _ten_pending(stack)]
        with locked(stack.settings.database_url):
            outage = asyncio.create_task(asyncio.sleep(OUTAGE_SECONDS))
            answers = await asyncio.gather(*(stack.decide(approval) for approval in pending))
            refused = await stack.submit(idempotency_key="in-the-outage")
            await outage
        assert {answer.status_code for answer in answers} == {httpx2.codes.ACCEPTED}
        assert refused.status_code in (httpx2.codes.ACCEPTED, httpx2.codes.SERVICE_UNAVAILABLE)
        ended = await asyncio.gather(*(stack.ended(approval, within=120) for approval in pending))
    assert {approval["status"] for approval in ended} == {"executed"}
    assert check_promises(stack.database, all_ended=False)["executed"] == DECISIONS


async def _ten_pending(stack: Stack) -> list[dict[str, Any]]:
    return await asyncio.gather(*(stack.pending() for _ in range(10)))


async def test_a_stopped_database_while_decisions_arrive(
    temporal_client: Client,
    postgres_server: PostgresServer,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL is stopped for 30 s: a signal's acknowledgement never waits for it, and everything runs once."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_desk(temporal_client, postgres_url) as desk:
        async with desk.worker(sandbox=False, max_cached_workflows=1000):
            requests = [desk.request() for _ in range(DECISIONS)]
            handles = [await desk.start(request) for request in requests]
            await eventually(
                "all are assessed",
                lambda: check_promises(desk.database, all_ended=False)["pending"] == DECISIONS,
                within=60,
            )
            await asyncio.to_thread(postgres_server.stop)
            stopped_at = asyncio.get_running_loop().time()
            for request, handle in zip(requests, handles, strict=True):
                await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
            acknowledged_in = asyncio.get_running_loop().time() - stopped_at
            await asyncio.sleep(max(0.0, OUTAGE_SECONDS - acknowledged_in))
            await asyncio.to_thread(postgres_server.start)
            states = await asyncio.wait_for(asyncio.gather(*(handle.result() for handle in handles)), timeout=120)
        assert acknowledged_in < OUTAGE_SECONDS
        assert {state.status for state in states} == {ApprovalStatus.EXECUTED}
        assert check_promises(desk.database)["executed"] == DECISIONS
