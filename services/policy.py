"""The policy as people read it, and as agents and people try it before anything is submitted."""

import asyncio

from assent.models import Operation, Risk, Role, RuleResult, Verdict
from assent.policy_models import Assessment, PolicyOperation, PolicyRule, Trial
from assent.policy_models import Policy as PolicyView
from config.policy_file import PolicyFile
from domain.clock import Clock
from domain.durations import written_duration
from domain.errors import RoleNotAllowedError
from domain.patterns import TrustedPattern
from domain.policy import Policy
from domain.principal import Principal
from domain.risk import Assessment as Assessed
from domain.rules import Rule
from operations.registry import OperationRegistry
from services.submission_limit import SubmissionLimit
from storage.keys import KeyStore
from storage.patterns import PatternStore


class PolicyDesk:
    """The rules in force, and what they would make of a submission."""

    def __init__(  # noqa: PLR0913  each is one thing that an assessment needs
        self,
        *,
        policy: PolicyFile,
        patterns: PatternStore,
        keys: KeyStore,
        operations: OperationRegistry,
        limit: SubmissionLimit,
        clock: Clock,
    ) -> None:
        """Take the policy's file, the patterns, the keys, the operations, how fast a key may ask, and the clock."""
        self._policy = policy
        self._patterns = patterns
        self._keys = keys
        self._operations = operations
        self._limit = limit
        self._clock = clock

    async def view(self, principal: Principal) -> PolicyView:
        """Return the rules in force. Raises RoleNotAllowedError."""
        if not principal.reads_all:
            message = "An agent's key does not read the policy. POST /v1/policy/assess says what becomes of a request."
            raise RoleNotAllowedError(message)
        return _view(await asyncio.to_thread(self._policy.current), self._policy.problem)

    async def assess(self, principal: Principal, trial: Trial) -> Assessment:
        """Return what would become of a submission. Nothing is stored, and no use of a pattern is counted.

        An agent tries as itself, and people as any agent. Raises RoleNotAllowedError, TooManySubmissionsError,
        UndeclaredOperationError or InvalidOperationError.
        """
        if principal.role is Role.AGENT and trial.agent_id not in (None, principal.name):
            message = "An agent's key tries submissions as that agent alone. Leave out `agent_id`."
            raise RoleNotAllowedError(message)
        self._limit.take(principal.name)
        operation, _ = self._operations.checked(trial.operation)
        return await asyncio.to_thread(self._assess, principal, trial, operation)

    def _assess(self, principal: Principal, trial: Trial, operation: Operation) -> Assessment:
        now = self._clock()
        agent_id = trial.agent_id or principal.name
        owner = principal.owner if agent_id == principal.name else self._keys.owner_of(agent_id)
        policy = self._policy.current()
        circumstances = policy.circumstances(
            operation, agent_id=agent_id, agent_owner=owner, context=trial.context, now=now
        )
        assessed = policy.assess(circumstances, trial.risk_level)
        matches = self._patterns.book().matches(assessed, circumstances, now=now)
        return _assessment(policy, assessed, self._patterns.first_with_room(matches, at=now))


def _assessment(policy: Policy, assessed: Assessed, pattern: TrustedPattern | None) -> Assessment:
    counted = {result.name: result for result in assessed.rules}
    return Assessment(
        verdict=assessed.verdict if pattern is None else Verdict.ALLOW,
        risk=Risk(level=assessed.level, reasons=list(assessed.reasons)),
        expires_in=int(assessed.timeout.total_seconds()),
        required_approvals=assessed.required_approvals,
        rules=[counted.get(rule.name, RuleResult(name=rule.name, matched=False)) for rule in policy.rules],
        pattern=None if pattern is None else pattern.id,
        policy_version=policy.version,
    )


def _view(policy: Policy, problem: str | None) -> PolicyView:
    return PolicyView(
        version=policy.version,
        rules=[_rule(rule) for rule in policy.rules],
        timeouts={level: written_duration(time) for level, time in policy.timeouts.items()},
        operations=[
            PolicyOperation(
                type=name,
                resource_types=list(declaration.resource_types),
                data_class=declaration.data_class.value,
                risk=declaration.risk,
                required_approvals=declaration.required_approvals,
                timeout=None if declaration.timeout is None else written_duration(declaration.timeout),
                title=declaration.title,
            )
            for name, declaration in sorted(policy.declarations.items())
        ],
        problem=problem,
    )


def _rule(rule: Rule) -> PolicyRule:
    return PolicyRule(
        **rule.model_dump(exclude={"match", "timeout"}),
        match={name: list(globs) for name, globs in rule.match},
        timeout=None if rule.timeout is None else written_duration(rule.timeout),
        trusts_claims=rule.reads_claims,
    )
