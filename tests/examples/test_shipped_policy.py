"""The rules that come with Assent, each at its boundaries: the reasons to ask a human, on the shop's operations."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assent.models import Operation, RiskLevel, Verdict
from domain.policy import Policy
from domain.risk import Assessment
from operations.registry import OperationRegistry
from services.wiring import load_assent_file

SHIPPED = Path(__file__).parents[2] / "assent.yaml"
LOW, MEDIUM, HIGH, CRITICAL = RiskLevel


@pytest.fixture(scope="module")
def shipped() -> tuple[OperationRegistry, Policy]:
    """The operations and the policy of a fresh copy."""
    operations, policy = load_assent_file(SHIPPED)
    return operations, policy.current()


def assess(
    shipped: tuple[OperationRegistry, Policy],
    operation_type: str,
    resource_id: str = "7",
    **parameters: Any,  # noqa: ANN401  any JSON
) -> Assessment:
    """Return what becomes of an operation that the API would take."""
    operations, policy = shipped
    declared = operations.find(operation_type)
    assert declared is not None
    asked = Operation(
        type=operation_type,
        resource_type=declared.declaration.resource_types[0],
        resource_id=resource_id,
        parameters=parameters,
    )
    checked, _ = operations.checked(asked)
    seen = policy.circumstances(checked, agent_id="agent", agent_owner=None, context={}, now=datetime.now(UTC))
    assessed = policy.assess(seen)
    assert [rule for rule in assessed.rules if rule.error] == []
    return assessed


def test_deleting_a_user_is_high(shipped: tuple[OperationRegistry, Policy]) -> None:
    """It cannot be taken back, and the reviewer reads so."""
    assessed = assess(shipped, "user.delete")
    assert (assessed.verdict, assessed.level, assessed.required_approvals) == (Verdict.ASK, HIGH, 1)
    assert assessed.reasons == ("It deletes people's accounts, which cannot be taken back.",)


@pytest.mark.parametrize(
    ("count", "level", "rules"),
    [
        (1, HIGH, ["user-deletion"]),
        (9, HIGH, ["user-deletion"]),
        (10, HIGH, ["bulk", "user-deletion"]),
        (99, HIGH, ["bulk", "user-deletion"]),
        (100, CRITICAL, ["bulk", "bulk-large", "user-deletion"]),
        (1000, CRITICAL, ["bulk", "bulk-large", "user-deletion"]),
    ],
)
def test_bulk_operations_are_high_from_ten_and_critical_from_a_hundred(
    shipped: tuple[OperationRegistry, Policy], count: int, level: RiskLevel, rules: list[str]
) -> None:
    """Whatever names so many ids."""
    assessed = assess(shipped, "user.bulk_delete", resource_id="", ids=list(range(1, count + 1)))
    assert assessed.level is level
    assert [rule.name for rule in assessed.rules] == rules


@pytest.mark.parametrize(("count", "level"), [(9, MEDIUM), (10, HIGH), (99, HIGH), (100, CRITICAL)])
def test_the_bulk_rules_are_for_every_operation(
    shipped: tuple[OperationRegistry, Policy], count: int, level: RiskLevel
) -> None:
    """Also for those that are declared later and name their ids."""
    _, policy = shipped
    operation = Operation(type="email.send", resource_type="email", parameters={"ids": list(range(count))})
    policy = Policy(policy.declarations, [rule for rule in policy.rules if rule.name.startswith("bulk")])
    seen = policy.circumstances(operation, agent_id="agent", agent_owner=None, context={}, now=datetime.now(UTC))
    assert policy.assess(seen).level is level


@pytest.mark.parametrize(("limit", "level"), [(1, MEDIUM), (99, MEDIUM), (100, HIGH), (1000, HIGH)])
def test_a_large_export_is_high(shipped: tuple[OperationRegistry, Policy], limit: int, level: RiskLevel) -> None:
    """From a hundred records on; below that, a pattern may let it through."""
    assessed = assess(shipped, "data.export", resource_id="", limit=limit)
    assert (assessed.level, assessed.open_to_patterns) == (level, True)


def test_regulated_data_are_high_also_when_they_are_only_read(shipped: tuple[OperationRegistry, Policy]) -> None:
    """Compliance looks at what the operation declares, not at what an agent says."""
    assessed = assess(shipped, "payment.read")
    assert (assessed.level, assessed.reasons) == (HIGH, ("It touches regulated data (compliance).",))
    assert assess(shipped, "customer.read").level is LOW


@pytest.mark.parametrize(
    ("cents", "level", "approvals"),
    [(1, MEDIUM, 1), (9_999, MEDIUM, 1), (10_000, HIGH, 1), (99_999, HIGH, 1), (100_000, CRITICAL, 2)],
)
def test_money_is_high_from_a_hundred_and_takes_two_from_a_thousand(
    shipped: tuple[OperationRegistry, Policy], cents: int, level: RiskLevel, approvals: int
) -> None:
    """Cost control."""
    assessed = assess(shipped, "payment.refund", amount_cents=cents, currency="EUR")
    assert (assessed.level, assessed.required_approvals) == (level, approvals)


@pytest.mark.parametrize(
    ("to", "inside"),
    [
        ("ada@shop.example.com", True),
        ("a.b+c@shop.example.com", True),
        ("ada@example.com", False),
        ("ada@shopxexample.com", False),
        ("ada@shop.example.com.evil.org", False),
        ("ada@evil.shop.example.com", False),
        ("shop.example.com@evil.org", False),
        ("ada@SHOP.example.com", False),
    ],
)
def test_what_an_agent_wrote_is_read_before_anyone_outside_reads_it(
    shipped: tuple[OperationRegistry, Policy],
    to: str,
    inside: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    """Always by a person: no pattern lets it through. Inside the company a pattern may."""
    assessed = assess(shipped, "email.send", resource_id="", to=to, subject="Hello", body="Dear all")
    assert (assessed.verdict, assessed.level, assessed.open_to_patterns) == (Verdict.ASK, MEDIUM, inside)
    assert bool(assessed.rules) is not inside


def test_the_file_has_no_warnings_and_every_rule_explains_itself(shipped: tuple[OperationRegistry, Policy]) -> None:
    """It is the first example that anyone reads."""
    _, policy = shipped
    assert all(rule.reason for rule in policy.rules)
    assert not any(rule.verdict is Verdict.ALLOW for rule in policy.rules)
