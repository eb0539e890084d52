"""Functions and parameter models for the tests of the registry to declare, good ones and bad ones."""

import asyncio
import functools
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, computed_field, field_serializer

from assent.models import RiskLevel
from assent.operations import OperationCall, Parameters


class Note(Parameters):
    """Parameters with a bound, a default, and types that JSON writes as text."""

    text: str = Field(max_length=20)
    copies: int = Field(default=1, ge=1, le=9)
    due: date | None = None
    level: RiskLevel = RiskLevel.LOW


class Renamed(Parameters):
    """A model whose JSON has another name than its Python."""

    text: str = Field(alias="Text")
    copies: int = Field(default=1, alias="numberOfCopies")


class Secret(Parameters):
    """A model that would show stars, and then run with them."""

    text: SecretStr


class Hidden(Parameters):
    """A model with a field that the reviewer would not see, and the run would not get."""

    text: str
    force: bool = Field(default=False, exclude=True)


class HiddenRequired(Parameters):
    """A model that could not be read again from what was stored."""

    text: str = Field(exclude=True)


class Computed(Parameters):
    """A model that would add a field that it then refuses."""

    text: str

    @computed_field
    def length(self) -> int:
        """Return what nobody sent."""
        return len(self.text)


class Shortened(Parameters):
    """A model that would show, store and run only the beginning."""

    text: str

    @field_serializer("text")
    def _beginning(self, text: str) -> str:
        return text[:3]


class TwoNames(Parameters):
    """A model that is read under one name and written under another."""

    text: str = Field(validation_alias="text", serialization_alias="words")


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


Function = Callable[[OperationCall[Any]], Any]


def plainly_decorated(function: Function) -> Function:
    """Decorate as most decorators do: what comes back is no coroutine function."""

    @functools.wraps(function)
    def inner(call: OperationCall[Any]) -> Any:  # noqa: ANN401  whatever the function returns
        return function(call)

    return inner


@plainly_decorated
async def write_decorated(call: OperationCall[Note]) -> JsonValue:
    """Return the same from behind a decorator."""
    await asyncio.sleep(0)
    return _seen(call)


class _Writer:
    async def __call__(self, call: OperationCall[Note]) -> JsonValue:
        await asyncio.sleep(0)
        return _seen(call)


write_by_object = _Writer()
write_partial = functools.partial(write_async)


def fail(call: OperationCall[Note]) -> None:
    """Fail in words of its own."""
    raise LookupError(call.parameters.text)


async def fail_async(call: OperationCall[Note]) -> None:
    """Fail in the same words."""
    raise LookupError(call.parameters.text)


@plainly_decorated
async def fail_decorated(call: OperationCall[Note]) -> None:
    """Fail in the same words from behind a decorator."""
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
