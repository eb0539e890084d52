"""Policy: who is asked about an operation, and how strictly.

All matching rules count, in any order: the highest risk wins, deny beats ask beats allow, the largest quorum and the
shortest time win, and every reason is kept. A rule whose condition fails counts in full, except that it allows nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from assent.models import Operation, RiskLevel, RuleResult, Verdict
from domain.approval import BY_POLICY
from domain.canonical import digest_of
from domain.conditions import Circumstances, EvaluationError
from domain.frozen import Frozen
from domain.operation import DataClass, OperationDeclaration
from domain.risk import DEFAULT_TIMEOUTS, Assessment, highest, rank
from domain.rules import Rule

DEFAULT_RISK = RiskLevel.MEDIUM
"""The risk of an operation that does not declare its own."""


class _Applied(Frozen):
    """A rule that counts for a request, and why its condition could not be evaluated, if it could not."""

    rule: Rule
    error: str | None = None

    @property
    def allows(self) -> bool:
        return self.rule.verdict is Verdict.ALLOW and self.error is None

    @property
    def asks(self) -> bool:
        """Whether it asks for a person, which no other rule's `allow` overrides."""
        rule = self.rule
        failed_to_allow = rule.verdict is Verdict.ALLOW and self.error is not None
        return failed_to_allow or rule.verdict is Verdict.ASK or bool(rule.human) or (rule.required_approvals or 1) > 1

    @property
    def reason(self) -> str:
        told = self.rule.reason or f"Rule {self.rule.name} matches."
        if self.error is None:
            return told
        # Without the error itself, which may repeat an agent's words.
        return f"{told} (Rule {self.rule.name} could not be evaluated, so it counts in full.)"


class Policy:
    """The rules in force over the declared operations."""

    def __init__(
        self,
        declarations: Mapping[str, OperationDeclaration],
        rules: Iterable[Rule] = (),
        timeouts: Mapping[RiskLevel, timedelta] | None = None,
    ) -> None:
        """Take the declared operations by type, the rules, and the levels' times to decide that differ from ours."""
        self.declarations = dict(declarations)
        self.rules = tuple(sorted(rules, key=lambda rule: rule.name))
        self.timeouts = {**DEFAULT_TIMEOUTS, **(timeouts or {})}

    @cached_property
    def content(self) -> dict[str, Any]:
        """All that an assessment depends on, as JSON."""
        fields = {"resource_types", "data_class", "risk", "required_approvals", "timeout"}
        return {
            "operations": {
                name: declaration.model_dump(mode="json", include=fields)
                for name, declaration in sorted(self.declarations.items())
            },
            "rules": [rule.model_dump(mode="json", exclude_none=True) for rule in self.rules],
            "timeouts": {level.value: int(time.total_seconds()) for level, time in self.timeouts.items()},
        }

    @cached_property
    def version(self) -> str:
        """The SHA-256 of the canonical JSON of `content`: the same rules have the same version everywhere."""
        return digest_of(self.content)

    def circumstances(
        self, operation: Operation, *, agent_id: str, agent_owner: str | None, context: dict[str, Any], now: datetime
    ) -> Circumstances:
        """Return what the conditions of rules and patterns look at; `now` is when the request was accepted."""
        declaration = self.declarations.get(operation.type)
        return Circumstances(
            operation=operation,
            data_class=(DataClass.INTERNAL if declaration is None else declaration.data_class).value,
            agent_id=agent_id,
            agent_owner=agent_owner,
            context=context,
            now=now,
        )

    def assess(self, circumstances: Circumstances, claimed: RiskLevel | None = None) -> Assessment:
        """Return what is asked for a request. `claimed` is the least risk that its agent sees: it only raises.

        What is not declared is denied: unknown means not approved.
        """
        operation = circumstances.operation
        declaration = self.declarations.get(operation.type)
        if declaration is None or operation.resource_type not in declaration.resource_types:
            return self._undeclared(operation)
        applied = [each for rule in self.rules if (each := _applied(rule, circumstances)) is not None]
        level = _level(declaration, applied, claimed)
        required = max([declaration.required_approvals, *(each.rule.required_approvals or 1 for each in applied)])
        times = [self.timeouts[level], declaration.timeout, *(each.rule.timeout for each in applied)]
        verdict = _verdict(applied, level, required)
        return Assessment(
            verdict=verdict,
            level=level,
            reasons=tuple(_reasons(operation, declaration, applied, claimed)),
            required_approvals=required,
            timeout=min(time for time in times if time is not None),
            rules=tuple(RuleResult(name=each.rule.name, error=each.error) for each in applied),
            decided_by=tuple(
                f"policy:{each.rule.name}"
                for each in applied
                if verdict is not Verdict.ASK and each.rule.verdict is verdict
            ),
            open_to_patterns=verdict is Verdict.ASK and required == 1 and _open_to_patterns(applied, level),
            policy_version=self.version,
        )

    def _undeclared(self, operation: Operation) -> Assessment:
        return Assessment(
            verdict=Verdict.DENY,
            level=RiskLevel.CRITICAL,
            reasons=(f"{operation.type} on {operation.resource_type} is not declared.",),
            required_approvals=1,
            timeout=self.timeouts[RiskLevel.CRITICAL],
            decided_by=(BY_POLICY,),
            policy_version=self.version,
        )


def _applied(rule: Rule, circumstances: Circumstances) -> _Applied | None:
    if not rule.match.describes(circumstances):
        return None
    if rule.condition is None:
        return _Applied(rule=rule)
    try:
        return _Applied(rule=rule) if rule.condition.holds(circumstances) else None
    except EvaluationError as error:
        return _Applied(rule=rule, error=str(error))


def _level(declaration: OperationDeclaration, applied: Sequence[_Applied], claimed: RiskLevel | None) -> RiskLevel:
    stated = [each.rule.risk for each in applied]
    # A rule that allows may vouch for less than the default; any other rule can only raise.
    vouched = any(each.allows and each.rule.risk is not None for each in applied)
    own = declaration.risk or (None if vouched else DEFAULT_RISK)
    return highest([level for level in (own, claimed, *stated) if level is not None])


def _verdict(applied: Sequence[_Applied], level: RiskLevel, required_approvals: int) -> Verdict:
    if any(each.rule.verdict is Verdict.DENY for each in applied):
        return Verdict.DENY
    allowing = [each.rule for each in applied if each.allows]
    within = all(rank(level) <= rank(rule.allowed_risk) for rule in allowing)
    if not allowing or not within or required_approvals > 1 or any(each.asks for each in applied):
        return Verdict.ASK
    return Verdict.ALLOW


def _open_to_patterns(applied: Sequence[_Applied], level: RiskLevel) -> bool:
    if any(each.error is not None or each.rule.human for each in applied):
        return False
    return level is not RiskLevel.CRITICAL or any(each.rule.patterns for each in applied)


def _reasons(
    operation: Operation, declaration: OperationDeclaration, applied: Sequence[_Applied], claimed: RiskLevel | None
) -> Iterable[str]:
    """Give the sentences for the reviewer, the gravest first."""
    gravest_first = sorted(applied, key=lambda each: -rank(each.rule.risk or RiskLevel.LOW))
    yield from (each.reason for each in gravest_first)
    if declaration.risk is not None:
        yield f"{operation.type} is declared {declaration.risk.value} risk."
    elif not applied:
        yield f"No rule matches, so it counts as {DEFAULT_RISK.value} risk."
    if claimed is not None and rank(claimed) > rank(_level(declaration, applied, None)):
        yield f"The agent itself sees {claimed.value} risk."
