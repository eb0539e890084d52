"""Policy: all matching rules count, in any order, and nothing that an agent says lowers the bar."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from assent.models import Operation, RiskLevel, RuleResult, Verdict
from domain.approval import BY_POLICY
from domain.operation import DataClass, OperationDeclaration
from domain.policy import Policy
from domain.risk import DEFAULT_TIMEOUTS, NEEDS_DIGEST, Assessment, highest, rank, urgency
from domain.rules import Rule
from tests.domain.requests import NOW, circumstances

DEFAULTS = [
    (RiskLevel.LOW, timedelta(hours=24)),
    (RiskLevel.MEDIUM, timedelta(hours=12)),
    (RiskLevel.HIGH, timedelta(hours=4)),
    (RiskLevel.CRITICAL, timedelta(hours=1)),
]
BROKEN = "operation.parameters.absent == 1"


def declared(**changes: Any) -> OperationDeclaration:  # noqa: ANN401  any field's value
    fields: dict[str, Any] = {
        "resource_types": ("customer", "user"),
        "run": "shop:export",
        "parameters": "shop:Parameters",
        "version": "1",
    }
    return OperationDeclaration(**fields | changes)


def policy(*rules: dict[str, Any], timeouts: dict[RiskLevel, timedelta] | None = None, **changes: Any) -> Policy:  # noqa: ANN401  as above
    """Return a policy over one declared operation; rules without a name are numbered."""
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return Policy({"data.export": declared(**changes)}, [Rule.model_validate(rule) for rule in named], timeouts)


def assess(*rules: dict[str, Any], claimed: RiskLevel | None = None, **request: Any) -> Assessment:  # noqa: ANN401  as above
    """Return what these rules make of an export."""
    return policy(*rules).assess(circumstances(**request), claimed)


def test_what_no_rule_speaks_of_is_asked_at_medium() -> None:
    """Without a rule, and without a declared risk, a person decides within 12 hours."""
    only = policy()
    assert only.assess(circumstances()) == Assessment(
        verdict=Verdict.ASK,
        level=RiskLevel.MEDIUM,
        reasons=("No rule matches, so it counts as medium risk.",),
        required_approvals=1,
        timeout=timedelta(hours=12),
        open_to_patterns=True,
        policy_version=only.version,
    )


@pytest.mark.parametrize(("level", "timeout"), DEFAULTS)
def test_each_level_gives_its_time_to_decide(level: RiskLevel, timeout: timedelta) -> None:
    """The more harm an operation can do, the sooner it expires without an answer: 24 h, 12 h, 4 h, 1 h."""
    assessed = policy(risk=level).assess(circumstances())
    assert (assessed.level, assessed.timeout) == (level, timeout)
    assert assessed.reasons == (f"data.export is declared {level.value} risk.",)


def test_every_level_has_its_time_and_its_place() -> None:
    """A level that is added gets a time to decide and a rank, or this fails."""
    assert set(DEFAULT_TIMEOUTS) == set(RiskLevel) == {level for level, _ in DEFAULTS}
    assert [rank(level) for level, _ in DEFAULTS] == [0, 1, 2, 3]
    assert [urgency(level) for level, _ in DEFAULTS] == [3, 2, 1, 0]
    assert highest([RiskLevel.LOW, RiskLevel.CRITICAL, RiskLevel.HIGH]) is RiskLevel.CRITICAL


def test_the_highest_risk_wins_and_every_reason_is_kept() -> None:
    """Whatever else matches; the gravest reason comes first."""
    assessed = assess({"risk": "low", "reason": "Small."}, {"risk": "critical", "reason": "Grave."}, {"risk": "high"})
    assert assessed.level is RiskLevel.CRITICAL
    assert assessed.reasons == ("Grave.", "Rule rule-2 matches.", "Small.")
    assert [rule.name for rule in assessed.rules] == ["rule-0", "rule-1", "rule-2"]


def test_a_rule_cannot_lower_what_is_declared_or_the_default() -> None:
    """A neutral rule that says `low` changes nothing; the operation's own declaration, or a rule that allows, can."""
    assert assess({"risk": "low"}).level is RiskLevel.MEDIUM
    assert policy({"risk": "low"}, risk="high").assess(circumstances()).level is RiskLevel.HIGH
    assert policy(risk="low").assess(circumstances()).level is RiskLevel.LOW
    vouched = assess({"risk": "low", "verdict": "allow"})
    assert (vouched.level, vouched.verdict) == (RiskLevel.LOW, Verdict.ALLOW)


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["allow"], Verdict.ALLOW),
        (["ask"], Verdict.ASK),
        (["deny"], Verdict.DENY),
        (["allow", "ask"], Verdict.ASK),
        (["allow", "deny"], Verdict.DENY),
        (["ask", "deny"], Verdict.DENY),
        (["allow", "ask", "deny"], Verdict.DENY),
        (["allow", None], Verdict.ALLOW),
        ([None], Verdict.ASK),
    ],
)
def test_deny_beats_ask_beats_allow(verdicts: list[str | None], verdict: Verdict) -> None:
    """A rule without a verdict is neutral."""
    rules = [{"verdict": each, "max_risk": "critical" if each == "allow" else None, "risk": "low"} for each in verdicts]
    assert assess(*rules).verdict is verdict


def test_the_deciding_rules_are_named() -> None:
    """Those that allow or deny, each of them; nobody is named while people are asked."""
    allow: dict[str, Any] = {"verdict": "allow", "max_risk": "medium"}
    assert assess({"name": "reads", **allow}, {"name": "small", **allow}, {"risk": "medium"}).decided_by == (
        "policy:reads",
        "policy:small",
    )
    assert assess({"name": "no", "verdict": "deny"}, {"name": "yes", **allow}).decided_by == ("policy:no",)
    assert assess({"name": "yes", **allow}, {"verdict": "ask"}).decided_by == ()


@pytest.mark.parametrize(
    ("max_risk", "level", "verdict"),
    [
        (None, "low", Verdict.ALLOW),
        (None, "medium", Verdict.ASK),
        ("medium", "medium", Verdict.ALLOW),
        ("medium", "high", Verdict.ASK),
        ("critical", "critical", Verdict.ALLOW),
    ],
)
def test_above_its_max_risk_a_rule_asks(max_risk: str | None, level: str, verdict: Verdict) -> None:
    """`allow` lets low risk through unless it says more; the risk may come from another rule."""
    allow = {"verdict": "allow", "max_risk": max_risk}
    assert policy(allow, risk=level).assess(circumstances()).verdict is verdict
    assert policy(allow, {"risk": level}, risk="low").assess(circumstances()).verdict is verdict


def test_an_allow_that_reaches_too_high_is_not_helped_by_another() -> None:
    """It asks, and ask beats the other's allow."""
    low, high = {"verdict": "allow", "max_risk": "low"}, {"verdict": "allow", "max_risk": "high"}
    assert assess(high).verdict is Verdict.ALLOW
    assert assess(low, high).verdict is Verdict.ASK


@pytest.mark.parametrize("effect", [{"human": "always"}, {"required_approvals": 2}, {"verdict": "ask"}])
def test_what_asks_for_a_person_is_not_allowed_by_another_rule(effect: dict[str, Any]) -> None:
    """People that one rule asks for are asked."""
    assert assess({"verdict": "allow", "max_risk": "critical"}, effect).verdict is Verdict.ASK


def test_an_operation_that_needs_two_people_is_not_allowed_by_a_rule() -> None:
    """The declared quorum counts like a rule's."""
    allow = {"verdict": "allow", "max_risk": "critical"}
    assert policy(allow, required_approvals=2).assess(circumstances()).verdict is Verdict.ASK


@pytest.mark.parametrize(("own", "rules", "required"), [(1, [], 1), (1, [2, 5, None], 5), (3, [2], 3), (10, [1], 10)])
def test_the_largest_quorum_wins(own: int, rules: list[int | None], required: int) -> None:
    """Of the declaration and of every matching rule."""
    effects = [{"required_approvals": each, "risk": "low"} for each in rules]
    assert policy(*effects, required_approvals=own).assess(circumstances()).required_approvals == required


def test_the_shortest_time_wins() -> None:
    """Of the level's own, the declaration's and every matching rule's; none of the last two lengthens the first."""
    assert assess({"timeout": "30m"}, {"timeout": "2h"}).timeout == timedelta(minutes=30)
    assert assess({"timeout": "30d"}).timeout == timedelta(hours=12)
    assert policy(timeout="7m").assess(circumstances()).timeout == timedelta(minutes=7)
    assert policy(timeout="30d").assess(circumstances()).timeout == timedelta(hours=12)
    assert assess({"risk": "critical", "timeout": "2h"}).timeout == timedelta(hours=1)


def test_the_levels_times_change_in_their_own_section() -> None:
    """Longer and shorter; the levels that are not named keep theirs."""
    longer = policy(timeouts={RiskLevel.MEDIUM: timedelta(days=3)})
    assert longer.assess(circumstances()).timeout == timedelta(days=3)
    assert longer.timeouts[RiskLevel.HIGH] == timedelta(hours=4)


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ({}, True),
        ({"agent_id": "billing-agent"}, True),
        ({"agent_id": "billing-*"}, True),
        ({"agent_id": ["other", "*-agent"]}, True),
        ({"agent_id": "Billing-agent"}, False),
        ({"agent_id": "billing"}, False),
        ({"operation_type": "data.*"}, True),
        ({"operation_type": "data.?xport"}, False),
        ({"operation_type": "data.expor[t]"}, False),
        ({"resource_type": "cust*er", "operation_type": "*export"}, True),
        ({"resource_type": "user"}, False),
    ],
)
def test_a_rule_speaks_of_what_its_globs_fit(match: dict[str, Any], matches: bool) -> None:  # noqa: FBT001  a parameter
    """All three have to; `*` is the only wildcard, and letters have a case."""
    assert bool(assess({"match": match, "risk": "high"}).rules) is matches


def test_a_condition_restricts_a_rule() -> None:
    """It sees the operation, the agent, the context and the time of the request."""
    when = (
        "operation.parameters.limit >= 100 && operation.data_class == 'regulated' && agent.id == 'billing-agent' "
        "&& agent.owner == 'ana' && context.ticket == 7 && now == timestamp('2026-03-02T09:30:00Z')"
    )
    regulated = policy({"when": when, "risk": "high"}, data_class=DataClass.REGULATED)

    def level(limit: int) -> RiskLevel:
        asked = Operation(type="data.export", resource_type="customer", parameters={"limit": limit})
        seen = regulated.circumstances(
            asked, agent_id="billing-agent", agent_owner="ana", context={"ticket": 7}, now=NOW
        )
        return regulated.assess(seen).level

    assert [level(99), level(100)] == [RiskLevel.MEDIUM, RiskLevel.HIGH]


def test_a_rule_that_cannot_be_evaluated_counts_in_full() -> None:
    """Its risk, its quorum, its time and its reason, and the reviewer sees which rule failed, and why."""
    rule = {"name": "size", "when": BROKEN, "risk": "high", "required_approvals": 2, "timeout": "5m", "reason": "Big."}
    assessed = assess(rule)
    assert (assessed.level, assessed.required_approvals, assessed.timeout) == (RiskLevel.HIGH, 2, timedelta(minutes=5))
    assert assessed.reasons == ("Big. (Rule size could not be evaluated, so it counts in full.)",)
    assert assessed.rules == (RuleResult(name="size", error='Key not found in map : "absent"'),)


def test_a_deny_that_cannot_be_evaluated_denies() -> None:
    """Unknown means not approved."""
    assessed = assess({"name": "no", "when": BROKEN, "verdict": "deny"})
    assert (assessed.verdict, assessed.decided_by) == (Verdict.DENY, ("policy:no",))


def test_an_allow_that_cannot_be_evaluated_allows_nothing() -> None:
    """Neither by itself, nor beside another that could; nor does it vouch for a lower risk."""
    allow: dict[str, Any] = {"verdict": "allow", "max_risk": "high"}
    assert assess({"when": BROKEN, **allow}).verdict is Verdict.ASK
    assert assess({"when": BROKEN, **allow}, allow).verdict is Verdict.ASK
    assert assess({"when": BROKEN, "risk": "low", **allow}).level is RiskLevel.MEDIUM


def test_no_agents_words_stand_among_the_reasons() -> None:
    """An error may repeat what the agent sent; it is told apart from our sentences."""
    when = "operation.parameters[operation.resource_id] == 1"
    assessed = assess({"when": when, "risk": "high", "reason": "Ours."})
    assert "7" in str(assessed.rules[0].error)
    assert assessed.reasons == ("Ours. (Rule rule-0 could not be evaluated, so it counts in full.)",)


@pytest.mark.parametrize(
    ("rules", "open_to_patterns"),
    [
        ([], True),
        ([{"verdict": "ask"}], True),
        ([{"risk": "high"}], True),
        ([{"risk": "critical"}], False),
        ([{"risk": "critical"}, {"patterns": "allow_critical"}], True),
        ([{"risk": "critical"}, {"patterns": "allow_critical", "match": {"agent_id": "other"}}], False),
        ([{"human": "always"}], False),
        ([{"human": "always"}, {"risk": "critical", "patterns": "allow_critical"}], False),
        ([{"required_approvals": 2}], False),
        ([{"verdict": "deny"}], False),
        ([{"verdict": "allow", "max_risk": "medium"}], False),
        ([{"when": BROKEN, "reason": "Broken."}], False),
        ([{"when": BROKEN, "patterns": "allow_critical", "risk": "critical"}], False),
    ],
)
def test_what_policy_leaves_to_patterns(rules: list[dict[str, Any]], open_to_patterns: bool) -> None:  # noqa: FBT001  a parameter
    """What is asked of one person, below critical unless a rule says so; nothing beside a rule that failed."""
    assert assess(*rules).open_to_patterns is open_to_patterns


@pytest.mark.parametrize(
    ("claimed", "level"),
    [(None, "medium"), ("low", "medium"), ("medium", "medium"), ("high", "high"), ("critical", "critical")],
)
def test_an_agent_only_raises_the_risk(claimed: str | None, level: str) -> None:
    """What it sees itself is a floor; where it raises, that is told as the agent's own view."""
    assessed = assess(claimed=None if claimed is None else RiskLevel(claimed))
    assert assessed.level == level
    assert (f"The agent itself sees {level} risk." in assessed.reasons) is (level != "medium")


def test_an_agents_floor_takes_an_allowed_request_to_a_person() -> None:
    """`allow` is for what is low; what its own agent finds high is asked about."""
    allow = {"verdict": "allow", "risk": "low"}
    assert assess(allow).verdict is Verdict.ALLOW
    assert assess(allow, claimed=RiskLevel.HIGH).verdict is Verdict.ASK


@pytest.mark.parametrize("resource_type", ["user", "customer"])
def test_every_declared_resource_type_is_asked_about(resource_type: str) -> None:
    """Not only the first one."""
    assert assess(resource_type=resource_type).verdict is Verdict.ASK


@pytest.mark.parametrize(
    ("operation_type", "resource_type"),
    [
        ("user.erase", "user"),
        ("data.export", "order"),
        ("Data.export", "user"),
        ("data.export ", "user"),
        ("data.export", "user,customer"),
    ],
)
def test_what_is_not_declared_is_denied(operation_type: str, resource_type: str) -> None:
    """Unknown means not approved, at the highest level and with the shortest time, whatever the rules allow."""
    allowing = policy({"verdict": "allow", "max_risk": "critical"})
    assert allowing.assess(circumstances(operation_type, resource_type)) == Assessment(
        verdict=Verdict.DENY,
        level=RiskLevel.CRITICAL,
        reasons=(f"{operation_type} on {resource_type} is not declared.",),
        required_approvals=1,
        timeout=timedelta(hours=1),
        decided_by=(BY_POLICY,),
        policy_version=allowing.version,
    )


def test_without_declarations_everything_is_denied() -> None:
    """There is no operation that needs no declaration."""
    assert Policy({}).assess(circumstances()).verdict is Verdict.DENY


def test_the_version_is_that_of_the_content() -> None:
    """The same rules in another order have the same version; any change of one has another."""
    first: dict[str, Any] = {"name": "a", "risk": "high"}
    second: dict[str, Any] = {"name": "b", "verdict": "deny", "when": "agent.id == 'x'"}
    version = policy(first, second).version
    assert version == policy(second, first).version
    others = [
        policy(first),
        policy(first, second | {"when": "agent.id == 'y'"}),
        policy(first | {"risk": "low"}, second),
        policy(first, second, timeouts={RiskLevel.LOW: timedelta(hours=1)}),
        policy(first, second, data_class=DataClass.REGULATED),
        policy(first, second, risk="high"),
    ]
    assert len({version, *(other.version for other in others)}) == 1 + len(others)


def test_the_version_does_not_depend_on_what_runs() -> None:
    """A function's version is the digest's business, and no policy."""
    assert policy(version="2", run="shop:other").version == policy().version


def test_the_upper_levels_need_the_digest_of_what_was_seen() -> None:
    """High and critical decisions are bound to what the reviewer read."""
    assert frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL}) == NEEDS_DIGEST


@pytest.mark.parametrize("required", [0, 11])
def test_an_assessment_asks_for_1_to_10_people(required: int) -> None:
    """No assessment can ask for nobody."""
    with pytest.raises(ValidationError):
        Assessment(
            verdict=Verdict.ASK,
            level=RiskLevel.LOW,
            reasons=(),
            required_approvals=required,
            timeout=timedelta(hours=1),
        )
