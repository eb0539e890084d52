"""An API and a worker as processes, and all that can happen to approvals, with a word of its own wherever one fits."""

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import text
from temporalio.client import Client

from tests.support.eventually import eventually
from tests.support.otlp import Collector, SentSpan
from tests.support.ports import LOOPBACK, free_port
from tests.support.processes import Programs
from tests.support.site import Site, open_site
from tests.support.temporal import TemporalServer, connect

WORD = "quokka"
"""Part of everything that an agent or a person writes here, and of nothing else."""

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
AGENTS_SPAN_ID = "00f067aa0ba902b7"


@dataclass(frozen=True)
class Watched:
    """What both processes told of themselves: their metrics before they ended, their logs and spans after."""

    approvals: dict[str, dict[str, Any]]
    pages: dict[str, str]
    logs: dict[str, str]
    spans: list[SentSpan]


async def watch_story(temporal: TemporalServer, database_url: str, folder: Path, collector: Collector) -> Watched:
    """Run the story from the first start to the last word."""
    ports = {"api": free_port(), "worker": free_port()}
    with Programs(folder) as programs:
        async with open_site(temporal, programs, database_url, folder) as site:
            site.settings |= {
                "ASSENT_LOG_FORMAT": "json",
                "ASSENT_TASK_QUEUE": f"assent-{uuid.uuid4()}",
                "ASSENT_WORKER_SANDBOX": "true",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                # Nothing is sent before the end of a process.
                "OTEL_BSP_SCHEDULE_DELAY": "600000",
            }
            site.settings["ASSENT_METRICS_ADDRESS"] = f"{LOOPBACK}:{ports['api']}"
            api = await site.start_api()
            site.settings["ASSENT_METRICS_ADDRESS"] = f"{LOOPBACK}:{ports['worker']}"
            worker = await site.start_worker()
            await site.make_keys()
            approvals = await _live(site, await connect(temporal))
            pages = {name: await _page(port) for name, port in ports.items()}
            for program in (api, worker):
                await asyncio.to_thread(program.stop)
    return Watched(approvals, pages, {name: _log(folder, name) for name in ports}, collector.spans)


async def _live(site: Site, temporal: Client) -> dict[str, dict[str, Any]]:
    pending = {
        name: await _submitted(site, operation_type, **parameters)
        for name, operation_type, parameters in (
            ("executed", "note.low", {"text": WORD}),
            ("rejected", "note.high", {}),
            ("cancelled", "note.low", {}),
            ("failed", "note.fail", {}),
            ("flaky", "note.flaky", {"times": 1}),
            ("unknown", "note.hang", {"seconds": 3}),
            ("tampered", "note.medium", {}),
            ("waiting", "note.critical", {}),
        )
    }
    await _refusals(site, temporal, pending["waiting"])
    await _sent(site, "POST", f"/v1/approvals/{pending['cancelled']['id']}/cancel", by="agent")
    with site.database.write() as connection:
        changed = text("UPDATE approvals SET parameters = :parameters WHERE id = :id")
        connection.execute(changed, {"parameters": f'{{"text":"{WORD}"}}', "id": pending["tampered"]["id"]})
    await _decide(site, pending["rejected"], "reject")
    for name in ("executed", "failed", "flaky", "unknown", "tampered"):
        await _decide(site, pending[name], "approve")
    ended = {
        name: await site.ended(pending[name])
        for name in ("executed", "rejected", "cancelled", "failed", "flaky", "unknown", "tampered")
    }
    unknown = f"/v1/approvals/{ended['unknown']['id']}"
    assert (await _sent(site, "POST", f"{unknown}/settle", by="admin", outcome="failed", note=WORD)).is_success
    return pending | ended


async def _submitted(site: Site, operation_type: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    operation = {"type": operation_type, "resource_type": "note", "resource_id": WORD, "parameters": parameters}
    answer = await site.http.post(
        "/v1/approvals",
        headers=site.bearer("agent")
        | {
            "traceparent": f"00-{TRACE_ID}-{AGENTS_SPAN_ID}-01",
            "tracestate": f"vendor={WORD}",
            "baggage": f"told={WORD}",
            "Idempotency-Key": f"{WORD}-{operation_type}-{uuid.uuid4()}",
        },
        json={"operation": operation, "reason": f"They asked for a {WORD}.", "context": {"why": WORD}},
    )
    assert answer.is_success, answer.text

    async def look() -> dict[str, Any]:
        found: dict[str, Any] = (await site.read(answer.json()["id"])).json()
        return found

    return await eventually("it is assessed", look, until=lambda found: found.get("risk"), within=30)


async def _refusals(site: Site, temporal: Client, approval: dict[str, Any]) -> None:
    """Try what is refused, always with the word where a caller chooses one."""
    wrong = dict(approval) | {"digest": "0" * 64}
    assert (await _decide(site, wrong, "approve")).status_code == httpx2.codes.CONFLICT
    assert (await _sent(site, "GET", f"/v1/trusted-patterns/{WORD}", by="agent")).is_client_error
    assert (await _sent(site, "GET", f"/v1/approvals/{WORD}")).status_code == httpx2.codes.NOT_FOUND
    assert (await _sent(site, "GET", f"/v1/{WORD}?q={WORD}")).status_code == httpx2.codes.NOT_FOUND
    assert (await _sent(site, "GET", f"/v1/approvals?q={WORD}")).is_success
    signed_in = await site.http.post(
        "/sign-in", data={"name": WORD, "password": WORD}, headers={"sec-fetch-site": "same-origin"}
    )
    assert signed_in.is_client_error
    assert (await _sent(site, "POST", "/v1/pause", by="admin", agent_id="somebody", reason=WORD)).is_success
    handle = temporal.get_workflow_handle(f"approval-{approval['id']}")
    await handle.signal("decide", WORD)

    async def told() -> bool:
        return (
            "unauthentic"
            in (await site.http.get(f"/v1/approvals/{approval['id']}/events", headers=site.bearer("ada"))).text
        )

    await eventually("the signal is refused", told)


async def _decide(site: Site, approval: dict[str, Any], outcome: str) -> httpx2.Response:
    return await _sent(
        site,
        "POST",
        f"/v1/approvals/{approval['id']}/decisions",
        outcome=outcome,
        comment=f"No {WORD}.",
        digest=approval["digest"],
    )


async def _sent(site: Site, method: str, path: str, *, by: str = "ada", **body: Any) -> httpx2.Response:  # noqa: ANN401
    return await site.http.request(method, path, headers=site.bearer(by), json=body or None)


def _log(folder: Path, name: str) -> str:
    return next(folder.glob(f"*-{name}.log")).read_text(encoding="utf-8")


async def _page(port: int) -> str:
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://{LOOPBACK}:{port}/metrics")
    assert answer.is_success
    return answer.text
