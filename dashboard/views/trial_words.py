"""What would become of a request, in words: the verdict, who would be asked, and which rules say so."""

from datetime import timedelta

from assent.models import RuleResult, Verdict
from assent.policy_models import Assessment
from dashboard.views.rule_text import time_of
from domain.durations import written_duration
from domain.frozen import Frozen


class Explained(Frozen):
    """An assessment as a person reads it. `title` is what would be done; `failed` rules count as matched."""

    title: str
    assessment: Assessment
    verdict: str
    consequence: str
    matched: tuple[RuleResult, ...]
    failed: tuple[RuleResult, ...]
    others: tuple[RuleResult, ...]


def explained(assessment: Assessment, title: str) -> Explained:
    """Explain what would become of the operation with this title."""
    rules = assessment.rules
    return Explained(
        title=title,
        assessment=assessment,
        verdict=_verdict(assessment),
        consequence=_consequence(assessment),
        matched=tuple(rule for rule in rules if rule.matched and rule.error is None),
        failed=tuple(rule for rule in rules if rule.error is not None),
        others=tuple(rule for rule in rules if not rule.matched and rule.error is None),
    )


def _verdict(assessment: Assessment) -> str:
    if assessment.verdict is Verdict.DENY:
        return "Policy denies it."
    if assessment.pattern is not None:
        return "A trusted pattern lets it through."
    if assessment.verdict is Verdict.ALLOW:
        return "Policy lets it through."
    if assessment.required_approvals == 1:
        return "A person is asked."
    return f"{assessment.required_approvals} people must approve."


def _consequence(assessment: Assessment) -> str:
    if assessment.verdict is Verdict.DENY:
        return "Nobody is asked, and nothing runs."
    if assessment.verdict is Verdict.ALLOW:
        return "Nobody is asked, and it runs at once."
    time = time_of(written_duration(timedelta(seconds=assessment.expires_in)))
    return f"Reviewers have {time} to decide. With no decision in time, it does not run."
