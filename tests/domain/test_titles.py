"""Titles are made by the server, of the operation's declaration."""

from typing import Any

import pytest

from assent.models import Operation
from domain.titles import MAX_VALUE, checked_title, parameters_of, title_of


def operation(resource_id: str = "42", **parameters: Any) -> Operation:  # noqa: ANN401  any JSON values
    return Operation(type="user.bulk_delete", resource_type="user", resource_id=resource_id, parameters=parameters)


def test_without_a_template_the_type_says_it() -> None:
    """The last part of the type is the verb; the resource is its object."""
    assert title_of(operation()) == "bulk delete user 42"
    assert title_of(operation("")) == "bulk delete user"


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("delete {resource_type} {resource_id}", "delete user 42"),
        ("delete {parameters.ids} users", "delete 3 users"),
        ("set it to {parameters.on}", "set it to true"),
        ("pay {parameters.amount} cents", "pay 4900 cents"),
        ("write to {parameters.to}", "write to a b[U+202E]"),
        ("look at {parameters.missing}", "look at ?"),
    ],
)
def test_a_template_is_filled_in(template: str, title: str) -> None:
    """Of a list it shows the length; what an agent wrote stays on one line and hides nothing."""
    values: dict[str, Any] = {"ids": [1, 2, 3], "on": True, "amount": 4900, "to": "a\nb\u202e"}

    assert title_of(operation(**values), template) == title


def test_an_agent_cannot_fill_a_title() -> None:
    """A long value is cut: the parameters show all of it."""
    assert title_of(operation("x" * 255)) == f"bulk delete user {'x' * MAX_VALUE}…"


def test_only_a_quantity_has_separators() -> None:
    """An id with a comma in it would be another id, and so would a number in a string."""
    asked = operation(amount=128000, order=4711000, on=True, code="70000")
    template = "{parameters.amount} {parameters.order} {parameters.on} {parameters.code}"

    assert title_of(asked, template, {"amount", "on", "code"}) == "128,000 4711000 true 70000"


def test_a_value_is_not_a_template() -> None:
    """Braces in a value are text."""
    assert title_of(operation("{resource_type}"), "delete {resource_id}") == "delete {resource_type}"


@pytest.mark.parametrize(
    "template", ["delete {id}", "{parameters.a.b}", "{parameters.}", "{}", "delete {resource_id", "}"]
)
def test_a_template_that_makes_no_sense_is_refused(template: str) -> None:
    """When the file is read, with what to write instead."""
    with pytest.raises(ValueError, match="title"):
        checked_title(template)


def test_a_template_names_its_parameters() -> None:
    """So that the file's reader can hold them to the model."""
    template = "refund {parameters.amount} of {resource_id} in {parameters.currency}"

    assert checked_title(template) == template
    assert parameters_of(template) == {"amount", "currency"}
