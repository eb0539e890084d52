"""What the benchmarks measure on: rules, patterns and a history, of any size."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from assent.models import ApprovalStatus, Operation, RiskLevel, Verdict
from assent.policy_models import NewTrustedPattern
from domain.conditions import Circumstances
from domain.operation import OperationDeclaration
from domain.pattern_changes import new_pattern
from domain.patterns import TrustedPattern
from domain.policy import Policy
from domain.principal import Operator
from domain.rules import Match, Rule
from storage.database import Database
from storage.patterns import PatternStore
from storage.tables import approvals

AGENT = "agent"
EXPORT = Operation(
    type="data.export", resource_type="customer", parameters={"limit": 99, "format": "csv", "ids": list(range(20))}
)
_DECLARED = OperationDeclaration(
    resource_types=("customer",),
    run="tests.support.runs:export",
    parameters="tests.support.runs:Export",
    version="1",
)


def policy(rules: int) -> Policy:
    """Return so many rules, of which every second one speaks of exports, and none matches in the end."""
    return Policy(
        {EXPORT.type: _DECLARED},
        [
            Rule(
                name=f"rule-{number}",
                match=Match(operation_type=("data.*",) if number % 2 else ("user.*", "email.send")),
                when=f"operation.parameters.limit > {1_000 + number} && operation.resource_type == 'customer'",
                risk=RiskLevel.HIGH,
            )
            for number in range(rules)
        ],
    )


def circumstances(under: Policy) -> Circumstances:
    """Return a request to export, as a policy sees it."""
    return under.circumstances(EXPORT, agent_id=AGENT, agent_owner=None, context={}, now=datetime.now(UTC))


def patterns(count: int, *, of_one_type: bool, matching: bool = False) -> list[TrustedPattern]:
    """Return so many patterns; the last one may match the export."""
    return [
        new_pattern(
            NewTrustedPattern(
                agent_id="age*",
                operation_type=EXPORT.type if of_one_type or last else f"data.export-{number}",
                resource_type="customer",
                condition=f"operation.parameters.limit < {100 if last else -number} && agent.id == 'agent'",
                max_per_day=1_000_000,
                broad=True,
            ),
            pattern_id=f"00000000-0000-4000-8000-{number:012d}",
            by=Operator(),
            now=datetime.now(UTC),
        )
        for number in range(count)
        for last in [matching and number == count - 1]
    ]


def store_patterns(database: Database, made: list[TrustedPattern]) -> PatternStore:
    """Store patterns and return where they are."""
    store = PatternStore(database)
    for pattern in made:
        store.add(pattern)
    return store


def store_history(database: Database, size: int) -> None:
    """Store so many decided exports of the last hundred days, of which a tenth was rejected."""
    chance = random.Random(7)  # noqa: S311  the same history in every run
    now = datetime.now(UTC)
    for begin in range(0, size, 10_000):
        with database.write() as connection:
            connection.execute(
                approvals.insert(),
                list(_rows(range(begin, min(begin + 10_000, size)), size, now, chance)),
            )


def _rows(numbers: range, size: int, now: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in numbers:
        rejected = chance.random() < 0.1  # noqa: PLR2004  a tenth
        created_at = now - timedelta(days=100) + timedelta(days=100) * number / size
        yield {
            "id": str(uuid.UUID(int=number)),
            "revision": 3,
            "status": (ApprovalStatus.REJECTED if rejected else ApprovalStatus.EXECUTED).value,
            "agent_id": AGENT,
            "operation_type": EXPORT.type,
            "resource_type": EXPORT.resource_type,
            "resource_id": "",
            "parameters": EXPORT.parameters | {"limit": chance.randrange(1, 300)},
            "reason": "The newsletter needs its readers.",
            "context": {"ticket": f"T-{number}", "campaign": "spring"},
            "declaration": "bench",
            "plan": {},
            "digest": "0" * 64,
            "content_digest": "0" * 64,
            "verdict": Verdict.ASK.value,
            "risk_level": RiskLevel.MEDIUM.value,
            "risk_reasons": ["No rule matches, so it counts as medium risk."],
            "required_approvals": 1,
            "seal": {},
            "decided_by": ["reviewer:ada"],
            "created_at": created_at,
            "expires_at": created_at + timedelta(hours=12),
            "closed_at": created_at + timedelta(minutes=5),
            "run_id": "bench",
            "rules": [],
            "policy_version": "0" * 64,
            "open_to_patterns": True,
        }
