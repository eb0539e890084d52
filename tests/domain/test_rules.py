"""Rules: what one line of policy may say, and what it may not."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from assent.models import RiskLevel, Verdict
from domain.rules import MAX_RULE_REASON, Match, Rule
from tests.domain.requests import circumstances

READS_CLAIMS = "context.ticket == 'T-1'"
ASKS_NOBODY = "`verdict: allow` asks nobody, so it cannot go with `human`, `patterns` or more than one approval"


def rule(**fields: Any) -> Rule:  # noqa: ANN401  any field's value
    """Return a rule that has an effect, with `fields` changed."""
    return Rule.model_validate({"name": "r", "risk": "high", **fields})


def problems(fields: dict[str, Any]) -> list[tuple[tuple[int | str, ...], str]]:
    """Return where a rule is refused, and with which sentences."""
    with pytest.raises(ValidationError) as refused:
        Rule.model_validate(fields)
    return [(error["loc"], error["msg"]) for error in refused.value.errors()]


def test_what_a_rule_leaves_out_changes_nothing() -> None:
    """It speaks of every request, and a verdict that allows reaches to low risk."""
    least = Rule.model_validate({"name": "r", "verdict": "allow"})
    assert least.match == Match() == Match(agent_id=("*",), operation_type=("*",), resource_type=("*",))
    assert least.match.describes(circumstances("any", "thing", agent_id="x"))
    assert (least.condition, least.reads_claims, least.allowed_risk) == (None, False, RiskLevel.LOW)
    assert [
        getattr(least, name) for name in ("risk", "reason", "human", "patterns", "required_approvals", "timeout")
    ] == [None] * 6


@pytest.mark.parametrize(
    "effect",
    [
        {"risk": "low"},
        {"reason": "Because."},
        {"verdict": "ask"},
        {"human": "always"},
        {"patterns": "allow_critical"},
        {"required_approvals": 1},
        {"timeout": "1h"},
    ],
)
def test_each_effect_is_enough(effect: dict[str, Any]) -> None:
    """A rule does one thing or several."""
    assert Rule.model_validate({"name": "r", **effect}).model_fields_set == {"name", *effect}


@pytest.mark.parametrize(
    "fields", [{}, {"match": {"agent_id": "a"}}, {"when": "true"}, {"max_risk": "high"}, {"risk": None, "reason": None}]
)
def test_a_rule_without_an_effect_is_refused(fields: dict[str, Any]) -> None:
    """It was meant to do something."""
    listed = "risk, reason, verdict, human, patterns, required_approvals, timeout"
    assert problems({"name": "r", **fields}) == [((), f"Value error, it has no effect: give it one of {listed}")]


@pytest.mark.parametrize("max_risk", [level.value for level in RiskLevel])
@pytest.mark.parametrize("verdict", [None, "ask", "deny"])
def test_only_what_allows_has_a_limit(verdict: str | None, max_risk: str) -> None:
    """`max_risk` says how far an `allow` reaches."""
    sentence = "Value error, `max_risk` limits what `verdict: allow` lets through: add that"
    fields = {"name": "r", "risk": "low", "verdict": verdict}
    assert problems({**fields, "max_risk": max_risk}) == [((), sentence)]
    assert rule(verdict="allow", max_risk=max_risk).allowed_risk == max_risk


@pytest.mark.parametrize(
    "effects",
    [{"human": "always"}, {"patterns": "allow_critical"}, {"required_approvals": 2}, {"required_approvals": 10}],
)
def test_what_allows_asks_nobody(effects: dict[str, Any]) -> None:
    """Both at once would be two answers."""
    assert problems({"name": "r", "verdict": "allow", **effects}) == [((), f"Value error, {ASKS_NOBODY}")]
    assert rule(verdict="ask", **effects).verdict is Verdict.ASK
    assert rule(verdict="deny", **effects).verdict is Verdict.DENY


def test_what_allows_may_ask_for_one_approval() -> None:
    """That is what anything needs at least."""
    assert rule(verdict="allow", required_approvals=1).required_approvals == 1


def test_a_person_and_a_pattern_are_not_both_asked_for() -> None:
    """One keeps out what the other lets in."""
    sentence = "Value error, `human: always` keeps patterns out, and `patterns` lets them in: keep one of them"
    assert problems({"name": "r", "human": "always", "patterns": "allow_critical"}) == [((), sentence)]


def test_nothing_is_allowed_for_what_an_agent_claims() -> None:
    """It writes the context itself."""
    sentence = (
        "Value error, `verdict: allow` cannot depend on `context`, which the agent fills as it likes: "
        "look at operation.parameters, or make a trusted pattern, which says so wherever it is used"
    )
    assert problems({"name": "r", "verdict": "allow", "when": READS_CLAIMS}) == [((), sentence)]
    assert rule(verdict="allow", when="operation.parameters.context == 1").reads_claims is False


def test_no_pattern_is_let_in_for_what_an_agent_claims() -> None:
    """That would take a critical operation from a person to a pattern on the agent's word."""
    sentence = (
        "Value error, `patterns: allow_critical` cannot depend on `context`, which the agent fills as it likes: "
        "look at operation.parameters"
    )
    assert problems({"name": "r", "patterns": "allow_critical", "when": READS_CLAIMS}) == [((), sentence)]
    assert rule(patterns="allow_critical", when="operation.parameters.context == 1").reads_claims is False


@pytest.mark.parametrize(
    "effect",
    [{"risk": "critical"}, {"verdict": "ask"}, {"verdict": "deny"}, {"human": "always"}, {"required_approvals": 2}],
)
def test_an_agents_claims_may_make_a_rule_stricter(effect: dict[str, Any]) -> None:
    """Whatever raises may look at them."""
    assert rule(when=READS_CLAIMS, **effect).reads_claims


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "a" * 63, "9" * 63])
def test_a_rule_has_a_name(name: str) -> None:
    """As agents and reviewers have: lower-case letters, digits, dots, dashes and underscores, 63 at most."""
    assert rule(name=name).name == name


@pytest.mark.parametrize("name", ["", "a" * 64, "A", "-a", ".a", "_a", "a b", "a:b", "a/b", "a\n", "é", "*", 1, None])
def test_another_name_is_refused(name: object) -> None:
    """It stands in the audit log and in addresses."""
    assert [place for place, _ in problems({"name": name, "risk": "low"})] == [("name",)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("required_approvals", 1),
        ("required_approvals", 10),
        ("timeout", "1m"),
        ("timeout", "30d"),
        ("timeout", timedelta(hours=1)),
        ("reason", "r"),
        ("reason", "é" * MAX_RULE_REASON),
        ("when", "true"),
        ("match", {"agent_id": "a" * 128}),
        ("match", {"agent_id": ["a"] * 100}),
        *(("risk", level.value) for level in RiskLevel),
        *(("verdict", verdict.value) for verdict in Verdict),
    ],
)
def test_a_rule_takes_all_within_its_bounds(field: str, value: object) -> None:
    """The bounds themselves are still good."""
    assert field in rule(**{field: value}).model_fields_set


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("required_approvals", 0),
        ("required_approvals", 11),
        ("required_approvals", -1),
        ("required_approvals", 2.0),
        ("required_approvals", "2"),
        ("required_approvals", True),
        ("timeout", "59s"),
        ("timeout", "31d"),
        ("timeout", "2592001s"),
        ("timeout", 60),
        ("timeout", "soon"),
        ("timeout", "PT1H"),
        ("reason", ""),
        ("reason", "r" * (MAX_RULE_REASON + 1)),
        ("reason", 1),
        ("risk", "severe"),
        ("risk", "HIGH"),
        ("risk", 3),
        ("max_risk", "none"),
        ("verdict", "Allow"),
        ("verdict", "approve"),
        ("verdict", True),
        ("human", "never"),
        ("human", True),
        ("human", ["always"]),
        ("patterns", "allow"),
        ("patterns", True),
        ("when", 1),
        ("when", True),
        ("when", ["true"]),
        ("match", "a"),
        ("match", None),
        ("condition", "true"),
        ("effect", "deny"),
        ("Risk", "high"),
    ],
)
def test_a_rule_outside_its_bounds_is_refused(field: str, value: object) -> None:
    """A number too large, another word, another type or an unknown field: the sentence names the field."""
    assert {place[0] for place, _ in problems({"name": "r", "reason": "Because.", field: value})} == {field}


@pytest.mark.parametrize("field", ["agent_id", "operation_type", "resource_type"])
def test_one_glob_may_stand_alone(field: str) -> None:
    """It means the same as a list of one; of several, one is enough."""
    one, several = (rule(match={field: globs}) for globs in ("b*", ["b*"]))
    assert one == several
    assert getattr(one.match, field) == ("b*",)

    def speaks_of(globs: list[str], value: str) -> bool:
        seen: dict[str, Any] = {"agent_id": "x", "operation_type": "x", "resource_type": "x", field: value}
        return rule(match={field: globs}).match.describes(circumstances(**seen))

    assert [speaks_of(["a", "b*"], value) for value in ("a", "bc", "B", "ab", "c")] == [True, True, False, False, False]


@pytest.mark.parametrize("field", ["agent_id", "operation_type", "resource_type"])
@pytest.mark.parametrize("globs", [[], "", [""], "a" * 129, ["a"] * 101, None, 1, [1], {"a": 1}, [["a"]]])
def test_other_globs_are_refused(field: str, globs: object) -> None:
    """No list is empty: it would speak of nothing, and look as if it spoke of anything."""
    places = {place[:2] for place, _ in problems({"name": "r", "risk": "low", "match": {field: globs}})}
    assert places == {("match", field)}


@pytest.mark.parametrize("field", ["agent", "resource_id", "owner", "parameters", "when"])
def test_a_match_has_no_other_fields(field: str) -> None:
    """One that is misspelt would match anything; what else restricts a rule stands in `when`."""
    assert [place for place, _ in problems({"name": "r", "risk": "low", "match": {field: "a"}})] == [("match", field)]


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("operation.parameters.limit <", "line 1, column 29: Syntax error: mismatched input '<EOF>'"),
        ("true &&\n  limit < 100", "line 2, column 3: undeclared reference to 'limit'. There are operation, agent,"),
        ("true ||\n\n `x`", "line 3, column 2: Names in backticks are not supported."),
        ("operation.parameters.limit", "line 1, column 1: It gives dyn, not true or false."),
        ("", "line 1, column 1: Syntax error"),
    ],
)
def test_a_condition_is_compiled_with_its_rule(when: str, sentence: str) -> None:
    """One that cannot be used is refused where it stands, with its line and column."""
    ((place, said),) = problems({"name": "r", "risk": "low", "when": when})
    assert place == ("when",)
    assert said.startswith(f"Value error, {sentence}")


def test_a_rule_keeps_its_compiled_condition() -> None:
    """Every request is asked the same one; the text stays as it was written."""
    written = rule(when="operation.parameters.limit < 100 // small")
    assert written.condition is written.condition
    assert written.condition is not None
    assert written.condition.holds(circumstances(parameters={"limit": 99}))
    assert written.model_dump(mode="json", exclude_none=True) == {
        "name": "r",
        "match": {"agent_id": ["*"], "operation_type": ["*"], "resource_type": ["*"]},
        "when": "operation.parameters.limit < 100 // small",
        "risk": "high",
    }


def test_a_rule_never_changes() -> None:
    """What was read holds until it is read again."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(rule(), "risk", RiskLevel.LOW)  # noqa: B010  a plain assignment would not pass the type checker
