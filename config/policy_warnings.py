"""What is allowed in a policy, and most often not meant."""

from collections.abc import Iterator

from assent.models import RiskLevel, Verdict
from domain.globs import ANYTHING, any_glob_matches
from domain.policy import Policy
from domain.rules import Rule


def warnings_of(policy: Policy) -> list[str]:
    """Return a sentence for each oddity, by rule."""
    return [f"rule {rule.name}: {warning}" for rule in policy.rules for warning in _warnings(rule, policy)]


def _warnings(rule: Rule, policy: Policy) -> Iterator[str]:
    if rule.reads_claims:
        yield "its condition reads `context`, which the agent fills as it likes: an agent can keep out of it."
    if rule.verdict is Verdict.ALLOW and rule.when is None and rule.match.agent_id == (ANYTHING,):
        yield "it lets every agent through without a condition."
    if rule.verdict is not Verdict.ALLOW and rule.risk is RiskLevel.LOW:
        yield "`risk: low` lowers nothing: a rule can only raise. Declare it in the operation."
    if not any(
        any_glob_matches(rule.match.operation_type, name)
        and any(any_glob_matches(rule.match.resource_type, each) for each in declaration.resource_types)
        for name, declaration in policy.declarations.items()
    ):
        yield "no declared operation has such a type and resource type, so it never matches."
