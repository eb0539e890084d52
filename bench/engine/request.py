"""The one operation that every subject is asked for, and its run, which does nothing."""

import asyncio
from pathlib import Path
from typing import Any

from assent.operations import OperationCall, Parameters

CONFIG = Path(__file__).with_name("assent.yaml")
"""The operation, declared to Assent; no rule, so a person is asked."""

SUBMISSION: dict[str, Any] = {
    "operation": {
        "type": "order.cancel",
        "resource_type": "order",
        "resource_id": "1017",
        "parameters": {"reason": "The customer asked for it.", "refund_cents": 1900},
    },
    "reason": "The customer asked for it in the chat of this morning.",
    "context": {"ticket": "T-4711"},
}


class CancelOrder(Parameters):
    """What the operation takes."""

    reason: str
    refund_cents: int


async def cancel_order(call: OperationCall[CancelOrder]) -> str:
    """Do nothing, as Assent runs it."""
    return await run(call.parameters.reason)


async def run(_: str) -> str:
    """Do nothing, as everybody runs it."""
    await asyncio.sleep(0)
    return "done"
