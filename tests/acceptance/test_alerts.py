"""Alerts on the whole service: the three moments of an approval, and a receiver that never answers."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import worker
from assent.alerts import Alert, AlertType
from assent.models import ApprovalStatus, RiskLevel
from config.errors import SettingsError
from domain.policy import Policy
from services.alert_receiver import AlertReceiver
from services.alerts import Alerts
from services.wiring import system_clock
from storage.alerts import AlertStore
from telemetry.process import open_telemetry
from tests.support.eventually import eventually
from tests.support.processes import Programs
from tests.support.promises import check_promises
from tests.support.receivers import HANG, SECRET, Receiver, open_receiver
from tests.support.site import open_site
from tests.support.stack import OPERATIONS, Stack, make_settings
from tests.support.temporal import TemporalServer

BRIEF = timedelta(seconds=2)


@asynccontextmanager
async def alerting(stack: Stack, receiver: Receiver) -> AsyncIterator[None]:
    """Run a worker as its process does that has `notify`, with little time to decide what is of low risk."""
    rules = stack.policy.current()
    times = {RiskLevel.LOW: BRIEF}
    policy = Policy(rules.declarations, rules.rules, times)
    alerts = Alerts(AlertStore(stack.database), AlertReceiver(receiver.notify(), [SECRET]), clock=system_clock)
    async with stack.worker(alerts=True, policy=lambda: policy, sandbox=False, max_cached_workflows=1000):
        sending = asyncio.create_task(alerts.run())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def told(receiver: Receiver, approval: dict[str, Any]) -> list[Alert]:
    """Return what was told of an approval, in order."""
    found = [Alert.model_validate(post.verified()) for post in receiver.posts]
    return [alert for alert in found if alert.data.id == approval["id"]]


async def test_people_are_told_at_three_moments(stack: Stack) -> None:
    """When it arrives, at half its time, and when it ends: an expiry has all three, a decision in time two.

    What a rule lets through at once is never told, since nobody is asked.
    """
    async with open_receiver() as receiver, alerting(stack, receiver):
        allowed = (await stack.submit("note.allowed")).json()
        expiring, decided = await stack.pending(), await stack.pending("note.high")
        await stack.decide(decided)
        await asyncio.gather(*(stack.ended(approval) for approval in (allowed, expiring, decided)))
        await eventually("the ends are told", lambda: receiver.types.count(AlertType.ENDED), until=lambda n: n == 2)
    assert [alert.type for alert in told(receiver, expiring)] == list(AlertType)
    arrival, half, end = told(receiver, expiring)
    assert arrival.timestamp == arrival.data.created_at
    assert half.timestamp - arrival.timestamp == end.data.expires_at - half.timestamp == BRIEF / 2
    assert (half.data.status, end.data.status) == (ApprovalStatus.PENDING, ApprovalStatus.EXPIRED)
    assert (end.data.decided_by, end.timestamp) == (["system:timeout"], end.data.closed_at)
    (_, executed) = told(receiver, decided)
    assert (executed.type, executed.data.status) == (AlertType.ENDED, ApprovalStatus.EXECUTED)
    assert executed.data.decided_by == ["reviewer:ada"]
    assert told(receiver, allowed) == []
    assert len({post.alert_id for post in receiver.posts}) == len(receiver.posts) == 5


async def test_a_receiver_that_never_answers_delays_nothing(
    temporal_server: TemporalServer,
    programs: Programs,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a request hangs, approvals end, the worker shows its life, and it stops when it is told to."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    async with (
        open_receiver(lambda _: HANG) as receiver,
        open_site(temporal_server, programs, sqlite_url, tmp_path) as site,
    ):
        notify = f"notify: {{url: '{receiver.url()}', private_addresses: true}}\n"
        file = tmp_path / "assent.yaml"
        file.write_text(OPERATIONS.read_text(encoding="utf-8") + notify, encoding="utf-8")
        site.settings |= {
            "ASSENT_CONFIG": str(file),
            "ASSENT_TASK_QUEUE": f"assent-{uuid.uuid4()}",
            "ASSENT_NOTIFY_SECRET": SECRET,
            "ASSENT_PUBLIC_URL": "https://assent.example.com",
        }
        _, running = await asyncio.gather(site.start_api(), site.start_worker())
        await site.make_keys()
        first = await site.assessed("note.high")
        await eventually("the receiver is asked", lambda: receiver.posts, within=30)
        for approval in (first, await site.assessed("note.high")):
            assert (await site.decide(approval)).is_success
            assert (await site.ended(approval))["status"] == "executed"
        assert (await site.http.get("/readyz")).is_success
        assert receiver.posts[0].told["data"]["url"] == f"https://assent.example.com/approvals/{first['id']}"
        assert running.stop(signal.SIGTERM) == 0
        assert "token-4711" not in running.log
        check_promises(site.database)


async def test_a_worker_does_not_start_without_a_secret(tmp_path: Path) -> None:
    """It says what to set and how to make one, before it connects to anything."""
    file = tmp_path / "assent.yaml"
    text = OPERATIONS.read_text(encoding="utf-8") + "notify: {url: 'https://hooks.example.com/x-4711'}\n"
    file.write_text(text, encoding="utf-8")
    settings = make_settings(tmp_path, f"sqlite:///{tmp_path}/assent.db", "nobody").model_copy(update={"config": file})
    missing = pytest.raises(SettingsError, match="ASSENT_NOTIFY_SECRET is not set")
    with open_telemetry("worker", settings) as telemetry, missing as refused:
        await worker.run(settings, telemetry)
    assert "Make one by: python3 -c '" in str(refused.value)
    assert refused.value.exit_code == 2
