"""Who works with the shop's Assent: three people, their agents, and the patterns that an admin has made."""

import uuid
from datetime import datetime, timedelta

from assent.models import NewKey, RiskLevel, Role
from assent.policy_models import DailySum, NewStatus, NewTrustedPattern, PatternChange
from domain.pattern_changes import changed_pattern, new_pattern
from domain.patterns import TrustedPattern
from domain.principal import Principal
from tests.support.stack import Stack
from tests.support.team import add_person

PEOPLE = {"ada": Role.ADMIN, "ben": Role.REVIEWER, "cleo": Role.REVIEWER}

SUPPORT, BILLING, MARKETING = "support-agent", "billing-agent", "marketing-agent"
OWNERS = {SUPPORT: "ben", BILLING: "cleo", MARKETING: "ben"}

EXPORTED_A_DAY = 500

_ADA, _BEN = Principal(name="ada", role=Role.ADMIN), Principal(name="ben", role=Role.REVIEWER)

_PATTERNS = (
    (
        timedelta(days=21),
        NewTrustedPattern(
            agent_id=SUPPORT,
            operation_type="customer.read",
            resource_type="customer",
            max_risk=RiskLevel.LOW,
            max_per_day=120,
            broad=True,
            note="Support reads all day, and each read is in the log.",
        ),
    ),
    (
        timedelta(days=13),
        NewTrustedPattern(
            agent_id=BILLING,
            operation_type="payment.refund",
            resource_type="payment",
            condition="operation.parameters.amount_cents <= 2500\n  && context.parcel_returned == true",
            max_risk=RiskLevel.MEDIUM,
            max_per_day=25,
            note="The warehouse scans what comes back; small sums only.",
        ),
    ),
    (
        timedelta(days=9),
        NewTrustedPattern(
            agent_id=MARKETING,
            operation_type="data.export",
            resource_type="customer",
            condition="operation.parameters.limit < 100",
            max_per_day=10,
            max_sum_per_day=DailySum(parameter="limit", limit=EXPORTED_A_DAY),
        ),
    ),
    (
        timedelta(days=3),
        NewTrustedPattern(
            agent_id=MARKETING,
            operation_type="email.send",
            resource_type="email",
            condition='operation.parameters.to.endsWith("@shop.example.com")',
            max_per_day=20,
        ),
    ),
)


def add_team(stack: Stack) -> None:
    """Make the people, all with the tests' password, and the keys of the agents."""
    for name, role in PEOPLE.items():
        add_person(stack, name, role)
    for agent, owner in OWNERS.items():
        stack.add_key(NewKey(name=agent, role=Role.AGENT, owner=owner))


def suspended(pattern: TrustedPattern) -> TrustedPattern:
    """Return the revision by which a reviewer takes a pattern out of force, a day after it was made."""
    change = PatternChange(status=NewStatus.SUSPENDED)
    return changed_pattern(pattern, change, by=_BEN, now=pattern.created_at + timedelta(days=1))


def patterns(now: datetime) -> list[TrustedPattern]:
    """Return the patterns, each as it was made some days before `now`, the oldest first; the last one is suspended."""
    return [
        new_pattern(wanted, pattern_id=str(uuid.UUID(int=place)), by=_ADA, now=now - age)
        for place, (age, wanted) in enumerate(_PATTERNS, start=1)
    ]
