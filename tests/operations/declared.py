"""What the tests of the registry declare: one good operation, to be changed."""

from collections.abc import Callable

from operations.registry import OperationRegistry

FUNCTIONS = "tests.operations.functions"
FIELDS = {
    "resource_types": "[note, memo]",
    "risk": "low",
    "run": f"{FUNCTIONS}:write",
    "parameters": f"{FUNCTIONS}:Note",
    "version": '"1"',
}

Load = Callable[..., OperationRegistry]
