"""Kill any process at any time: nothing is lost, decided twice, or run twice, and what is not known is said."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.eventually import eventually
from tests.support.processes import Programs
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.site import Site, open_site
from tests.support.temporal import TemporalServer

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def site(
    durable_temporal_server: TemporalServer,
    programs: Programs,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Site]:
    """A site whose API runs; each test starts and kills its own workers."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with open_site(durable_temporal_server, programs, sqlite_url, tmp_path) as opened:
        await opened.start_api()
        await opened.make_keys()
        yield opened


async def test_a_worker_killed_while_pending(site: Site) -> None:
    """The approval waits on; the next worker takes the decision that was made meanwhile."""
    worker = await site.start_worker()
    approval = await site.assessed("note.high")
    worker.kill9()
    waiting = await site.decide(approval)
    assert waiting.status_code == httpx2.codes.ACCEPTED
    assert waiting.json()["decision_id"]
    await site.start_worker()
    assert (await site.ended(approval))["status"] == "executed"
    again = await site.decide(approval)
    assert again.status_code == httpx2.codes.OK
    check_promises(site.database)


@pytest.mark.parametrize("record", ["open", "decide", "finish"])
async def test_a_worker_killed_between_a_record_and_its_workflow_task(site: Site, record: str) -> None:
    """The record stands, and the next worker adopts it: nothing is written or run a second time."""
    site.settings["CRASH_AFTER"] = record
    crashing = await site.start_worker("tests.support.crashing_worker")
    submitted = (await site.submit("note.medium")).json()
    if record != "open":
        await eventually("it is assessed", lambda: _risk(site, submitted["id"]), within=30)
        await site.decide(submitted)
    await eventually("the worker died", lambda: crashing.exit_code is not None, within=40)
    await site.start_worker()
    if record == "open":
        # The task that died with its worker is given to the next one after its timeout.
        await eventually("it can be decided", lambda: _decided(site, submitted), within=60)
    ended = await site.ended(submitted)
    assert ended["status"] == "executed"
    assert starts(submitted["id"]) == 1
    check_promises(site.database)


async def test_a_worker_killed_between_the_claim_and_the_start(site: Site) -> None:
    """Nobody can know that it had not started, so it never starts, and the record says so."""
    site.settings["CRASH_AFTER"] = "claim"
    crashing = await site.start_worker("tests.support.crashing_worker")
    approval = await site.assessed("note.medium")
    await site.decide(approval)
    await eventually("the worker died", lambda: crashing.exit_code is not None, within=40)
    await site.start_worker()
    ended = await site.ended(approval)
    assert ended["status"] == "failed"
    assert ended["execution"]["outcome_unknown"] is True
    assert starts(approval["id"]) == 0
    check_promises(site.database)


async def test_a_worker_killed_in_the_middle_of_an_operation(site: Site) -> None:
    """It is never started again by itself; the outcome is unknown, and an idempotent one is run again."""
    worker = await site.start_worker()
    once = await site.assessed("note.slow", seconds=20)
    often = await site.assessed("note.slow_idempotent", seconds=3)
    await asyncio.gather(site.decide(once), site.decide(often))
    await eventually("both run", lambda: starts(once["id"]) and starts(often["id"]))
    worker.kill9()
    await site.start_worker()
    ended = await site.ended(once)
    assert ended["status"] == "failed"
    assert ended["execution"]["outcome_unknown"] is True
    assert (await site.ended(often))["status"] == "executed"
    assert (starts(once["id"]), starts(often["id"])) == (1, 2)
    check_promises(site.database)


async def test_the_api_killed_in_a_request(site: Site) -> None:
    """A request whose answer was lost is sent again under its key and is still one approval."""
    await site.start_worker()
    api = site.api
    assert api is not None
    cut_off = [asyncio.create_task(site.submit("note.low", key=f"request-{number}")) for number in range(20)]
    await asyncio.sleep(0.15)
    api.kill9()
    answers = await asyncio.gather(*cut_off, return_exceptions=True)
    assert any(isinstance(answer, httpx2.HTTPError) for answer in answers)
    await site.start_api()
    repeated = [await site.submit("note.low", key=f"request-{number}") for number in range(20)]
    assert all(answer.is_success for answer in repeated)
    ids = {answer.json()["id"] for answer in repeated}
    assert len(ids) == 20
    told = {answer.json()["id"] for answer in answers if isinstance(answer, httpx2.Response)}
    assert told <= ids
    for answer in repeated:
        approval = answer.json()
        await eventually("it is assessed", partial(_risk, site, approval["id"]))
        assert (await site.decide(approval, "reject")).status_code == httpx2.codes.OK
    assert check_promises(site.database) == {"rejected": 20}


async def test_temporal_killed_and_started_again(site: Site) -> None:
    """Its file has everything: what was pending is decided and run afterwards."""
    await site.start_worker()
    pending = [await site.assessed("note.medium") for _ in range(5)]
    site.temporal.kill9()
    answer = await site.decide(pending[0])
    assert answer.status_code in (httpx2.codes.SERVICE_UNAVAILABLE, httpx2.codes.ACCEPTED)
    site.temporal.start()
    for approval in pending:
        await eventually("it can be decided", partial(_decided, site, approval), within=60)
        assert (await site.ended(approval))["status"] == "executed"
    assert check_promises(site.database) == {"executed": 5}


async def _risk(site: Site, approval_id: str) -> object:
    return (await site.read(approval_id)).json().get("risk")


async def _decided(site: Site, approval: dict[str, Any]) -> bool:
    return (await site.decide(approval)).status_code == httpx2.codes.OK
