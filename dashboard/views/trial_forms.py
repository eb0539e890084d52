"""The form that tries a request on the policy: what was typed, read as a trial, with a sentence for what is not one."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue, ValidationError

from assent.policy_models import Trial
from domain.frozen import Frozen
from domain.strict_parsing import MAX_DEPTH, StrictJsonError, parse_strict

LONGEST = 100_000
"""How many characters of JSON are tried: evaluating conditions takes time in proportion."""

_REASON = "Tried on the policy page."
_PROBLEMS = {
    "agent_id": "Name the agent that would ask, in at most 63 characters.",
    "operation_type": "Choose an operation.",
    "resource_type": "Name a resource type, of at most 128 characters.",
    "resource_id": "Write at most 255 characters.",
}
_FIELDS = {"type": "operation_type"}
# How deep the two stand in a submission, whose whole depth is bounded.
_WITHIN = {"parameters": 2, "context": 1}


class TrialForm(Frozen):
    """What was typed. `parameters` and `context` are JSON objects; empty ones say nothing."""

    operation_type: str = ""
    resource_type: str = ""
    resource_id: str = ""
    parameters: str = ""
    context: str = ""
    agent_id: str = ""


class TrialReading(Frozen):
    """A form as a trial, or None and a sentence for each field that is none."""

    trial: Trial | None
    problems: dict[str, str]


def read(form: TrialForm, types: Mapping[str, Sequence[str]]) -> TrialReading:
    """Return what the form says. An empty resource type is the only one of the operation, by `types`."""
    problems: dict[str, str] = {}
    written: dict[str, JsonValue] = {}
    for field, text in (("parameters", form.parameters), ("context", form.context)):
        try:
            written[field] = _object(text, within=_WITHIN[field])
        except ValueError as error:
            problems[field] = str(error)
    resource_types = types.get(form.operation_type, ())
    resource_type = form.resource_type.strip()
    if not resource_type and len(resource_types) == 1:
        resource_type = resource_types[0]
    try:
        trial = Trial.model_validate(
            {
                "agent_id": form.agent_id.strip(),
                "operation": {
                    "type": form.operation_type,
                    "resource_type": resource_type,
                    "resource_id": form.resource_id,
                    "parameters": written.get("parameters", {}),
                },
                "context": written.get("context", {}),
                "reason": _REASON,
            }
        )
    except ValidationError as error:
        places = [str(one["loc"][-1]) for one in error.errors()]
        wrong = [_FIELDS.get(place, place) for place in places]
        return TrialReading(trial=None, problems=problems | {field: _PROBLEMS[field] for field in wrong})
    return TrialReading(trial=None if problems else trial, problems=problems)


def _object(text: str, *, within: int) -> JsonValue:
    if not text.strip():
        return {}
    if len(text) > LONGEST:
        message = f"Write at most {LONGEST:,} characters."
        raise ValueError(message)
    try:
        value = parse_strict(text.encode(), max_depth=MAX_DEPTH - within, called="This")
    except StrictJsonError as error:
        raise ValueError(error.detail) from error
    if not isinstance(value, dict):
        message = 'Write a JSON object, such as {"limit": 10}.'
        raise ValueError(message)  # noqa: TRY004  what is wrong is what was typed
    return value
