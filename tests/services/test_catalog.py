"""Operations are described in the words of their declaration."""

from typing import Any

import pytest
from pydantic import Field

from assent.models import Operation
from assent.operations import OperationCall, Parameters
from domain.operation import OperationDeclaration
from operations.registry import OperationRegistry, UnusableOperationError
from services.catalog import Catalog


class Refund(Parameters):
    """Parameters with and without words of their own."""

    currency: str
    amount_cents: int = Field(title="Amount", description="What goes back.", json_schema_extra={"unit": "cents"})


def refund(call: OperationCall[Refund]) -> int:
    return call.parameters.amount_cents


def declared(**fields: Any) -> OperationRegistry:  # noqa: ANN401  fields of a declaration
    declaration = OperationDeclaration(
        resource_types=("payment",), run=f"{__name__}:refund", parameters=f"{__name__}:Refund", version="1", **fields
    )
    return OperationRegistry.load({"payment.refund": declaration})


def operation(**parameters: Any) -> Operation:  # noqa: ANN401  any JSON values
    return Operation(type="payment.refund", resource_type="payment", resource_id="7", parameters=parameters)


def test_every_parameter_is_shown_by_its_declared_name_and_unit() -> None:
    """In the order of the model, whatever the order of the JSON."""
    shown = Catalog(declared()).shown(operation(amount_cents=4900, currency="EUR"))

    assert [(each.name, each.label, each.value, each.unit, each.about) for each in shown.parameters] == [
        ("currency", "Currency", "EUR", "", ""),
        ("amount_cents", "Amount", 4900, "cents", "What goes back."),
    ]
    assert (shown.title, shown.declared) == ("refund payment 7", True)


def test_a_declared_title_is_filled_in() -> None:
    """By the server, from `assent.yaml`; what has a unit is a quantity, and is written as one."""
    catalog = Catalog(declared(title="refund {parameters.amount_cents} cents of order {resource_id}"))

    assert catalog.title(operation(amount_cents=4900, currency="EUR")) == "refund 4,900 cents of order 7"


def test_what_is_no_longer_declared_is_shown_whole() -> None:
    """By its own words, and marked."""
    shown = Catalog(declared()).shown(Operation(type="moon.land", resource_type="moon", parameters={"crew": 3}))

    assert (shown.title, shown.declared) == ("land moon", False)
    assert [(each.label, each.value) for each in shown.parameters] == [("Crew", 3)]


def test_a_parameter_that_the_model_does_not_know_is_shown_too() -> None:
    """The model may have changed since it was approved; what is stored is what is shown."""
    shown = Catalog(declared()).shown(operation(extra=1, currency="EUR"))

    assert [each.name for each in shown.parameters] == ["currency", "extra"]


def test_a_title_names_parameters_that_exist() -> None:
    """A slip is found when the file is read."""
    with pytest.raises(UnusableOperationError, match="amount, which"):
        declared(title="refund {parameters.amount}")
