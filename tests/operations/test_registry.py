"""The registry: only what is declared is taken, exactly as its model says, and it runs exactly so."""

import threading
from pathlib import Path
from typing import Any

import pytest

from assent.models import Operation
from domain.errors import InvalidOperationError, UndeclaredOperationError
from operations.registry import OperationRegistry
from services.wiring import load_assent_file
from tests.operations.declared import FUNCTIONS, Load

ROOT = Path(__file__).parents[2]
NOTE = Operation(type="note.write", resource_type="note", resource_id="42", parameters={"text": "hello"})


@pytest.fixture
def registry(load: Load) -> OperationRegistry:
    """A registry whose `note.write` takes only numbers as resource ids."""
    return load(resource_id="'[1-9][0-9]{0,4}'")


def refusal(registry: OperationRegistry, **changes: Any) -> str:  # noqa: ANN401  any field's value
    """Return why the note, with `changes`, is not taken."""
    with pytest.raises((UndeclaredOperationError, InvalidOperationError)) as refused:
        registry.checked(NOTE.model_copy(update=changes))
    return refused.value.detail


def test_the_file_that_comes_with_assent_loads() -> None:
    """A fresh copy starts: all that its `assent.yaml` names is there, and loads."""
    registry = load_assent_file(ROOT / "assent.yaml")[0]
    assert set(registry.declarations) == {
        "user.delete",
        "user.bulk_delete",
        "customer.read",
        "payment.read",
        "data.export",
        "payment.refund",
        "email.send",
    }


def test_a_declared_operation_is_found_with_what_it_names(registry: OperationRegistry) -> None:
    """The declaration, the function and the model belong together; what is not declared is not there."""
    found = registry.find("note.write")
    assert found is not None
    assert (found.operation_type, found.function.__name__, found.parameters.__name__) == ("note.write", "write", "Note")
    assert found.declaration == registry.declarations["note.write"]
    assert set(registry.declarations) == {"note.write", "note.erase"}
    assert registry.find("note.read") is None


def test_an_operation_is_taken_with_its_declaration(registry: OperationRegistry) -> None:
    """Whoever checks it learns what was declared."""
    checked, declaration = registry.checked(NOTE)
    assert declaration.identity == f"{FUNCTIONS}:write@1"
    assert checked.model_copy(update={"parameters": {}}) == NOTE.model_copy(update={"parameters": {}})


@pytest.mark.parametrize("name", ["note.read", "", "Note.write", "note.write ", "note"])
def test_an_undeclared_type_is_answered_with_the_declared_ones(registry: OperationRegistry, name: str) -> None:
    """Whoever misspells a type is told what there is."""
    sentence = refusal(registry, type=name)
    assert sentence == f"Operation type {name!r} is not declared. Declared are: note.erase, note.write."


@pytest.mark.parametrize("resource_type", ["order", "", "Note", "note, memo"])
def test_an_undeclared_resource_type_is_answered_with_the_declared_ones(
    registry: OperationRegistry, resource_type: str
) -> None:
    """An operation is declared for some kinds of resources, and touches no other."""
    sentence = refusal(registry, resource_type=resource_type)
    assert sentence == f"note.write does not take {resource_type!r}. Its resource types: note, memo."
    with pytest.raises(UndeclaredOperationError):
        registry.checked(NOTE.model_copy(update={"resource_type": resource_type}))


@pytest.mark.parametrize("resource_id", ["", "0", "042", "42 ", " 42", "42\n", "42;43", "x42", "٤٢", "123456"])
def test_a_resource_id_must_match_its_pattern_whole(registry: OperationRegistry, resource_id: str) -> None:
    """A pattern that is found somewhere in the id is not enough, not even before a line's end."""
    assert registry.checked(NOTE)[0].resource_id == "42"
    assert refusal(registry, resource_id=resource_id) == f"resource_id {resource_id!r} must match [1-9][0-9]{{0,4}}."


@pytest.mark.parametrize("resource_id", ["", "42", "any thing\n"])
def test_without_a_pattern_any_resource_id_is_taken(registry: OperationRegistry, resource_id: str) -> None:
    """What an id means is then up to the function."""
    operation = NOTE.model_copy(update={"type": "note.erase", "resource_id": resource_id})
    assert registry.checked(operation)[0].resource_id == resource_id


def test_a_pattern_with_alternatives_matches_whole(load: Load) -> None:
    """Neither alternative may match only a part."""
    registry = load(resource_id="'a|b'")
    assert registry.checked(NOTE.model_copy(update={"resource_id": "b"}))[0].resource_id == "b"
    assert refusal(registry, resource_id="ab") == "resource_id 'ab' must match a|b."


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({}, "parameters.text: Field required"),
        ({"text": "hello", "subject": "x"}, "parameters.subject: Extra inputs are not permitted"),
        ({"text": 5}, "parameters.text: Input should be a valid string"),
        ({"text": None}, "parameters.text: Input should be a valid string"),
        ({"text": "x" * 21}, "parameters.text: String should have at most 20 characters"),
        ({"text": "\ud800"}, "parameters: "),
        ({"text": "hello", "copies": "1"}, "parameters.copies: Input should be a valid integer"),
        ({"text": "hello", "copies": 1.0}, "parameters.copies: Input should be a valid integer"),
        ({"text": "hello", "copies": True}, "parameters.copies: Input should be a valid integer"),
        ({"text": "hello", "copies": 0}, "parameters.copies: Input should be greater than or equal to 1"),
        ({"text": "hello", "copies": 10}, "parameters.copies: Input should be less than or equal to 9"),
        ({"text": "hello", "due": 20260102}, "parameters.due: "),
        ({"text": "hello", "level": "severe"}, "parameters.level: Input should be 'low', 'medium'"),
    ],
)
def test_parameters_are_taken_exactly_as_declared(
    registry: OperationRegistry, parameters: dict[str, Any], place: str
) -> None:
    """No conversion, nothing unknown, every bound: refused before anyone is asked, with the place."""
    with pytest.raises(InvalidOperationError) as refused:
        registry.checked(NOTE.model_copy(update={"parameters": parameters}))
    assert refused.value.detail.startswith(f"note.write: {place}")


def test_all_that_is_wrong_with_the_parameters_is_told_at_once(registry: OperationRegistry) -> None:
    """An agent corrects its request once."""
    sentence = refusal(registry, parameters={"copies": 0, "subject": "x"})
    assert [part.partition(": ")[0] for part in sentence.removeprefix("note.write: ").split("; ")] == [
        "parameters.text",
        "parameters.copies",
        "parameters.subject",
    ]


def test_what_the_model_fills_in_is_written_out(registry: OperationRegistry) -> None:
    """The reviewer sees all that will run, defaults included; nothing else of the operation changes."""
    checked, _ = registry.checked(NOTE)
    assert checked.parameters == {"text": "hello", "copies": 1, "due": None, "level": "low"}
    assert NOTE.parameters == {"text": "hello"}


@pytest.mark.parametrize(
    "parameters", [{"text": ""}, {"text": "a\x00€😀", "copies": 9, "due": "2026-01-02", "level": "critical"}]
)
def test_what_was_checked_is_checked_again_unchanged(registry: OperationRegistry, parameters: dict[str, Any]) -> None:
    """Just before the run the stored parameters are checked again, and must come out as they were approved."""
    checked, declaration = registry.checked(NOTE.model_copy(update={"parameters": parameters}))
    assert registry.checked(checked) == (checked, declaration)


@pytest.mark.parametrize(
    "parameters", [{"Text": "hello"}, {"Text": "hello", "numberOfCopies": 3}], ids=["filled in", "sent"]
)
async def test_what_runs_is_what_was_asked_for_under_other_names(load: Load, parameters: dict[str, Any]) -> None:
    """Where a field's JSON name is another than its Python name, it is shown, stored and run under the one sent."""
    registry = load(parameters=f"{FUNCTIONS}:Renamed")
    checked, declaration = registry.checked(NOTE.model_copy(update={"parameters": parameters}))
    assert checked.parameters == {"numberOfCopies": 1, **parameters}
    assert registry.checked(checked) == (checked, declaration)
    result = await registry.run(checked, approval_id="018f3c6e", agent_id="billing-agent")
    assert isinstance(result, dict)
    assert result["parameters"] == {"text": "hello", "copies": parameters.get("numberOfCopies", 1)}


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("Secret", {"text": "hello"}),
        ("Hidden", {"text": "hello", "force": True}),
        ("HiddenRequired", {"text": "hello"}),
        ("Computed", {"text": "hello"}),
        ("Shortened", {"text": "hello"}),
        ("TwoNames", {"text": "hello"}),
    ],
)
def test_what_runs_is_what_was_asked_for_or_nothing(load: Load, model: str, parameters: dict[str, Any]) -> None:
    """A model that hides, adds or changes a field on the way to the reviewer is its author's fault, and is said so."""
    sentence = refusal(load(parameters=f"{FUNCTIONS}:{model}"), parameters=parameters)
    assert sentence.startswith("note.write: what would be shown and stored is not what was sent")
    assert "The operation's author must correct the model." in sentence
    assert "hello" not in sentence


@pytest.mark.parametrize("function", ["write", "write_async", "write_decorated", "write_by_object", "write_partial"])
async def test_a_function_runs_with_what_was_approved(load: Load, function: str) -> None:
    """It gets the typed parameters, who asked, and the approval's id as idempotency key; its result comes back."""
    registry = load(run=f"{FUNCTIONS}:{function}")
    operation, _ = registry.checked(NOTE.model_copy(update={"parameters": {"text": "hello", "due": "2026-01-02"}}))
    result = await registry.run(operation, approval_id="018f3c6e", agent_id="billing-agent")
    assert isinstance(result, dict)
    on_the_loop = result.pop("thread") == threading.get_ident()
    assert on_the_loop is (function != "write")
    assert result == {
        "approval_id": "018f3c6e",
        "agent_id": "billing-agent",
        "type": "note.write",
        "resource_type": "note",
        "resource_id": "42",
        "idempotency_key": "018f3c6e",
        "model": "Note",
        "due": "datetime.date(2026, 1, 2)",
        "parameters": {"text": "hello", "copies": 1, "due": "2026-01-02", "level": "low"},
    }


@pytest.mark.parametrize("function", ["fail", "fail_async", "fail_decorated"])
async def test_what_a_function_raises_comes_back(load: Load, function: str) -> None:
    """Its failure is its own, word for word."""
    registry = load(run=f"{FUNCTIONS}:{function}")
    with pytest.raises(LookupError, match="hello"):
        await registry.run(NOTE, approval_id="018f3c6e", agent_id="billing-agent")


async def test_nothing_runs_with_parameters_that_the_model_refuses(registry: OperationRegistry) -> None:
    """The model holds at the run as well as at the request."""
    stored = NOTE.model_copy(update={"parameters": {"text": "hello", "copies": 10}})
    with pytest.raises(InvalidOperationError, match=r"parameters\.copies"):
        await registry.run(stored, approval_id="018f3c6e", agent_id="billing-agent")
