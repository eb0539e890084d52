"""Policy: who is asked about an operation, and how strictly.

The first form reads each operation's fixed risk from its declaration. Rules and trusted patterns join here.
"""

from collections.abc import Mapping

from assent.models import Operation, RiskLevel
from domain.operation import OperationDeclaration
from domain.risk import DEFAULT_TIMEOUTS, Assessment, Verdict


class Policy:
    """Assesses operations by what `assent.yaml` declares."""

    def __init__(self, declarations: Mapping[str, OperationDeclaration]) -> None:
        """Take the declared operations, by type."""
        self._declarations = declarations

    def assess(self, operation: Operation) -> Assessment:
        """Return what is asked for `operation`. What is not declared is denied: unknown means not approved."""
        declaration = self._declarations.get(operation.type)
        if declaration is None or operation.resource_type not in declaration.resource_types:
            return Assessment(
                verdict=Verdict.DENY,
                level=RiskLevel.CRITICAL,
                reasons=(f"{operation.type} on {operation.resource_type} is not declared.",),
                required_approvals=1,
                timeout=DEFAULT_TIMEOUTS[RiskLevel.CRITICAL],
            )
        return Assessment(
            verdict=Verdict.ASK,
            level=declaration.risk,
            reasons=(f"{operation.type} is declared {declaration.risk.value} risk.",),
            required_approvals=declaration.required_approvals,
            timeout=declaration.timeout or DEFAULT_TIMEOUTS[declaration.risk],
        )
