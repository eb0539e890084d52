"""Policy: what is declared is asked about as it is declared, and what is not is denied."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from assent.models import Operation, RiskLevel
from domain.operation import OperationDeclaration
from domain.policy import Policy
from domain.risk import DEFAULT_TIMEOUTS, NEEDS_DIGEST, Assessment, Verdict

DELETE = Operation(type="user.delete", resource_type="user", resource_id="42")
DEFAULTS = [
    (RiskLevel.LOW, timedelta(hours=24)),
    (RiskLevel.MEDIUM, timedelta(hours=12)),
    (RiskLevel.HIGH, timedelta(hours=4)),
    (RiskLevel.CRITICAL, timedelta(hours=1)),
]


def policy(risk: RiskLevel, timeout: timedelta | None = None, required_approvals: int = 1) -> Policy:
    declared = OperationDeclaration(
        resource_types=("user", "customer"),
        risk=risk,
        timeout=timeout,
        required_approvals=required_approvals,
        run="shop:delete",
        parameters="shop:Parameters",
        version="1",
    )
    return Policy({"user.delete": declared})


@pytest.mark.parametrize(("level", "timeout"), DEFAULTS)
def test_each_level_gives_its_time_to_decide(level: RiskLevel, timeout: timedelta) -> None:
    """The more harm an operation can do, the sooner it expires without an answer: 24 h, 12 h, 4 h, 1 h."""
    assert policy(level).assess(DELETE) == Assessment(
        verdict=Verdict.ASK,
        level=level,
        reasons=(f"user.delete is declared {level.value} risk.",),
        required_approvals=1,
        timeout=timeout,
    )


def test_every_level_has_its_time() -> None:
    """A level that is added gets a time to decide, or this fails."""
    assert set(DEFAULT_TIMEOUTS) == set(RiskLevel) == {level for level, _ in DEFAULTS}


@pytest.mark.parametrize("level", list(RiskLevel))
def test_a_declared_timeout_wins_over_the_levels_own(level: RiskLevel) -> None:
    """Whoever declares the operation knows how long its reviewers need."""
    assert policy(level, timedelta(minutes=7)).assess(DELETE).timeout == timedelta(minutes=7)


@pytest.mark.parametrize("required", [1, 2, 10])
def test_the_declared_number_of_people_is_asked_for(required: int) -> None:
    """The quorum comes from the declaration alone."""
    assert policy(RiskLevel.HIGH, required_approvals=required).assess(DELETE).required_approvals == required


@pytest.mark.parametrize("resource_type", ["user", "customer"])
def test_every_declared_resource_type_is_asked_about(resource_type: str) -> None:
    """Not only the first one."""
    operation = DELETE.model_copy(update={"resource_type": resource_type})
    assert policy(RiskLevel.LOW).assess(operation).verdict is Verdict.ASK


@pytest.mark.parametrize(
    ("operation_type", "resource_type"),
    [
        ("user.erase", "user"),
        ("user.delete", "order"),
        ("user.delete", ""),
        ("User.delete", "user"),
        ("user.delete ", "user"),
        ("user.delete", "user,customer"),
    ],
)
def test_what_is_not_declared_is_denied(operation_type: str, resource_type: str) -> None:
    """Unknown means not approved, at the highest level and with the shortest time, and the reason names it."""
    operation = DELETE.model_copy(update={"type": operation_type, "resource_type": resource_type})
    assert policy(RiskLevel.LOW).assess(operation) == Assessment(
        verdict=Verdict.DENY,
        level=RiskLevel.CRITICAL,
        reasons=(f"{operation_type} on {resource_type} is not declared.",),
        required_approvals=1,
        timeout=timedelta(hours=1),
    )


def test_without_declarations_everything_is_denied() -> None:
    """There is no operation that needs no declaration."""
    assert Policy({}).assess(DELETE).verdict is Verdict.DENY


@pytest.mark.parametrize("parameters", [{"risk": "low"}, {"timeout": "30d"}, {"required_approvals": 0}])
def test_nothing_that_an_agent_sends_lowers_the_bar(parameters: dict[str, object]) -> None:
    """The assessment looks at the types alone."""
    sent = DELETE.model_copy(update={"parameters": parameters, "resource_id": "risk: low"})
    assert policy(RiskLevel.HIGH).assess(sent) == policy(RiskLevel.HIGH).assess(DELETE)


def test_the_upper_levels_need_the_digest_of_what_was_seen() -> None:
    """High and critical decisions are bound to what the reviewer read."""
    assert frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL}) == NEEDS_DIGEST


@pytest.mark.parametrize("required", [0, 11])
def test_an_assessment_asks_for_1_to_10_people(required: int) -> None:
    """No assessment can ask for nobody."""
    with pytest.raises(ValidationError):
        Assessment(
            verdict=Verdict.ASK,
            level=RiskLevel.LOW,
            reasons=(),
            required_approvals=required,
            timeout=timedelta(hours=1),
        )
