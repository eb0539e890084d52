"""Trusted patterns as an admin makes them."""

from datetime import datetime
from typing import Any

from assent.models import RiskLevel, Role
from assent.policy_models import NewTrustedPattern
from domain.conditions import Circumstances
from domain.patterns import TrustedPattern
from domain.principal import Principal
from tests.domain.requests import NOW

ADMIN = Principal(name="root", role=Role.ADMIN)

SMALL = "operation.parameters.limit > 0 && operation.parameters.limit < 100"
CLAIMS = "context.records < 100"
UNUSABLE = "operation.parameters.limit <"


def wanted(**fields: Any) -> NewTrustedPattern:  # noqa: ANN401  any field's value
    """Return what an admin sends for the billing agent's small exports, with `fields` changed."""
    return NewTrustedPattern.model_validate(
        {
            "agent_id": "billing-agent",
            "operation_type": "data.export",
            "resource_type": "customer",
            "condition": SMALL,
            **fields,
        }
    )


def pattern(pattern_id: str = "p-1", *, at: datetime = NOW, **fields: Any) -> TrustedPattern:  # noqa: ANN401  as above
    """Return the first revision of a pattern of root's for the same, with `fields` changed, unchecked."""
    return TrustedPattern.model_validate(
        {
            **wanted().model_dump(exclude={"broad"}),
            "id": pattern_id,
            "revision": 1,
            "suspended": False,
            "authors": (ADMIN.name,),
            "created_by": str(ADMIN),
            "created_at": at,
            "changed_by": str(ADMIN),
            "changed_at": at,
            **fields,
        }
    )


def covers(trusted: TrustedPattern, circumstances: Circumstances, level: RiskLevel = RiskLevel.LOW) -> bool:
    """Whether a pattern speaks of a request of low risk, or of another level."""
    return trusted.covers(circumstances, level)
