"""Submissions as JSON, to be sent right or wrong."""

import uuid
from typing import Any

OPERATION: dict[str, Any] = {"type": "note.low", "resource_type": "note", "resource_id": "7", "parameters": {}}
SUBMISSION: dict[str, Any] = {"operation": OPERATION, "reason": "a test asks"}


def fresh() -> str:
    """Return an Idempotency-Key that no test of this run has used: they share one Temporal, and so its workflow ids."""
    return str(uuid.uuid4())


def changed(**members: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """Return a submission whose operation has these members instead, or as well."""
    return SUBMISSION | {"operation": OPERATION | members}
