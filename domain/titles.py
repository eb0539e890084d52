"""What an operation is called in front of people: «delete user 42», made here and never by an agent."""

import re
from collections.abc import Collection
from typing import Any

from assent.models import Operation
from domain.visible import one_line

MAX_VALUE = 60

_PLACE = re.compile(r"\{([^{}]*)\}")
_KNOWN = frozenset({"resource_id", "resource_type"})
_PARAMETER = "parameters."


def checked_title(template: str) -> str:
    """Return a template that makes sense. Raises ValueError with what to write instead."""
    for place in places(template):
        if place not in _KNOWN and not (place.startswith(_PARAMETER) and place.removeprefix(_PARAMETER).isidentifier()):
            message = (
                f"{{{place}}} means nothing in a title: write {{resource_id}}, {{resource_type}} or {{parameters.NAME}}"
            )
            raise ValueError(message)
    if set(_PLACE.sub("", template)) & set("{}"):
        message = "a title's braces come in pairs, around the name of what is put there"
        raise ValueError(message)
    return template


def places(template: str) -> list[str]:
    """Return what a template asks for, in order."""
    return _PLACE.findall(template)


def parameters_of(template: str) -> set[str]:
    """Return the parameters that a template names."""
    return {place.removeprefix(_PARAMETER) for place in places(template) if place.startswith(_PARAMETER)}


def title_of(operation: Operation, template: str | None = None, quantities: Collection[str] = ()) -> str:
    """Return what would be done, as an imperative without a capital, such as `delete user 42`.

    Without a template: the last part of the type, the resource type and the resource id. Of a list, a template shows
    the length; what an agent wrote stands on one line, with hidden characters written out, and is cut when it is long.
    `quantities` are the parameters whose whole numbers have separators: an id with a comma in it would be another id.
    """
    if template is None:
        verb = operation.type.rpartition(".")[2].replace("_", " ").replace("-", " ")
        return " ".join(filter(None, (verb, operation.resource_type, one_line(operation.resource_id, MAX_VALUE))))
    values: dict[str, Any] = {"resource_id": operation.resource_id, "resource_type": operation.resource_type}
    values |= {
        f"{_PARAMETER}{name}": f"{value:,}" if name in quantities and type(value) is int else value
        for name, value in operation.parameters.items()
    }
    return _PLACE.sub(lambda place: _shown(values.get(place.group(1), "?")), template)


def _shown(value: Any) -> str:  # noqa: ANN401  any JSON value
    if isinstance(value, (list, dict)):
        return str(len(value))
    if isinstance(value, bool):
        return str(value).lower()
    return one_line(str(value), MAX_VALUE)
