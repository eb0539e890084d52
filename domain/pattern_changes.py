"""Making and changing trusted patterns: each revision is checked whole, and who widens one takes it upon themselves."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from assent.models import RiskLevel
from assent.policy_models import NewStatus, NewTrustedPattern, PatternChange
from domain.conditions import Condition, ConditionError
from domain.errors import BroadPatternError, InvalidPatternError, OwnPatternError
from domain.globs import glob_matches, is_literal
from domain.operation import OperationDeclaration
from domain.patterns import TrustedPattern
from domain.principal import Principal, person_of
from domain.risk import rank

_DEFINITION = tuple(name for name in NewTrustedPattern.model_fields if name != "broad")
_NOT_WIDENING = frozenset({"note"})


def new_pattern(wanted: NewTrustedPattern, *, pattern_id: str, by: Principal, now: datetime) -> TrustedPattern:
    """Return the first revision of a pattern. Raises InvalidPatternError or BroadPatternError."""
    _check_fields(wanted.condition, wanted.expires_at, now)
    pattern = TrustedPattern(
        **_definition(wanted),
        id=pattern_id,
        revision=1,
        suspended=False,
        authors=_persons(by),
        created_by=str(by),
        created_at=now,
        changed_by=str(by),
        changed_at=now,
    )
    _check_broad(pattern, confirmed=wanted.broad)
    return pattern


def changed_pattern(old: TrustedPattern, change: PatternChange, *, by: Principal, now: datetime) -> TrustedPattern:
    """Return the next revision, checked whole, or `old` itself when nothing would change.

    Raises InvalidPatternError or BroadPatternError.
    """
    given = {name: getattr(change, name) for name in change.model_fields_set}
    confirmed = bool(given.pop("broad", False))
    if "status" in given:
        status = given.pop("status")
        given["suspended"] = None if status is None else status is NewStatus.SUSPENDED
    made = {"revision": old.revision + 1, "changed_by": str(by), "changed_at": now}
    try:
        new = TrustedPattern.model_validate(dict(old) | given | made)
    except ValidationError as error:  # a null for what cannot be left out
        fields = ", ".join(sorted({str(each["loc"][0]) for each in error.errors()})).replace("suspended", "status")
        message = f"{fields} cannot be null. Leave out what is to stay as it is."
        raise InvalidPatternError(message) from error
    if all(getattr(old, name) == getattr(new, name) for name in given):
        return old
    if set(given) - {"suspended"}:
        _check_fields(new.condition, new.expires_at if "expires_at" in given else None, now)
    if widens(old, new):
        new = new.model_copy(update={"authors": tuple(dict.fromkeys([*old.authors, *_persons(by)]))})
        _check_broad(new, confirmed=confirmed)
    return new


def widens(old: TrustedPattern, new: TrustedPattern) -> bool:
    """Whether `new` may let through what `old` did not; a change that nobody can tell is taken for one that does."""
    if old.suspended and not new.suspended:
        return True
    return any(
        not _narrower(name, getattr(old, name), getattr(new, name))
        for name in _DEFINITION
        if name not in _NOT_WIDENING and getattr(old, name) != getattr(new, name)
    ) or rank(new.allowed_risk) > rank(old.allowed_risk)


def check_condition(text: str) -> None:
    """Raise InvalidPatternError, with the line and the column, unless `text` is a condition."""
    try:
        Condition(text)
    except ConditionError as error:
        message = f"condition: {error}"
        raise InvalidPatternError(message) from error


def check_not_own(pattern: TrustedPattern, by: Principal, agents: Iterable[tuple[str, str | None]]) -> None:
    """Raise OwnPatternError when `pattern` fits one of `agents` (name and owner) that is, or is owned by, `by`."""
    own = {by.name, by.person}
    for name, owner in agents:
        if glob_matches(pattern.agent_id, name) and own & {name, person_of(name, owner)}:
            message = (
                f"This pattern can match {name}, for whom you answer. Nobody lets their own agents through: "
                "ask another admin to make or widen it."
            )
            raise OwnPatternError(message)


def warnings_of(pattern: TrustedPattern, declarations: Mapping[str, OperationDeclaration]) -> list[str]:
    """Return what is dangerous or odd about a pattern, one sentence each."""
    return [*_dangers(pattern), *_oddities(pattern, declarations)]


def _dangers(pattern: TrustedPattern) -> Iterable[str]:
    if not is_literal(pattern.agent_id):
        yield f"It trusts every agent whose name fits {pattern.agent_id}, also those whose keys are made later."
    if pattern.unconditional:
        yield "It has no condition: whatever the agent asks for within its types goes through, with any parameters."
    if pattern.trusts_claims:
        yield "Its condition reads `context`, which the agent fills as it likes: it trusts the agent's own claims."
    if rank(pattern.allowed_risk) >= rank(RiskLevel.HIGH):
        yield f"It lets operations of {pattern.allowed_risk.value} risk through without a person."
    if pattern.trusts_claims and rank(pattern.allowed_risk) > rank(RiskLevel.LOW):
        yield f"It relies on the agent's claims for more than low risk, up to {pattern.allowed_risk.value}."


def _oddities(pattern: TrustedPattern, declarations: Mapping[str, OperationDeclaration]) -> Iterable[str]:
    if not is_literal(pattern.operation_type) or not is_literal(pattern.resource_type):
        yield "It has a wildcard in its types: operations that are declared later may fall under it."
    fitting = [
        name
        for name, declaration in declarations.items()
        if glob_matches(pattern.operation_type, name)
        and any(glob_matches(pattern.resource_type, each) for each in declaration.resource_types)
    ]
    if not fitting:
        yield "No declared operation has such a type and resource type, so it matches nothing now."
    if pattern.expires_at is None:
        yield "It never expires. An `expires_at` makes somebody look at it again."


def _definition(wanted: NewTrustedPattern) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in _DEFINITION}


def _persons(by: Principal) -> tuple[str, ...]:
    return tuple(dict.fromkeys([by.name, by.person]))


def _check_fields(condition: str | None, expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        message = f"expires_at {expires_at.isoformat()} has passed. Choose a later time, or leave it out."
        raise InvalidPatternError(message)
    if condition is not None:
        check_condition(condition)


def _check_broad(pattern: TrustedPattern, *, confirmed: bool) -> None:
    if pattern.broad and not confirmed:
        dangers = " ".join(_dangers(pattern))
        message = f'This pattern is broad. {dangers} Narrow it, or say that you mean it: "broad": true, or --broad.'
        raise BroadPatternError(message)


def _narrower(name: str, old: Any, new: Any) -> bool:  # noqa: ANN401  any field's value
    """Whether a change of one field surely lets nothing more through."""
    match name:
        case "max_per_day":
            return bool(new < old)
        case "expires_at":
            return new is not None and (old is None or new < old)
        case "max_risk":
            return True  # compared as the levels that are allowed, where the condition counts too
        case "max_sum_per_day":
            same_parameter = new is not None and (old is None or old.parameter == new.parameter)
            return bool(same_parameter and (old is None or new.limit <= old.limit))
        case _:
            return False
