"""Functions and parameter models for the tests of the registry to declare, good ones and bad ones."""

import threading
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from assent.models import RiskLevel
from assent.operations import OperationCall, Parameters


class Note(Parameters):
    """Parameters with a bound, a default, and types that JSON writes as text."""

    text: str = Field(max_length=20)
    copies: int = Field(default=1, ge=1, le=9)
    due: date | None = None
    level: RiskLevel = RiskLevel.LOW


class Unstrict(BaseModel):
    """A model that would turn "5" into 5."""

    model_config = ConfigDict(extra="forbid")


class Open(BaseModel):
    """A model that would take fields that it does not know."""

    model_config = ConfigDict(strict=True)


class Loosened(Parameters):
    """A model that undoes what its base demands."""

    model_config = ConfigDict(strict=False)


NOT_A_FUNCTION = "text"


def write(call: OperationCall[Note]) -> JsonValue:
    """Return all of the call, and the thread that it ran on."""
    return _seen(call)


async def write_async(call: OperationCall[Note]) -> JsonValue:
    """Return the same from the event loop."""
    return _seen(call)


def fail(call: OperationCall[Note]) -> None:
    """Fail in words of its own."""
    raise LookupError(call.parameters.text)


async def fail_async(call: OperationCall[Note]) -> None:
    """Fail in the same words."""
    raise LookupError(call.parameters.text)


def _seen(call: OperationCall[Any]) -> JsonValue:
    return {
        "approval_id": call.approval_id,
        "agent_id": call.agent_id,
        "type": call.type,
        "resource_type": call.resource_type,
        "resource_id": call.resource_id,
        "idempotency_key": call.idempotency_key,
        "model": type(call.parameters).__name__,
        "due": repr(getattr(call.parameters, "due", None)),
        "parameters": call.parameters.model_dump(mode="json"),
        "thread": threading.get_ident(),
    }
