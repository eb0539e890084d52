"""What the shop's agents ask for, assessed by its own rules: a queue of any size, and what was decided before."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from assent.models import ApprovalStatus, Operation, Outcome, Role
from domain.policy import Policy
from domain.risk import Assessment
from storage.database import Database
from storage.tables import approvals, decisions
from tests.support.processes import ROOT

SHOP = ROOT / "assent.yaml"
"""The operations and rules of a fresh copy."""

_KINDS = 500
_AT_ONCE = 10_000
_ENDINGS = (ApprovalStatus.EXECUTED, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED)
_AGENTS = tuple(f"{team}-agent-{number}" for team in ("billing", "support", "growth", "privacy") for number in range(3))
_REASONS = (
    "The customer asked for it in the chat of this morning, and the ticket says that it was promised for today.",
    "Found by the nightly run: the account was closed in March and nothing has been bought since.",
    "Order was delivered twice.",
)
_MAIL = "Good morning,\n\nyour order has been sent today and should be with you in two or three days.\n\nThe shop\n"


def store_waiting(database: Database, size: int, policy: Policy) -> None:
    """Store so many requests that wait, of every risk the same share at any deadline."""
    chance = random.Random(11)  # noqa: S311  the same queue in every run
    now = datetime.now(UTC)
    kinds = _kinds(policy, chance, now)
    for begin in range(0, size, _AT_ONCE):
        rows = [_row(*chance.choice(kinds), now, chance) for _ in range(min(_AT_ONCE, size - begin))]
        with database.write() as connection:
            connection.execute(approvals.insert(), rows)
    if not database.is_sqlite:
        # PostgreSQL does so by itself, but only in the minute after.
        with database.write() as connection:
            connection.execute(text("ANALYZE"))


def store_decided(database: Database, size: int, policy: Policy) -> None:
    """Store so many requests of the last hundred days, which people have decided, or missed."""
    chance = random.Random(12)  # noqa: S311  the same history in every run
    now = datetime.now(UTC)
    kinds = _kinds(policy, chance, now)
    rows = [
        _ended(_row(*chance.choice(kinds), now - timedelta(hours=chance.uniform(1, 2_400)), chance), chance)
        for _ in range(size)
    ]
    votes = [_vote(row) for row in rows if row["status"] != ApprovalStatus.EXPIRED]
    with database.write() as connection:
        connection.execute(approvals.insert(), rows)
        connection.execute(decisions.insert(), votes)


def _kinds(policy: Policy, chance: random.Random, now: datetime) -> list[tuple[Operation, Assessment]]:
    return [(asked, _assessed(policy, asked, now)) for asked in _asked(chance)]


def _asked(chance: random.Random) -> list[Operation]:
    """Return what is asked for, of every operation that the shop has."""
    number = chance.randrange
    return [
        kind
        for _ in range(_KINDS // 7)
        for kind in (
            _operation("user.delete", "user", str(number(1, 10**6))),
            _operation("user.bulk_delete", "user", ids=chance.sample(range(1, 10**6), number(2, 30))),
            _operation("customer.read", "customer", str(number(1, 10**6))),
            _operation("payment.read", "payment", str(number(1, 10**6))),
            _operation("data.export", "customer", limit=number(1, 300)),
            _operation(
                "payment.refund", "payment", str(number(10**5)), amount_cents=number(1, 200_000), currency="EUR"
            ),
            _operation("email.send", "email", to=f"c{number(10**6)}@example.org", subject="Your order", body=_MAIL),
        )
    ]


def _operation(operation_type: str, resource_type: str, resource_id: str = "", **parameters: object) -> Operation:
    return Operation(type=operation_type, resource_type=resource_type, resource_id=resource_id, parameters=parameters)


def _assessed(policy: Policy, asked: Operation, now: datetime) -> Assessment:
    return policy.assess(policy.circumstances(asked, agent_id=_AGENTS[0], agent_owner=None, context={}, now=now))


def _row(asked: Operation, assessed: Assessment, now: datetime, chance: random.Random) -> dict[str, Any]:
    """Return a request that waits at `now`, for half an hour to an hour more: so every risk comes soon in the queue."""
    expires_at = now + timedelta(minutes=chance.uniform(30, 60))
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "revision": 1,
        "status": ApprovalStatus.PENDING.value,
        "agent_id": chance.choice(_AGENTS),
        "operation_type": asked.type,
        "resource_type": asked.resource_type,
        "resource_id": asked.resource_id,
        "parameters": asked.parameters,
        "reason": chance.choice(_REASONS),
        "context": {"ticket": f"T-{chance.randrange(10**5)}"},
        "declaration": "bench",
        "plan": {},
        "digest": chance.randbytes(32).hex(),
        "content_digest": chance.randbytes(32).hex(),
        "verdict": assessed.verdict.value,
        "risk_level": assessed.level.value,
        "risk_reasons": list(assessed.reasons),
        "required_approvals": assessed.required_approvals,
        "seal": {},
        "decided_by": [],
        "created_at": expires_at - assessed.timeout,
        "expires_at": expires_at,
        "closed_at": None,
        "run_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "rules": [rule.model_dump(mode="json") for rule in assessed.rules],
        "policy_version": assessed.policy_version,
        "open_to_patterns": assessed.open_to_patterns,
    }


def _ended(row: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    (status,) = chance.choices(_ENDINGS, (80, 12, 8))
    expired = status is ApprovalStatus.EXPIRED
    decided_at = row["created_at"] + timedelta(minutes=chance.lognormvariate(2, 1))
    closed_at = row["expires_at"] if expired else min(decided_at, row["expires_at"])
    decided_by = ["system:timeout"] if expired else ["reviewer:ada"]
    return row | {"status": status.value, "closed_at": closed_at, "decided_by": decided_by}


def _vote(row: dict[str, Any]) -> dict[str, Any]:
    rejected = row["status"] == ApprovalStatus.REJECTED
    return {
        "id": row["id"],
        "approval_id": row["id"],
        "reviewer": "ada",
        "role": Role.REVIEWER.value,
        "outcome": (Outcome.REJECT if rejected else Outcome.APPROVE).value,
        "comment": "",
        "digest": row["digest"],
        "decided_at": row["closed_at"],
        "recorded_at": row["closed_at"],
        "accepted": True,
        "content_digest": row["content_digest"],
        "signature": {},
    }
