"""What holds of every policy: nothing that an agent says, no rule that is added and no order lowers the bar."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assent.models import RiskLevel, Verdict
from domain.conditions import Circumstances
from domain.operation import OperationDeclaration
from domain.policy import Policy
from domain.risk import Assessment, rank
from domain.rules import Rule
from tests.domain.requests import circumstances

STRICTNESS = [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]


def nested(depth: int) -> Any:  # noqa: ANN401  lists of lists
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


# Few names and numbers, so that rules often speak of the request, and often of the same one.
_globs = st.sampled_from(["*", "a", "b", "ab", "a*", "*b", "data.*", "user.erase", "customer"])
_matches: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {}, optional={name: st.lists(_globs, min_size=1, max_size=2) for name in ("agent_id", "operation_type")}
)
_levels = st.sampled_from(RiskLevel)
_low = st.sampled_from([RiskLevel.LOW, RiskLevel.LOW, RiskLevel.LOW, *RiskLevel])
_high = st.sampled_from([RiskLevel.CRITICAL, RiskLevel.CRITICAL, *RiskLevel])
_times = st.sampled_from(["1m", "5m", "2h", "3d", "30d"])

FAILS = "operation.parameters.absent == 1"
_facts = st.sampled_from(
    [
        None,
        "true",
        "false",
        FAILS,
        "operation.parameters.n > 1",
        "operation.parameters.n < 3 || agent.id == 'b'",
        "operation.parameters.ids.all(x, x > 0)",
        "operation.parameters.context == 1",
        "!has(operation.parameters.n) || operation.data_class == 'internal'",
    ]
)
_claims = st.sampled_from(
    [
        "context.x == 1",
        "context.x != 1",
        "has(context.x)",
        "context == {}",
        "context.absent == 1",
        "operation.parameters.n == context.x",
        "operation.parameters.n > 1 || context.ids.all(x, x > 0)",
        "size(context) < 2 && !(agent.id in context)",
    ]
)
_effects: dict[str, st.SearchStrategy[Any]] = {
    "risk": _levels,
    "reason": st.sampled_from(["Grave.", "Small."]),
    "timeout": _times,
}
_stricter = _effects | {
    "risk": _high,
    "verdict": st.sampled_from([Verdict.ASK, Verdict.ASK, Verdict.ASK, Verdict.DENY]),
    "required_approvals": st.integers(1, 4),
}


def _written(
    effects: dict[str, st.SearchStrategy[Any]],
    when: st.SearchStrategy[str | None],
    always: dict[str, st.SearchStrategy[Any]],
) -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: values for name, values in effects.items() if name not in always}
    return st.fixed_dictionaries({"match": _matches, "when": when, **always}, optional=optional)


_allows: dict[str, st.SearchStrategy[Any]] = {"verdict": st.just(Verdict.ALLOW), "max_risk": _high}
_allowing = _written(_effects | {"risk": _low}, _facts, _allows)
_asking = st.one_of(
    [
        _written(_stricter | {"human": st.just("always")}, _facts | _claims, {effect: values})
        for effect, values in _stricter.items()
    ]
)
_opening = _written(_stricter, _facts, {"patterns": st.just("allow_critical")})


def rule(name: str, written: dict[str, Any]) -> Rule:
    return Rule.model_validate({"name": name, **written})


def _named(written: list[dict[str, Any]]) -> list[Rule]:
    return [rule(f"rule-{number}", each) for number, each in enumerate(written)]


rules = st.builds(
    lambda allowing, rest: _named([*allowing, *rest]),
    st.lists(_allowing, max_size=2),
    st.lists(_asking | _opening, max_size=2) | st.just([]),
)
"""Rules of every kind; those that allow stand alone often enough to be heard."""

others = (_asking | _opening).map(lambda written: rule("other", written))
"""A rule that does not allow."""

_declarations = st.builds(
    lambda risk, required, timeout: OperationDeclaration.model_validate(
        {
            "resource_types": ["customer"],
            "risk": risk,
            "required_approvals": required,
            "timeout": timeout,
            "run": "shop:run",
            "parameters": "shop:Parameters",
            "version": "1",
        }
    ),
    st.none() | _low,
    st.sampled_from([1, 1, 1, 1, 1, 2]),
    st.none() | _times,
)
declarations = st.fixed_dictionaries({"data.export": _declarations, "user.erase": _declarations})

_durations = st.sampled_from([timedelta(minutes=1), timedelta(hours=1), timedelta(hours=12), timedelta(days=3)])
timeouts: st.SearchStrategy[dict[RiskLevel, timedelta]] = st.just({}) | st.dictionaries(_levels, _durations)
"""Times for the levels, also longer ones for higher levels."""


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    return Policy(draw(declarations), draw(rules), draw(timeouts))


policies = _policies()

_values = st.none() | st.sampled_from([0, 1, 2, 3, "1", True, [], [1], [0], 2**70, "\x00"])
_members = st.dictionaries(st.sampled_from(["n", "x", "ids", "context", "a"]), _values, max_size=3)
_too_deep = st.builds(nested, st.just(120)).map(lambda value: {"deep": value})
claims: st.SearchStrategy[dict[str, Any]] = st.just({}) | _members | _members | _too_deep
"""What an agent may say: nothing, what rules look at, and what no condition can look past."""

_requests = st.fixed_dictionaries(
    {
        "operation_type": st.sampled_from(["data.export"] * 6 + ["user.erase"] * 3 + ["unknown"]),
        "resource_type": st.sampled_from(["customer"] * 9 + ["user"]),
        "parameters": _members,
        "agent_id": st.sampled_from(["a", "ab", "b"]),
    }
)


def strictness(assessment: Assessment) -> int:
    """Return how much is asked: nothing, a person, or more than anybody can give."""
    return STRICTNESS.index(assessment.verdict)


def assert_no_weaker(stricter: Assessment, base: Assessment) -> None:
    """Risk, people and verdict are at least as high."""
    assert rank(stricter.level) >= rank(base.level)
    assert stricter.required_approvals >= base.required_approvals
    assert strictness(stricter) >= strictness(base)


def seen(request: dict[str, Any], context: dict[str, Any] | None = None) -> Circumstances:
    return circumstances(**request, context=context)


@given(policies, _requests, claims, st.none() | _levels)
def test_no_claim_lowers_anything(
    policy: Policy, request: dict[str, Any], context: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """Compared with the same request without a word of the agent's, under the rules that do not listen to any.

    The risk, the people asked and the verdict are at least as high. A pattern may only stand in for a person where it
    could before, or where nobody was asked at all. No rule gives more time than before; a higher level may, where
    `timeouts` says so.
    """
    unmoved = Policy(policy.declarations, [each for each in policy.rules if not each.reads_claims], policy.timeouts)
    base = unmoved.assess(seen(request))
    assessed = policy.assess(seen(request, context), claimed)
    assert_no_weaker(assessed, base)
    assert base.open_to_patterns or base.verdict is Verdict.ALLOW or not assessed.open_to_patterns
    assert assessed.timeout <= max(base.timeout, policy.timeouts[assessed.level])
    if policy.timeouts[assessed.level] <= policy.timeouts[base.level]:
        assert assessed.timeout <= base.timeout


@given(policies, _requests, claims, st.none() | _levels)
def test_no_claim_alone_allows(
    policy: Policy, request: dict[str, Any], context: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """What is allowed with claims is allowed, by the same rules, whatever else the agent had said."""
    assessed = policy.assess(seen(request, context), claimed)
    if assessed.verdict is Verdict.ALLOW:
        unmoved = Policy(policy.declarations, [each for each in policy.rules if not each.reads_claims], policy.timeouts)
        assert unmoved.assess(seen(request)).decided_by == assessed.decided_by


@given(policies, others, _requests, claims, st.none() | _levels)
def test_no_rule_that_is_added_lowers_anything(
    policy: Policy, other: Rule, request: dict[str, Any], context: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """Unless it allows: the risk, the people asked and the verdict are at least as high as without it.

    A pattern may then stand in for a person only where it could before, where nobody was asked at all, or where the
    rule says `patterns: allow_critical`.
    """
    base = policy.assess(seen(request, context), claimed)
    more = Policy(policy.declarations, [*policy.rules, other], policy.timeouts)
    assessed = more.assess(seen(request, context), claimed)
    assert_no_weaker(assessed, base)
    if other.patterns is None:
        assert base.open_to_patterns or base.verdict is Verdict.ALLOW or not assessed.open_to_patterns
    assert assessed.timeout <= max(base.timeout, policy.timeouts[assessed.level])
    if policy.timeouts[assessed.level] <= policy.timeouts[base.level]:
        assert assessed.timeout <= base.timeout


@given(policies, others, _requests)
def test_a_rule_that_lets_patterns_in_does_so_at_critical_alone(
    policy: Policy, other: Rule, request: dict[str, Any]
) -> None:
    """Where one person is asked, no rule failed, and no rule keeps to people."""
    base = policy.assess(seen(request))
    assessed = Policy(policy.declarations, [*policy.rules, other], policy.timeouts).assess(seen(request))
    if assessed.open_to_patterns and not base.open_to_patterns and base.verdict is not Verdict.ALLOW:
        assert assessed.level is RiskLevel.CRITICAL
        assert assessed.required_approvals == 1
        assert {each.error for each in assessed.rules} == {None}


@given(policies, _requests, claims, st.none() | _levels, st.data())
def test_the_order_of_rules_does_not_matter(
    policy: Policy, request: dict[str, Any], context: dict[str, Any], claimed: RiskLevel | None, data: st.DataObject
) -> None:
    """Nor that of the operations: the same is asked, for the same reasons in the same order, by the same version."""
    shuffled = Policy(
        dict(data.draw(st.permutations(list(policy.declarations.items())))),
        data.draw(st.permutations(policy.rules)),
        dict(data.draw(st.permutations(list(policy.timeouts.items())))),
    )
    assert shuffled.version == policy.version
    assert shuffled.assess(seen(request, context), claimed) == policy.assess(seen(request, context), claimed)


@given(policies, others, _requests, st.none() | _levels)
def test_a_rule_that_fails_counts_in_full(
    policy: Policy, other: Rule, request: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """As if it had no condition, except that no pattern stands in for a person then."""
    failed, plain = (_with(policy, other, when).assess(seen(request), claimed) for when in (FAILS, None))
    assert _asked(failed) == _asked(plain)
    assert failed.decided_by == plain.decided_by
    assert [each.name for each in failed.rules] == [each.name for each in plain.rules]
    if any(each.name == other.name for each in failed.rules):
        assert not failed.open_to_patterns
        assert len(failed.reasons) == len(plain.reasons)
    else:
        assert failed.open_to_patterns is plain.open_to_patterns


@given(policies, _allowing, _requests, st.none() | _levels)
def test_an_allow_that_fails_asks(
    policy: Policy, written: dict[str, Any], request: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """Its risk, its time and its reason count, and it vouches for nothing."""
    allowing = rule("other", written)
    asking = rule("other", {**written, "verdict": Verdict.ASK, "max_risk": None, "reason": "Asks."})
    failed = _with(policy, allowing, FAILS).assess(seen(request), claimed)
    plain = _with(policy, asking, None).assess(seen(request), claimed)
    assert _asked(failed) == _asked(plain)
    assert "policy:other" not in failed.decided_by


@given(policies, _requests, claims, st.none() | _levels)
def test_an_assessment_agrees_with_itself(
    policy: Policy, request: dict[str, Any], context: dict[str, Any], claimed: RiskLevel | None
) -> None:
    """It says why; it names who decided exactly where nobody is asked; patterns stand in for one person at most."""
    assessed = policy.assess(seen(request, context), claimed)
    assert assessed.reasons
    assert bool(assessed.decided_by) is (assessed.verdict is not Verdict.ASK)
    assert assessed.timeout <= policy.timeouts[assessed.level]
    assert not assessed.open_to_patterns or (assessed.verdict, assessed.required_approvals) == (Verdict.ASK, 1)
    assert assessed == policy.assess(seen(request, context), claimed)


def test_a_claim_does_not_let_patterns_in() -> None:
    """The one way in which an agent's word could have taken a critical operation from a person to a pattern."""
    with pytest.raises(ValueError, match="cannot depend on `context`"):
        rule("other", {"patterns": "allow_critical", "when": "context.x == 1"})


def _with(policy: Policy, other: Rule, when: str | None) -> Policy:
    changed = Rule.model_validate({**other.model_dump(exclude_none=True), "when": when})
    return Policy(policy.declarations, [*policy.rules, changed], policy.timeouts)


def _asked(assessment: Assessment) -> tuple[object, ...]:
    """Return what is asked, without the words."""
    return assessment.verdict, assessment.level, assessment.required_approvals, assessment.timeout
