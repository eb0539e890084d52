"""Operations for tests. Each leaves one line a start in `runs.log` under the data folder, so starts can be counted."""

import asyncio
import os
import time
from pathlib import Path

from pydantic import Field

from assent.operations import OperationCall, Parameters


class Note(Parameters):
    """Parameters with a default, which the record must show filled in."""

    text: str = Field(default="hello", max_length=2_000_000)


class Failures(Parameters):
    """How often to fail before working."""

    times: int = Field(ge=0, le=10)


class Seconds(Parameters):
    """How long to take."""

    seconds: float = Field(ge=0, le=3600)


class Export(Parameters):
    """How many records; more lenient than any real one, so that conditions meet what they are not made for."""

    limit: int | float | str | None = None
    cents: int | float = 0


def runs_log() -> Path:
    """Return the file of starts."""
    return Path(os.environ["ASSENT_DATA_DIR"]) / "runs.log"


def starts(approval_id: str) -> int:
    """Return how often the operation of this approval was started."""
    log = runs_log()
    return log.read_text().split().count(approval_id) if log.exists() else 0


def note(call: OperationCall[Note]) -> dict[str, str]:
    """Work at once."""
    _started(call.approval_id)
    return {"said": call.parameters.text, "on": call.resource_id, "key": call.idempotency_key}


async def note_async(call: OperationCall[Note]) -> dict[str, str]:
    """Work at once, on the event loop."""
    await asyncio.sleep(0)
    return note(call)


def export(call: OperationCall[Export]) -> str:
    """Work at once."""
    _started(call.approval_id)
    return f"{call.parameters.limit} records"


def fail(call: OperationCall[Note]) -> None:
    """Fail for good."""
    _started(call.approval_id)
    message = "the target system said no"
    raise RuntimeError(message)


def flaky(call: OperationCall[Failures]) -> int:
    """Fail a number of times, then work; return how often it was started."""
    _started(call.approval_id)
    count = starts(call.approval_id)
    if count <= call.parameters.times:
        message = f"not yet ({count})"
        raise ConnectionError(message)
    return count


def slow(call: OperationCall[Seconds]) -> str:
    """Take a while, in a thread."""
    _started(call.approval_id)
    time.sleep(call.parameters.seconds)
    return "done"


def big(call: OperationCall[Note]) -> str:
    """Return ten megabytes."""
    _started(call.approval_id)
    return "x" * 10_000_000


def _started(approval_id: str) -> None:
    log = runs_log()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(f"{approval_id}\n")
