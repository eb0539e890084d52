"""Ask a human before a sensitive operation runs: the client side of Assent.

`Assent` submits operations, waits for their outcome and, for reviewers, decides. `import assent` loads only the
words below; the client, with its HTTP library, comes with `from assent.client import Assent`.
"""

from assent.models import (
    Approval,
    ApprovalStatus,
    Decision,
    DecisionRequest,
    Execution,
    Operation,
    Outcome,
    RiskLevel,
    Role,
    RuleResult,
    Submission,
    Verdict,
)

__all__ = [
    "Approval",
    "ApprovalStatus",
    "Decision",
    "DecisionRequest",
    "Execution",
    "Operation",
    "Outcome",
    "RiskLevel",
    "Role",
    "RuleResult",
    "Submission",
    "Verdict",
]
