"""Policy and trusted patterns on the whole service: exact quotas, rules that reload, and the file that comes along."""

import asyncio
import dataclasses
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from tests.api.policies import change, decider, export, make_pattern, post
from tests.support.promises import check_promises
from tests.support.runs import starts
from tests.support.stack import OPERATIONS, Stack, make_settings, open_stack
from tests.support.temporal import TemporalServer, connect

SUBMISSIONS = 200
PER_DAY = 50
SHIPPED = Path(__file__).parents[2] / "assent.yaml"


@pytest.fixture
async def on_each_database(
    temporal_server: TemporalServer, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    """Assent on one database after the other, with two workers as production runs them."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, database_url, f"assent-{uuid.uuid4()}")
    async with open_stack(settings, await connect(temporal_server)) as stack:
        # A client serves one worker of a task queue.
        second = dataclasses.replace(stack, temporal=await connect(temporal_server))
        options: dict[str, Any] = {"sandbox": False, "max_cached_workflows": 1000}
        async with stack.worker(**options), second.worker(**options):
            yield stack


async def test_two_hundred_at_once_against_a_quota_of_fifty(on_each_database: Stack) -> None:
    """Exactly fifty go through, and run once each; all the others wait for a person."""
    stack = on_each_database
    pattern = await make_pattern(stack, "agent", max_per_day=PER_DAY)
    operation = {"type": "data.export", "resource_type": "customer", "parameters": {"limit": 99}}
    answers = await asyncio.gather(*(stack.submit(operation=operation) for _ in range(SUBMISSIONS)))
    assert {answer.status_code for answer in answers} <= {httpx2.codes.CREATED, httpx2.codes.ACCEPTED}
    approvals = await asyncio.gather(*(_assessed(stack, answer.json()["id"]) for answer in answers))
    decided = Counter(tuple(approval["decided_by"]) for approval in approvals)
    assert decided == {(decider(pattern),): PER_DAY, (): SUBMISSIONS - PER_DAY}
    let_through = [approval for approval in approvals if approval["decided_by"]]
    ended = await asyncio.gather(*(stack.ended(approval, within=60) for approval in let_through))
    assert {approval["status"] for approval in ended} == {"executed"}
    assert {starts(approval["id"]) for approval in let_through} == {1}
    read = (await stack.get(f"/v1/trusted-patterns/{pattern['id']}")).json()
    assert (read["matched"], read["matched_today"]) == (PER_DAY, PER_DAY)
    assert check_promises(stack.database, all_ended=False) == {"executed": PER_DAY, "pending": SUBMISSIONS - PER_DAY}


async def _assessed(stack: Stack, approval_id: str) -> dict[str, Any]:
    """Wait until a worker has assessed an approval, and return it."""
    while True:
        approval: dict[str, Any] = (await stack.get(f"/v1/approvals/{approval_id}")).json()
        if approval["risk"] is not None:
            return approval
        # Two hundred ask at once, and the worker needs the processor more.
        await asyncio.sleep(1)


async def test_a_suspension_holds_from_its_answer_on(on_each_database: Stack) -> None:
    """Whatever is submitted after the 200 waits for a person, on every worker."""
    pattern = await make_pattern(on_each_database, "agent", max_per_day=1000)
    for _ in range(5):
        current = (await change(on_each_database, pattern, status="active")).json()
        before = await asyncio.gather(*(export(on_each_database, "agent") for _ in range(4)))
        assert {tuple(approval["decided_by"]) for approval in before} == {(decider(current),)}
        suspended = await change(on_each_database, pattern, by="ada", status="suspended")
        assert suspended.status_code == httpx2.codes.OK
        after = await asyncio.gather(*(export(on_each_database, "agent") for _ in range(4)))
        assert {approval["status"] for approval in after} == {"pending"}


async def test_saved_rules_are_in_force_and_wrong_ones_are_not(
    temporal_client: Client, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API and worker follow the file. A mistake is refused whole: the rules stay, the API says why, and all goes on."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    file = tmp_path / "assent.yaml"
    shutil.copy(OPERATIONS, file)
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}").model_copy(update={"config": file})
    good = file.read_text()

    def save(text: str) -> None:
        file.write_text(text)
        settled = time.time() - 1
        os.utime(file, (settled, settled))

    async with open_stack(settings, temporal_client) as stack, stack.worker():
        open_one = await stack.pending("note.high")
        before = (await stack.get("/v1/policy")).json()
        save(good + "  - {name: no-more-notes, match: {operation_type: note.high}, verdict: deny}\n")
        assert (await stack.submit("note.high")).json()["decided_by"] == ["policy:no-more-notes"]
        strict = (await stack.get("/v1/policy")).json()
        assert strict["version"] != before["version"]

        save(good.replace("verdict: deny", "verdict: maybe"))
        assert (await stack.submit("note.high")).json()["decided_by"] == ["policy:no-more-notes"]
        refused = (await stack.get("/v1/policy")).json()
        assert refused["version"] == strict["version"]
        assert "rules.denied-notes.verdict: Input should be 'ask', 'allow' or 'deny'" in refused["problem"]

        save(good)
        again = (await stack.submit("note.high")).json()
        assert (again["status"], again["policy_version"]) == ("pending", before["version"])
        unchanged = (await stack.get(f"/v1/approvals/{open_one['id']}", by="agent")).json()
        assert unchanged == open_one


@pytest.fixture
async def shop(
    temporal_client: Client, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    """Assent with the file that comes along, and a worker."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}").model_copy(update={"config": SHIPPED})
    async with open_stack(settings, temporal_client) as stack, stack.worker():
        yield stack


async def submit(stack: Stack, operation_type: str, resource_type: str, **rest: Any) -> httpx2.Response:  # noqa: ANN401  any JSON
    """Ask for one of the shop's operations."""
    by = rest.pop("by", "agent")
    resource_id = rest.pop("resource_id", "")
    operation = {
        "type": operation_type,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "parameters": rest,
    }
    return await stack.submit(by=by, operation=operation)


async def test_one_agent_is_trusted_for_its_reads(shop: Stack) -> None:
    """The project's first example on the shop: this agent reads a customer at once, another one still waits."""
    reads = {"agent_id": "agent", "operation_type": "customer.read", "resource_type": "customer", "broad": True}
    pattern = (await post(shop, "/v1/trusted-patterns", reads)).json()
    approval = (await submit(shop, "customer.read", "customer", resource_id="7")).json()
    ended = await shop.ended(approval)
    assert (ended["status"], ended["decided_by"]) == ("executed", [decider(pattern)])
    assert ended["execution"]["result"]["id"] == 7
    other = await submit(shop, "customer.read", "customer", resource_id="7", by="other-agent")
    assert (other.json()["status"], other.json()["risk"]["level"]) == ("pending", "low")


async def test_exports_of_under_a_hundred_records(shop: Stack) -> None:
    """The project's second example on the shop: 99 go through; 100 wait; what is no such number is never stored."""
    condition = "operation.parameters.limit > 0 && operation.parameters.limit < 100"
    exports = {"operation_type": "data.export", "resource_type": "customer", "condition": condition}
    pattern = (await post(shop, "/v1/trusted-patterns", {"agent_id": "agent", **exports})).json()
    let_through = (await submit(shop, "data.export", "customer", limit=99)).json()
    ended = await shop.ended(let_through)
    assert (ended["decided_by"], ended["execution"]["result"]["rows"]) == ([decider(pattern)], 99)
    waiting = (await submit(shop, "data.export", "customer", limit=100)).json()
    assert (waiting["status"], waiting["risk"]["level"]) == ("pending", "high")
    for wrong in ({"limit": -1}, {"limit": "99"}, {}):
        answer = await submit(shop, "data.export", "customer", **wrong)
        assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
