"""What a pattern would have let through of the approvals that are already recorded, and what people made of those."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assent.models import ApprovalStatus, Operation, RiskLevel
from assent.policy_models import Backtest, Humans, RejectedExample
from domain.conditions import Circumstances
from domain.patterns import PatternMatch, TrustedPattern

MAX_EXAMPLES = 20

_RAN = (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTED, ApprovalStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastApproval:
    """One recorded approval, with what a pattern looks at and what became of it."""

    id: str
    status: ApprovalStatus
    risk_level: RiskLevel
    agent_id: str
    agent_owner: str | None
    operation: Operation
    reason: str
    context: dict[str, Any]
    created_at: datetime
    decided_by: tuple[str, ...]

    @property
    def decided_by_people(self) -> bool:
        """Whether reviewers decided it."""
        return bool(self.decided_by) and all(each.startswith("reviewer:") for each in self.decided_by)


CircumstancesOf = Callable[[PastApproval], Circumstances]


class BacktestRun:
    """Counts what one pattern would have done. Feed it the history in order, the oldest first."""

    def __init__(self, pattern: TrustedPattern, circumstances_of: CircumstancesOf) -> None:
        """Take the pattern, and what its condition would have seen of each approval."""
        self._pattern = pattern
        self._circumstances_of = circumstances_of
        self._uses: dict[str, int] = defaultdict(int)
        self._totals: dict[str, float] = defaultdict(float)
        self._approved = self._failed = 0
        self._humans = {"approved": 0, "rejected": 0, "expired": 0}
        self._examples: deque[RejectedExample] = deque(maxlen=MAX_EXAMPLES)

    def take(self, approvals: Iterable[PastApproval]) -> None:
        """Try the pattern on some of the history that policy would have left to it."""
        for approval in approvals:
            if self._would_approve(approval):
                self._count(approval)

    def result(self, considered: int) -> Backtest:
        """Return the counts; `considered` is how much history there was, whatever policy made of it."""
        return Backtest(
            considered=considered,
            would_approve=self._approved,
            humans=Humans(**self._humans),
            failed=self._failed,
            rejected_examples=list(reversed(self._examples)),
        )

    def _would_approve(self, approval: PastApproval) -> bool:
        circumstances = self._circumstances_of(approval)
        amount = self._pattern.amount(circumstances)
        if amount is None or not self._pattern.covers(circumstances, approval.risk_level):
            return False
        day = approval.created_at.astimezone(UTC).date().isoformat()
        match = PatternMatch(pattern=self._pattern, amount=amount)
        if not match.has_room(self._uses[day], self._totals[day]):
            return False
        self._uses[day] += 1
        self._totals[day] += amount
        return True

    def _count(self, approval: PastApproval) -> None:
        self._approved += 1
        if approval.status is ApprovalStatus.FAILED:
            self._failed += 1
        if approval.status is ApprovalStatus.EXPIRED:
            self._humans["expired"] += 1
        elif approval.decided_by_people and approval.status is ApprovalStatus.REJECTED:
            self._humans["rejected"] += 1
            self._examples.append(_example(approval))
        elif approval.decided_by_people and approval.status in _RAN:
            self._humans["approved"] += 1


def _example(approval: PastApproval) -> RejectedExample:
    return RejectedExample(
        id=approval.id,
        agent_id=approval.agent_id,
        operation=approval.operation,
        reason=approval.reason,
        context=approval.context,
        created_at=approval.created_at,
        decided_by=list(approval.decided_by),
    )
