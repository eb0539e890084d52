"""Record one history for each way an approval can go: `python -m tests.replay.record RELEASE`, once for each release.

What is recorded is never edited: it is what workers of that release left open in somebody's Temporal. A way that a
release has a history of already is left out.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from temporalio.client import WorkflowFailureError

from assent.models import Outcome
from domain.operation import ApprovalRequest
from storage import migrate
from tests.support.desk import Desk, Handle, brief_operations, open_desk
from tests.support.eventually import eventually
from tests.support.sqlite import locked
from tests.support.temporal import TemporalServer, connect

HISTORIES = Path(__file__).with_name("histories")

# Where this machine keeps its files is nobody's business, and no replay reads it.
_STACK_TRACE = re.compile(r'"stackTrace": "(?:[^"\\]|\\.)*",?\s*')


async def main(release: str) -> None:
    """Record every path of `release`."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASSENT_DATA_DIR"] = folder
        url = f"sqlite:///{folder}/assent.db"
        migrate.upgrade(url)
        server = TemporalServer(Path(folder), in_memory=True)
        try:
            server.start()
            async with open_desk(await connect(server), url) as desk:
                desk.operations = brief_operations(desk, seconds=3)
                desk.trust("note.high")
                await _record_all(desk, release)
        finally:
            server.close()


async def _record_all(desk: Desk, release: str) -> None:
    async with desk.worker(max_cached_workflows=100):
        for name, path in PATHS.items():
            target = HISTORIES / f"{release}-{name}.json"
            if target.exists():
                continue
            request = desk.request(_TYPES.get(name, "note.medium"))
            handle = await desk.start(request)
            await eventually("it is assessed", partial(desk.approval, request))
            await path(desk, request, handle)
            # One of them ends cancelled, which its result tells by raising.
            with contextlib.suppress(WorkflowFailureError):
                await handle.result()
            history = await handle.fetch_history()
            target.write_text(_STACK_TRACE.sub("", history.to_json()) + "\n")
            sys.stdout.write(f"{target.name}: {len(history.events)} events\n")


async def _approve(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))


async def _nobody(_desk: Desk, _request: ApprovalRequest, _handle: Handle) -> None:
    """Leave it to policy and patterns."""


async def _quorum(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    for reviewer in ("ada", "ada", "bob"):
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC), reviewer=reviewer))


async def _reject(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    await handle.signal("decide", desk.decision(request, at=datetime.now(UTC), outcome=Outcome.REJECT))


async def _late_then_expire(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    late = datetime.now(UTC) + timedelta(days=2)
    await handle.signal("decide", desk.decision(request, at=late))


async def _cancel(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    await handle.signal("cancel", desk.cancel(request, at=datetime.now(UTC)))


async def _cancel_in_temporal(_desk: Desk, _request: ApprovalRequest, handle: Handle) -> None:
    await handle.cancel()


async def _forge_then_approve(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    await handle.signal("decide", {"outcome": "approve"})
    await _approve(desk, request, handle)


async def _outage(desk: Desk, request: ApprovalRequest, handle: Handle) -> None:
    """Hold SQLite's write lock for longer than a local activity is tried, so that the ordinary one takes over."""
    with locked(desk.database.url):
        await _approve(desk, request, handle)
        await asyncio.sleep(12)


PATHS = {
    "executed": _approve,
    "executed-and-recorded": _approve,
    "failed-and-recorded": _approve,
    "failed": _approve,
    "quorum": _quorum,
    "rejected": _reject,
    "expired": _late_then_expire,
    "cancelled": _cancel,
    "cancelled-in-temporal": _cancel_in_temporal,
    "forged-then-executed": _forge_then_approve,
    "outage": _outage,
    "allowed-by-policy": _nobody,
    "denied-by-policy": _nobody,
    "let-through-by-pattern": _nobody,
}
_TYPES = {
    "failed": "note.fail",
    "failed-and-recorded": "note.fail",
    "expired": "note.brief",
    "quorum": "note.quorum",
    "allowed-by-policy": "note.allowed",
    "denied-by-policy": "note.denied",
    "let-through-by-pattern": "note.high",
}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)
