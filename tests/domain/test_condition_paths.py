"""What a condition looks at, told to whoever writes it."""

import pytest

from domain.condition_paths import paths_read
from domain.conditions import Condition


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        ("true", ()),
        ("operation.parameters.limit < 100", ("operation.parameters.limit",)),
        ("100 > operation.parameters.limit", ("operation.parameters.limit",)),
        ("operation.parameters.a > 0 && operation.parameters.a < 9", ("operation.parameters.a",)),
        ("context.b == 1 || operation.type == 'x'", ("context.b", "operation.type")),
        ("operation.parameters.to.endsWith('@example.com')", ("operation.parameters.to",)),
        ("has(operation.parameters.ids) && size(operation.parameters.ids) < 3", ("operation.parameters.ids",)),
        ("operation.parameters['a b'].c == 1", ("operation.parameters['a b'].c",)),
        ("operation.parameters.ids[0] == 1", ("operation.parameters.ids[0]",)),
        ("operation.parameters[agent.id] == 1", ("operation.parameters", "agent.id")),
        ("operation.parameters.ids.exists(each, each == 1)", ("operation.parameters.ids",)),
        ("operation.parameters.context == 1", ("operation.parameters.context",)),
        ("operation.parameters.to == 'context.a' // agent.id", ("operation.parameters.to",)),
        ("now.getHours() < 18 && now < timestamp('2027-01-01T00:00:00Z')", ("now",)),
    ],
)
def test_it_is_told_in_the_words_of_the_condition(condition: str, read: tuple[str, ...]) -> None:
    """Each variable as far as it is followed, once, in order; no constant, no comment, no name of a walk's own."""
    Condition(condition)
    assert paths_read(condition) == read
