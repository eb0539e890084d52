"""Operations in the words of their declaration: a title, and every parameter by its declared name and unit."""

from typing import Any

from assent.models import Operation
from domain.frozen import Frozen
from domain.titles import title_of
from operations.registry import OperationRegistry


class ShownParameter(Frozen):
    """One parameter as a person reads it. `unit` and `about` are what its model declares, or empty."""

    name: str
    label: str
    value: Any
    unit: str = ""
    about: str = ""


class ShownOperation(Frozen):
    """One operation as a person reads it: all that will run. `declared`: `assent.yaml` still lists its type."""

    title: str
    declared: bool
    parameters: tuple[ShownParameter, ...]


class Catalog:
    """Describes operations by the declarations that this process has loaded."""

    def __init__(self, operations: OperationRegistry) -> None:
        """Take the declared operations."""
        self._operations = operations
        self._fields: dict[str, dict[str, dict[str, Any]]] = {}

    @property
    def operation_types(self) -> dict[str, tuple[str, ...]]:
        """Every declared operation type, in order, with its resource types."""
        declared = sorted(self._operations.declarations.items())
        return {name: declaration.resource_types for name, declaration in declared}

    @property
    def resource_types(self) -> list[str]:
        """Every resource type that some operation names, in order."""
        return sorted({each for named in self.operation_types.values() for each in named})

    def title(self, operation: Operation) -> str:
        """Return what would be done, such as `delete user 42`."""
        declared = self._operations.find(operation.type)
        counted = {name for name, field in self._declared_fields(operation.type).items() if field.get("unit")}
        return title_of(operation, None if declared is None else declared.declaration.title, counted)

    def shown(self, operation: Operation) -> ShownOperation:
        """Return all of an operation; one whose type is no longer declared is shown by its own words."""
        fields = self._declared_fields(operation.type)
        return ShownOperation(
            title=self.title(operation),
            declared=self._operations.find(operation.type) is not None,
            parameters=tuple(
                _parameter(name, value, fields.get(name, {})) for name, value in _ordered(operation, fields)
            ),
        )

    def _declared_fields(self, operation_type: str) -> dict[str, dict[str, Any]]:
        if operation_type not in self._fields:
            declared = self._operations.find(operation_type)
            if declared is None:
                return {}
            schema = declared.parameters.model_json_schema(by_alias=True)
            self._fields[operation_type] = schema.get("properties", {})
        return self._fields[operation_type]


def _ordered(operation: Operation, fields: dict[str, dict[str, Any]]) -> list[tuple[str, Any]]:
    """Return the parameters as their model orders them, and then whatever else there is."""
    parameters = operation.parameters
    known = [name for name in fields if name in parameters]
    return [(name, parameters[name]) for name in (*known, *(name for name in parameters if name not in fields))]


def _parameter(name: str, value: Any, field: dict[str, Any]) -> ShownParameter:  # noqa: ANN401  any JSON value
    unit, title, about = field.get("unit"), field.get("title"), field.get("description")
    words = name.replace("_", " ")
    # A model that states no title gets one made of the name; our own reads better.
    return ShownParameter(
        name=name,
        label=title if isinstance(title, str) and title != words.title() else words[:1].upper() + words[1:],
        value=value,
        unit=unit if isinstance(unit, str) else "",
        about=about if isinstance(about, str) else "",
    )
