"""The declared operations, loaded: what may be asked for, and how each runs."""

import asyncio
import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel, JsonValue, ValidationError

from assent.models import Operation
from assent.operations import OperationCall
from domain.errors import InvalidOperationError, UndeclaredOperationError
from domain.frozen import Frozen
from domain.operation import OperationDeclaration
from domain.titles import parameters_of


class UnusableOperationError(Exception):
    """A declared operation cannot be loaded. The message names it and says what to write."""


OperationFunction = Callable[[OperationCall[Any]], Any]


class DeclaredOperation(Frozen):
    """One declaration with the function and the parameter model that it names."""

    operation_type: str
    declaration: OperationDeclaration
    function: OperationFunction
    parameters: type[BaseModel]


class OperationRegistry:
    """Every declared operation. What is not in it is refused."""

    def __init__(self, operations: dict[str, DeclaredOperation]) -> None:
        """Take the operations, by type."""
        self._operations = operations

    @classmethod
    def load(cls, declarations: Mapping[str, OperationDeclaration]) -> "OperationRegistry":
        """Import what the declarations name. Raises UnusableOperationError."""
        return cls({name: _load(name, declaration) for name, declaration in declarations.items()})

    @property
    def declarations(self) -> dict[str, OperationDeclaration]:
        """The declarations, by operation type."""
        return {name: operation.declaration for name, operation in self._operations.items()}

    def find(self, operation_type: str) -> DeclaredOperation | None:
        """Return the declared operation, or None."""
        return self._operations.get(operation_type)

    def checked(self, operation: Operation) -> tuple[Operation, OperationDeclaration]:
        """Return `operation` as it will be stored, shown and run, with its declaration.

        Parameters that the model fills in are written out, so that the reviewer sees all that will run.
        Raises UndeclaredOperationError or InvalidOperationError.
        """
        declared = self._operations.get(operation.type)
        if declared is None:
            listed = ", ".join(sorted(self._operations))
            message = f"Operation type {operation.type!r} is not declared. Declared are: {listed}."
            raise UndeclaredOperationError(message)
        declaration = declared.declaration
        if operation.resource_type not in declaration.resource_types:
            listed = ", ".join(declaration.resource_types)
            message = f"{operation.type} does not take {operation.resource_type!r}. Its resource types: {listed}."
            raise UndeclaredOperationError(message)
        if declaration.resource_id is not None and not re.fullmatch(declaration.resource_id, operation.resource_id):
            message = f"resource_id {operation.resource_id!r} must match {declaration.resource_id}."
            raise InvalidOperationError(message)
        parsed = _parsed(declared, operation.parameters)
        parameters = parsed.model_dump(mode="json", by_alias=True)
        if not _reads_back(declared, parameters, parsed):
            message = (
                f"{operation.type}: what would be shown and stored is not what was sent: its parameter model hides or "
                "changes a field. The operation's author must correct the model."
            )
            raise InvalidOperationError(message)
        return operation.model_copy(update={"parameters": parameters}), declaration

    async def run(self, operation: Operation, *, approval_id: str, agent_id: str) -> JsonValue:
        """Run an approved operation and return its JSON result; whatever it raises is its failure."""
        declared = self._operations[operation.type]
        call = OperationCall(
            approval_id=approval_id,
            agent_id=agent_id,
            type=operation.type,
            resource_type=operation.resource_type,
            resource_id=operation.resource_id,
            parameters=_parsed(declared, operation.parameters),
            idempotency_key=approval_id,
        )
        if inspect.iscoroutinefunction(declared.function):
            result = await declared.function(call)
        else:
            result = await asyncio.to_thread(declared.function, call)
            if inspect.isawaitable(result):  # an async function behind a plain decorator
                result = await result
        return cast("JsonValue", result)


def _parsed(declared: DeclaredOperation, parameters: dict[str, Any]) -> BaseModel:
    try:
        # As JSON, not as Python objects: strict models then take what JSON has (an enum's text, a date's text).
        return declared.parameters.model_validate_json(json.dumps(parameters))
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(('parameters', *map(str, one['loc'])))}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        message = f"{declared.operation_type}: {places}"
        raise InvalidOperationError(message) from error


def _reads_back(declared: DeclaredOperation, parameters: dict[str, Any], parsed: BaseModel) -> bool:
    try:
        return _parsed(declared, parameters) == parsed
    except InvalidOperationError:  # a field too many, such as a computed one, or one too few
        return False


def _load(name: str, declaration: OperationDeclaration) -> DeclaredOperation:
    function = _imported(name, declaration.run)
    if not callable(function):
        message = f"{name}: {declaration.run} is not a function."
        raise UnusableOperationError(message)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        message = f"{name}: {declaration.run} is a generator: called, it would run nothing. Return the result instead."
        raise UnusableOperationError(message)
    parameters = _imported(name, declaration.parameters)
    if not (isinstance(parameters, type) and issubclass(parameters, BaseModel)):
        message = f"{name}: {declaration.parameters} is not a pydantic model."
        raise UnusableOperationError(message)
    if parameters.model_config.get("extra") != "forbid" or not parameters.model_config.get("strict"):
        message = (
            f"{name}: {declaration.parameters} must be strict and forbid extra fields: "
            "derive it from assent.operations.Parameters."
        )
        raise UnusableOperationError(message)
    if declaration.resource_id is not None:
        try:
            re.compile(declaration.resource_id)
        except (re.error, OverflowError, RecursionError) as error:
            message = f"{name}: resource_id is not a regular expression: {error}"
            raise UnusableOperationError(message) from error
    known = {field.alias or key for key, field in parameters.model_fields.items()}
    unknown = parameters_of(declaration.title or "") - known
    if unknown:
        message = f"{name}: the title names {', '.join(sorted(unknown))}, which {declaration.parameters} does not have."
        raise UnusableOperationError(message)
    return DeclaredOperation(operation_type=name, declaration=declaration, function=function, parameters=parameters)


def _imported(name: str, path: str) -> Any:  # noqa: ANN401  the file may name anything
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as error:  # importing runs the module, which may fail in any way
        message = f"{name}: cannot import {path}: {error}"
        raise UnusableOperationError(message) from error
