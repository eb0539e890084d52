"""What the functions that run approved operations receive, and the base of the models of their parameters.

An operation is a function, `def` or `async def`, that takes one `OperationCall` and returns a JSON value, which becomes
the execution's `result`:

    def refund(call: OperationCall[RefundParameters]) -> JsonValue: ...

Raising any exception makes the execution `failed`, with the exception's message as its `error`: raise what a person
can act on. An operation that is not declared idempotent is tried once, ever. One that is may be called again with the
same `idempotency_key`, and must then leave a single effect behind and return the same result.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

P = TypeVar("P", bound=BaseModel)


class Parameters(BaseModel):
    """The base of an operation's parameters: exact types, no unknown fields, only finite numbers.

    A submission that breaks the model is refused before anyone is asked, so state every bound here. Reviewers read a
    field's `title` and `description`, and the unit of `json_schema_extra={"unit": "cents"}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class NoParameters(Parameters):
    """The parameters of an operation that takes none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationCall(Generic[P]):
    """One run of an approved operation: exactly what was approved, and for whom.

    `idempotency_key` is the same in every try of the same approval, and never that of another.
    """

    approval_id: str
    agent_id: str
    type: str
    resource_type: str
    resource_id: str
    parameters: P
    idempotency_key: str
