"""Conditions: CEL over one request, compiled and type-checked when they are read, and evaluated fail-closed.

A condition sees `operation` (type, resource_type, resource_id, parameters, data_class), `agent` (id, owner), `context`
(whatever the agent claims) and `now` (when the request was accepted, in UTC). Only the value `true` counts as true: an
error, or anything else that is not a truth value, raises.

Source: the Common Expression Language, cel.dev; the engine is Google's own, by its Python package.
"""

import re
from datetime import datetime
from functools import cached_property
from typing import Any

from cel_expr_python import cel

from assent.models import Operation
from domain.condition_text import VARIABLES, ConditionError, ConditionText, Token
from domain.results import MAX_RESULT_DEPTH, storable, too_deep

__all__ = ["Circumstances", "Condition", "ConditionError", "EvaluationError"]

_MAX_ERROR_CHARACTERS = 200
_REPORTED = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")

_ANY_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ENVIRONMENT = cel.NewEnv(
    variables={"operation": _ANY_MAP, "agent": _ANY_MAP, "context": _ANY_MAP, "now": cel.Type.TIMESTAMP}
)


class EvaluationError(Exception):
    """A condition could not be evaluated for this request. The message says why, in at most 200 characters."""


class Circumstances:
    """All that a condition may look at: one request, shared by every condition that is asked about it."""

    def __init__(  # noqa: PLR0913  each is one fact of the request
        self,
        *,
        operation: Operation,
        data_class: str,
        agent_id: str,
        agent_owner: str | None,
        context: dict[str, Any],
        now: datetime,
    ) -> None:
        """Take the request; `data_class` comes from the declaration, never from the agent."""
        self.operation = operation
        self.agent_id = agent_id
        self.agent_owner = agent_owner
        self.now = now
        self._variables = {
            "operation": {
                "type": operation.type,
                "resource_type": operation.resource_type,
                "resource_id": operation.resource_id,
                "parameters": operation.parameters,
                "data_class": data_class,
            },
            "agent": {"id": agent_id, "owner": agent_owner or ""},
            "context": context,
            "now": now,
        }

    @cached_property
    def activation(self) -> cel.Activation:
        """The variables, as the engine takes them. Raises EvaluationError."""
        # The engine recurses into values, and deep ones would overflow its stack.
        if too_deep([self._variables["operation"], self._variables["context"]]):
            message = f"The request nests deeper than {MAX_RESULT_DEPTH} levels."
            raise EvaluationError(message)
        # It reads a text only up to there, so that another text would be compared than the one that runs.
        if _holds_nul(self._variables):
            message = "The request holds a NUL character."
            raise EvaluationError(message)
        return _ENVIRONMENT.Activation(self._variables)


class Condition:
    """One compiled condition."""

    def __init__(self, text: str) -> None:
        """Compile `text`. Raises ConditionError, which names the line and the column."""
        checked = ConditionText(text)
        self.text = text
        self.reads_claims = checked.reads_claims
        self.reads_request = checked.reads_request
        try:
            self._expression = _ENVIRONMENT.compile(text)
        except Exception as error:
            # The engine's binding raises whatever its library said.
            raise _compile_error(str(error), text) from error
        if self._expression.return_type() != cel.Type.BOOL:
            kind = self._expression.return_type().name().lower()
            message = f"It gives {kind}, not true or false. Compare it, as in `operation.parameters.urgent == true`."
            raise ConditionError(message, text)
        for regex in checked.regexes:
            _check_regex(regex, text)

    def holds(self, circumstances: Circumstances) -> bool:
        """Whether the condition is true. Raises EvaluationError when that cannot be said."""
        try:
            # An error comes back as a value, and its text is as true to Python as any other.
            value = self._expression.eval(circumstances.activation).value()
        except EvaluationError:
            raise
        except Exception as error:
            # A budget that is used up, or a value that the engine cannot take.
            raise EvaluationError(_brief(str(error))) from error
        if isinstance(value, bool):
            return value
        raise EvaluationError(_brief(str(value)))


def _holds_nul(value: Any) -> bool:  # noqa: ANN401  any JSON
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and "\x00" in one:
            return True
    return False


def _check_regex(regex: Token, text: str) -> None:
    """Raise ConditionError for a regular expression that the engine would refuse each time it is asked."""
    tried = _ENVIRONMENT.compile(f"''.matches({regex.text})").eval(data={})
    if tried.type() != cel.Type.BOOL:
        raise ConditionError(_brief(str(tried.value())), text, regex.offset)


def _compile_error(said: str, text: str) -> ConditionError:
    found = _REPORTED.search(said)
    if found is None:
        return ConditionError(_brief(said), text)
    line, column, problem = int(found.group(1)), int(found.group(2)), found.group(3)
    lines = text.split("\n")
    offset = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1 if line > 0 else 0
    return ConditionError(_sentence(problem), text, max(0, min(offset, len(text))))


def _sentence(problem: str) -> str:
    # What the parser would have taken instead is a list of its tokens, and helps nobody.
    brief = _brief(problem.replace(" (in container '')", "").partition(" expecting ")[0])
    if brief.startswith("undeclared reference"):
        return f"{brief}. There are {', '.join(VARIABLES)}, and CEL's own functions."
    return brief


def _brief(said: str) -> str:
    first_line = said.strip().partition("\n")[0]
    return storable(_CODE.sub("", first_line), limit=_MAX_ERROR_CHARACTERS)
