"""The policy as it is shown and typed: a rule's sentence and chips, the form that tries, what an assessment means."""

from typing import Any

import pytest

from assent.models import Risk, RiskLevel, RuleResult, Verdict
from assent.policy_models import Assessment, PolicyRule
from dashboard.views.rule_text import chips_of, sentence_of, time_of
from dashboard.views.trial_forms import LONGEST, TrialForm, read
from dashboard.views.trial_words import explained

ANYTHING = {"agent_id": ["*"], "operation_type": ["*"], "resource_type": ["*"]}
TYPES = {"data.export": ("customer",), "note.low": ("note", "memo")}
GOOD: dict[str, str] = {"operation_type": "data.export", "agent_id": "billing-agent"}


def rule(match: dict[str, list[str]] | None = None, **fields: Any) -> PolicyRule:  # noqa: ANN401  any field's value
    """Return a rule as the service tells of it."""
    return PolicyRule.model_validate({"name": "a-rule", "match": ANYTHING | (match or {}), **fields})


@pytest.mark.parametrize(
    ("match", "fields", "sentence"),
    [
        (
            {"operation_type": ["user.*delete"]},
            {"risk": "high", "verdict": "ask"},
            "When the operation is <code>user.*delete</code>: at least high risk, a person is asked.",
        ),
        (
            {"operation_type": ["a", "b", "c"], "agent_id": ["x*"], "resource_type": ["user"]},
            {"verdict": "deny"},
            (
                "When the agent is <code>x*</code>, the operation is <code>a</code>, <code>b</code> or <code>c</code> "
                "and the resource is <code>user</code>: it is denied."
            ),
        ),
        (
            {},
            {"when": "operation.parameters.limit > 1", "required_approvals": 2, "timeout": "1m"},
            "When its condition holds: 2 people must approve, at most 1 min to decide.",
        ),
        ({}, {"verdict": "allow"}, "For every request: it runs without a person, up to low risk."),
        (
            {},
            {"verdict": "allow", "max_risk": "medium", "risk": "low"},
            "For every request: it runs without a person, up to medium risk, at least low risk.",
        ),
        (
            {},
            {"verdict": "ask", "human": "always", "required_approvals": 1},
            "For every request: a person always decides, whatever trusted patterns say, one person is enough.",
        ),
        (
            {},
            {"patterns": "allow_critical"},
            "For every request: a trusted pattern may let it through even at critical risk.",
        ),
        ({}, {"reason": "It matters."}, "For every request: reviewers read its reason."),
    ],
)
def test_a_rule_is_one_sentence(match: dict[str, list[str]], fields: dict[str, Any], sentence: str) -> None:
    """Whom it speaks of, when, and each of its effects."""
    assert sentence_of(rule(match, **fields)) == sentence


def test_a_glob_is_text() -> None:
    """It can't become markup, and what hides in it shows."""
    told = sentence_of(rule({"operation_type": ["<b>\u202e"]}, risk="low"))
    assert "<b>" not in told
    assert "&lt;b&gt;" in told
    assert 'class="odd hidden"' in told


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"risk": "high"}, []),
        ({"verdict": "deny"}, ["deny"]),
        ({"verdict": "allow", "max_risk": "medium"}, ["allow", "up to medium"]),
        ({"verdict": "ask", "human": "always"}, ["ask", "human: always"]),
        ({"required_approvals": 1}, ["1 approval"]),
        ({"required_approvals": 3, "timeout": "2h"}, ["3 approvals", "within 2 h"]),
        ({"patterns": "allow_critical"}, ["patterns: allow_critical !"]),
        ({"risk": "high", "trusts_claims": True}, ["trusts claims !"]),
    ],
)
def test_a_rule_has_chips(fields: dict[str, Any], words: list[str]) -> None:
    """One for each effect but the risk; those to be careful with are marked."""
    assert [f"{chip.word}{' !' if chip.warns else ''}" for chip in chips_of(rule(**fields))] == words


@pytest.mark.parametrize(
    ("written", "shown"), [("90s", "90 s"), ("15m", "15 min"), ("12h", "12 h"), ("1d", "1 d"), ("36h", "36 h")]
)
def test_times_stand_as_everywhere(written: str, shown: str) -> None:
    """Nothing of it is rounded: it is what counts."""
    assert time_of(written) == shown


def test_a_good_form_is_a_trial() -> None:
    """JSON becomes what it says, and an empty resource type the operation's only one."""
    form = TrialForm(**GOOD, resource_id="7", parameters=' {"limit": 10, "of": [1.5]}\n', context='{"ticket": "x"}')
    reading = read(form, TYPES)
    assert reading.problems == {}
    assert reading.trial is not None
    assert reading.trial.model_dump(exclude={"reason"}) == {
        "operation": {
            "type": "data.export",
            "resource_type": "customer",
            "resource_id": "7",
            "parameters": {"limit": 10, "of": [1.5]},
        },
        "context": {"ticket": "x"},
        "risk_level": None,
        "agent_id": "billing-agent",
    }


@pytest.mark.parametrize("field", ["parameters", "context"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', 'The key "a" is there twice'),
        ('{"a": NaN}', "$.a: NaN is not JSON"),
        ('{"a": 9007199254740993}', "outside"),
        ("{a: 1}", "This is not JSON"),
        ("[1]", "Write a JSON object"),
        ("null", "Write a JSON object"),
        ("[" * 40 + "]" * 40, "This nests deeper than"),
        ('{"a": "' + "x" * LONGEST + '"}', "at most 100,000 characters"),
    ],
    ids=lambda text: text[:20],
)
def test_json_is_read_strictly(field: str, text: str, said: str) -> None:
    """What two readers could understand differently is refused beside its field, as the API refuses it."""
    reading = read(TrialForm(**GOOD, **{field: text}), TYPES)
    assert reading.trial is None
    assert list(reading.problems) == [field]
    assert said in reading.problems[field]


def test_json_nests_as_deep_as_in_a_submission() -> None:
    """There the parameters stand two levels down, and the context one."""
    for field, depth in (("parameters", 30), ("context", 31)):
        deepest = '{"a":' * depth + "1" + "}" * depth
        assert read(TrialForm(**GOOD, **{field: deepest}), TYPES).trial is not None
        assert list(read(TrialForm(**GOOD, **{field: f'{{"a":{deepest}}}'}), TYPES).problems) == [field]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"operation_type": ""}, ["operation_type", "resource_type"]),
        ({"operation_type": "note.low"}, ["resource_type"]),
        ({"resource_id": "x" * 256}, ["resource_id"]),
        ({"resource_type": "x" * 129}, ["resource_type"]),
        ({"agent_id": "  "}, ["agent_id"]),
        ({"agent_id": "x" * 64, "parameters": "{"}, ["agent_id", "parameters"]),
    ],
)
def test_each_field_that_is_wrong_is_named(fields: dict[str, str], wrong: list[str]) -> None:
    """All of them at once, each with a sentence."""
    reading = read(TrialForm(**(GOOD | fields)), TYPES)
    assert reading.trial is None
    assert sorted(reading.problems) == wrong
    assert all(said.endswith(".") for said in reading.problems.values())


@pytest.mark.parametrize(
    ("fields", "verdict", "consequence"),
    [
        ({"verdict": "deny"}, "Policy denies it.", "nothing runs"),
        ({"verdict": "allow"}, "Policy lets it through.", "runs at once"),
        ({"verdict": "allow", "pattern": "p-1"}, "A trusted pattern lets it through.", "runs at once"),
        ({"verdict": "ask"}, "A person is asked.", "Reviewers have 4 h to decide."),
        ({"verdict": "ask", "required_approvals": 2}, "2 people must approve.", "With no decision in time"),
    ],
)
def test_an_assessment_is_told_in_words(fields: dict[str, Any], verdict: str, consequence: str) -> None:
    """What would happen, who would be asked, and by when."""
    assessment = Assessment.model_validate(
        {
            "risk": Risk(level=RiskLevel.HIGH, reasons=[]),
            "expires_in": 4 * 3600,
            "required_approvals": 1,
            "rules": [],
            "policy_version": "v",
            **fields,
        }
    )
    told = explained(assessment, "delete user 42")
    assert (told.verdict, told.title) == (verdict, "delete user 42")
    assert consequence in told.consequence


def test_rules_are_sorted_by_what_they_made_of_it() -> None:
    """One that could not be evaluated is no ordinary match."""
    rules = [
        RuleResult(name="yes"),
        RuleResult(name="no", matched=False),
        RuleResult(name="failed", error="no such key"),
    ]
    assessment = Assessment(
        verdict=Verdict.ASK,
        risk=Risk(level=RiskLevel.LOW, reasons=[]),
        expires_in=60,
        required_approvals=1,
        rules=rules,
        policy_version="v",
    )
    told = explained(assessment, "")
    assert [rule.name for rule in told.matched] == ["yes"]
    assert [rule.name for rule in told.failed] == ["failed"]
    assert [rule.name for rule in told.others] == ["no"]
