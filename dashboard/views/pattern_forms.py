"""The form of a trusted pattern: what was typed, read as a pattern, with a sentence for each field that is not one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError

from assent.policy_models import DEFAULT_PER_DAY, NewTrustedPattern, PatternChange, TrustedPattern
from dashboard.views.pattern_rows import tidy
from domain.frozen import Frozen

_LONGEST = 20_000

_PROBLEMS = {
    "agent_id": "Write an agent's name, or a part of it with *: small letters, digits, dots, underscores, hyphens.",
    "operation_type": "Name an operation type, of at most 128 characters.",
    "resource_type": "Name a resource type, of at most 128 characters.",
    "max_risk": "Choose one of the levels.",
    "max_per_day": "Write a whole number from 1 to 1,000,000.",
    "max_sum_per_day": "Name a parameter, and the most that it may add up to in a day: a number above 0. Or neither.",
    "expires_on": "Write a day, such as 2027-06-30.",
    "note": "Write at most 1,000 characters.",
}
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


def _plain(text: str) -> str:
    # Browsers send line breaks as two characters, which a condition or a note does not mean.
    return text.replace("\r\n", "\n").strip()


Typed = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_plain)]


class PatternForm(Frozen):
    """What was typed. `expires_on` is the last day, in UTC; `pattern_id` and `revision` say what is being edited."""

    agent_id: Typed = ""
    operation_type: Typed = ""
    resource_type: Typed = ""
    condition: Typed = ""
    max_risk: Typed = ""
    expires_on: Typed = ""
    max_per_day: Typed = str(DEFAULT_PER_DAY)
    sum_parameter: Typed = ""
    sum_limit: Typed = ""
    note: Typed = ""
    broad: bool = False
    pattern_id: Typed = ""
    revision: int = 0

    @classmethod
    def of(cls, pattern: NewTrustedPattern | TrustedPattern) -> Self:
        """Return the form that says what `pattern` says; whether it is meant broad is asked anew."""
        most = pattern.max_sum_per_day
        edited = pattern if isinstance(pattern, TrustedPattern) else None
        return cls(
            agent_id=pattern.agent_id,
            operation_type=pattern.operation_type,
            resource_type=pattern.resource_type,
            condition=pattern.condition or "",
            max_risk=pattern.max_risk or "",
            expires_on=last_day(pattern.expires_at),
            max_per_day=str(pattern.max_per_day),
            sum_parameter=most.parameter if most else "",
            sum_limit=str(tidy(most.limit)) if most else "",
            note=pattern.note,
            pattern_id=edited.id if edited else "",
            revision=edited.revision if edited else 0,
        )


class Reading(Frozen):
    """A form as a pattern, or None and a sentence for each field that is none."""

    wanted: NewTrustedPattern | None
    problems: dict[str, str]


def read(form: PatternForm) -> Reading:
    """Return what the form says."""
    problems: dict[str, str] = {}

    def parsed(field: str, parse: Callable[[], Any]) -> Any:  # noqa: ANN401  any field's value
        try:
            return parse()
        except (ValueError, OverflowError):
            problems[field] = _PROBLEMS[field]
            return None

    fields = {
        "agent_id": form.agent_id,
        "operation_type": form.operation_type,
        "resource_type": form.resource_type,
        "condition": form.condition or None,
        "max_risk": form.max_risk or None,
        "expires_at": parsed("expires_on", lambda: _end_of(form.expires_on)),
        "max_per_day": parsed("max_per_day", lambda: int(form.max_per_day.replace(",", ""))),
        "max_sum_per_day": parsed("max_sum_per_day", lambda: _sum(form)),
        "note": form.note,
        "broad": form.broad,
    }
    try:
        wanted = NewTrustedPattern.model_validate(fields)
    except ValidationError as error:
        problems |= {str(one["loc"][0]): _PROBLEMS[str(one["loc"][0])] for one in error.errors()}
        wanted = None
    return Reading(wanted=None if problems else wanted, problems=problems)


def change_of(wanted: NewTrustedPattern, current: TrustedPattern) -> PatternChange:
    """Return what the form says other than `current`, and nothing of what it shows as it is."""
    fields = {
        name: value for name, value in wanted if name not in {"broad", "expires_at"} and value != getattr(current, name)
    }
    # The form shows a day, the pattern may end in the middle of one.
    if last_day(wanted.expires_at) != last_day(current.expires_at):
        fields["expires_at"] = wanted.expires_at
    # The level that stands in the form is the one that is meant, also where another condition has another default.
    if "condition" in fields and wanted.max_risk is not None:
        fields["max_risk"] = wanted.max_risk
    return PatternChange.model_validate({**fields, "broad": wanted.broad})


def last_day(expires_at: datetime | None) -> str:
    """Return the last UTC day on which something that ends at `expires_at` is in force."""
    return "" if expires_at is None else f"{(expires_at.astimezone(UTC) - _MOMENT).date()}"


def _end_of(day: str) -> datetime | None:
    return datetime.combine(date.fromisoformat(day) + _DAY, time(), UTC) if day else None


def _sum(form: PatternForm) -> dict[str, Any] | None:
    if not (form.sum_parameter or form.sum_limit):
        return None
    return {"parameter": form.sum_parameter, "limit": float(form.sum_limit.replace(",", ""))}
