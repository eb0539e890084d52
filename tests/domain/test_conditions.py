"""Conditions: what they see, that only `true` is true, and that what cannot be used is refused where it stands."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import assume, given

from domain.conditions import Condition, ConditionError, EvaluationError
from tests.domain.expressions import answer, is_answer, texts
from tests.domain.requests import circumstances
from tests.domain.samples import json_values

SMALL = "operation.parameters.limit < 100"
POSITIVE = "operation.parameters.limit > 0 && operation.parameters.limit < 100"
VARIABLES = "There are operation, agent, context, now, and CEL's own functions."
NUL = "The request holds a NUL character."
MORE_THAN_THE_BUDGET = list(range(10_001))

# The same engine without some of its variables: what still compiles there cannot read them.
_ANY_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
WITHOUT_CLAIMS = cel.NewEnv(variables={"operation": _ANY_MAP, "agent": _ANY_MAP, "now": cel.Type.TIMESTAMP})
WITHOUT_REQUEST = cel.NewEnv(variables={"agent": _ANY_MAP, "now": cel.Type.TIMESTAMP})


def holds(text: str, **request: Any) -> bool:  # noqa: ANN401  any fact of the request
    """Whether a condition is true of an export."""
    return Condition(text).holds(circumstances(**request))


def problem(text: str) -> tuple[int, int, str]:
    """Return the line, the column and the sentence with which a condition is refused."""
    with pytest.raises(ConditionError) as refused:
        Condition(text)
    error = refused.value
    assert str(error) == f"line {error.line}, column {error.column}: {error.problem}"
    return error.line, error.column, error.problem


def failure(text: str, **request: Any) -> str:  # noqa: ANN401  as above
    """Return why a condition cannot be evaluated."""
    with pytest.raises(EvaluationError) as failed:
        holds(text, **request)
    return str(failed.value)


@pytest.mark.parametrize(
    "text",
    [
        "operation.type == 'data.export'",
        "operation.resource_type == 'customer'",
        "operation.resource_id == '7'",
        "operation.parameters.limit == 5",
        "operation.parameters.nested['a key'][1].name == 'é😀'",
        "operation.data_class == 'regulated'",
        "agent.id == 'billing-agent'",
        "agent.owner == 'ana'",
        "context.ticket == 'T-1'",
        "now == timestamp('2026-03-02T09:30:00Z')",
        "now.getHours('Europe/Berlin') == 10",
        "now - timestamp('2026-03-02T08:30:00Z') == duration('1h')",
    ],
)
def test_a_condition_sees_the_request(text: str) -> None:
    """What is asked for, what it touches, who asks, what they claim, and when."""
    parameters = {"limit": 5, "nested": {"a key": [None, {"name": "é😀"}]}}
    request = {"parameters": parameters, "context": {"ticket": "T-1"}, "agent_owner": "ana", "data_class": "regulated"}
    assert holds(text, **request)
    assert not holds(f"!({text})", **request)


def test_an_agent_without_an_owner_has_an_empty_one() -> None:
    """So a condition can ask."""
    assert holds("agent.owner == ''", agent_owner=None)


def test_the_time_is_one_moment_wherever_it_was_written() -> None:
    """It is compared in UTC."""
    there = datetime(2026, 3, 2, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert holds("now == timestamp('2026-03-02T09:30:00Z') && now.getHours() == 9", now=there)
    assert holds("now < timestamp('2026-03-02T09:30:00.000002Z')", now=datetime(2026, 3, 2, 9, 30, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize(("text", "at_minus_one"), [(SMALL, True), (POSITIVE, False)])
def test_a_limit_is_compared_as_a_number(text: str, at_minus_one: bool) -> None:  # noqa: FBT001  a parameter
    """Below 100 is true and 100 is not; below zero is below 100, unless the condition says otherwise."""
    assert [holds(text, parameters={"limit": limit}) for limit in (1, 99, 99.9, 100, 100.0, 2**53)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert holds(text, parameters={"limit": -1}) is at_minus_one


@pytest.mark.parametrize("text", [SMALL, POSITIVE])
@pytest.mark.parametrize("limit", ["99", "", None, True, [99], {"limit": 99}])
def test_a_limit_of_another_type_is_no_number(text: str, limit: object) -> None:
    """Neither a number in quotes nor nothing is compared: it fails, and says why."""
    assert failure(text, parameters={"limit": limit}).startswith("No matching overloads found : _")


@pytest.mark.parametrize("text", [SMALL, POSITIVE])
def test_a_limit_that_is_absent_is_no_limit(text: str) -> None:
    """What is not there is neither small nor zero."""
    assert failure(text) == 'Key not found in map : "limit"'
    assert failure(text, parameters={"Limit": 1}) == 'Key not found in map : "limit"'


def test_a_condition_may_ask_whether_something_is_there() -> None:
    """With has(), and CEL's `||` and `&&` that need only one side."""
    guarded = f"!has(operation.parameters.limit) || {SMALL}"
    assert holds(guarded)
    assert holds(guarded, parameters={"limit": 1})
    assert not holds(guarded, parameters={"limit": 100})


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("operation.parameters.a[3] == 1", [1], "Index error: index=3 size=1"),
        ("operation.parameters.a.b == 1", {}, 'Key not found in map : "b"'),
        ("operation.parameters.a.b == 1", "text", "Applying SELECT to non-message type"),
        ("operation.parameters.a > 1", None, "No matching overloads found : _>_(null_type, int64)"),
        ("operation.parameters.a && true", "true", "No matching overload"),
        ("!operation.parameters.a", 1, "No matching overload"),
        ("operation.parameters.a ? true : false", "x", "No matching overload"),
        ("operation.parameters.a + 9223372036854775807 > 0", 1, "integer overflow"),
        ("-(operation.parameters.a - 9223372036854775807) > 0", -1, "integer overflow"),
        ("1 / operation.parameters.a == 1", 0, "divide by zero"),
        ("int(operation.parameters.a) == 1", "one", "cannot convert string to int"),
        ("timestamp(operation.parameters.a) < now", "yesterday", "String to Timestamp conversion failed"),
        ("operation.parameters.a.all(x, x > 0)", MORE_THAN_THE_BUDGET[1:], "Iteration budget exceeded"),
        ("operation.parameters.a.exists(x, x < 0)", MORE_THAN_THE_BUDGET, "Iteration budget exceeded"),
        ("operation.parameters.a.all(x, x > 0)", 7, "No matching overload"),
        ("operation.parameters.a == 1", 2**70, "Integer value '1180591620717411303424' out of range"),
        ("operation.parameters.b == 1", -(2**63) - 1, "Integer value '-9223372036854775809' out of range"),
        ("operation.parameters.a == ''", "\ud800", "basic_string"),
    ],
)
def test_what_cannot_be_evaluated_is_neither_true_nor_false(text: str, value: object, reason: str) -> None:
    """It raises, with one short line on the reason."""
    said = failure(text, parameters={"a": value})
    assert reason.lower() in said.lower()
    assert "\n" not in said
    assert len(said) <= 200


def test_a_reason_is_cut() -> None:
    """It may repeat what the agent sent: at most 200 characters, on one line."""
    text = "operation.parameters[operation.parameters.key] == 1"
    said = failure(text, parameters={"key": "é" * 300})
    assert len(said) == 200
    assert said.startswith('Key not found in map : "')
    assert said.endswith("é…")
    assert "\n" not in failure(text, parameters={"key": "a\n\nb"})


@pytest.mark.parametrize("field", ["parameters", "context"])
def test_a_request_that_nests_too_deep_is_not_evaluated(field: str) -> None:
    """Wherever it does, whatever is asked: the engine would use up its stack on it."""
    assert holds("true", **{field: {"a": nested(90)}})
    for depth in (101, 100_000):
        assert failure("true", **{field: {"a": nested(depth)}}) == "The request nests deeper than 100 levels."


@pytest.mark.parametrize(
    "request_",
    [
        {"parameters": {"to": "ok@shop.example.com\x00, other@example.org"}},
        {"parameters": {"to": [{"ok\x00": 1}]}},
        {"context": {"to": ["\x00"]}},
        {"operation_type": "data.export\x00"},
        {"agent_id": "billing-agent\x00"},
        {"agent_owner": "\x00"},
    ],
)
def test_a_text_is_seen_whole_or_not_at_all(request_: dict[str, Any]) -> None:
    """The engine ends a text at a NUL character; what runs would not."""
    assert failure("operation.parameters.to == 'ok@shop.example.com'", **request_) == NUL


def test_a_failing_condition_fails_each_time() -> None:
    """Also where several conditions share one request."""
    shared = circumstances(parameters={"a": nested(101)})
    for _ in range(2):
        with pytest.raises(EvaluationError):
            Condition("true").holds(shared)


@given(json_values, json_values)
def test_whatever_is_sent_a_condition_is_true_or_false_or_fails(value: Any, claim: Any) -> None:  # noqa: ANN401  any JSON
    """There is no third answer, and no other error."""
    for condition in SEVERAL:
        assert is_answer(answer(condition, circumstances(parameters={"a": value}, context={"a": claim})))


SEVERAL = [
    Condition(text)
    for text in (
        "operation.parameters.a == context.a",
        "operation.parameters.a < 1 || context.a.all(x, x == 1)",
        "operation.parameters.a.exists(x, x in [1, 'a', null]) && context.a.b[0] == 1.5",
        "operation.parameters.a + context.a != operation.parameters.a",
        "string(operation.parameters.a).contains('a') || size(context.a) > 1",
    )
]


@given(json_values)
def test_what_is_sent_equals_itself(value: Any) -> None:  # noqa: ANN401  any JSON
    """The engine sees the value, and the same each time."""
    assume("\\u0000" not in json.dumps(value))
    assert holds("operation.parameters.a == context.a", parameters={"a": value}, context={"a": value})


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ("limit < 100", 1, 1, f"undeclared reference to 'limit'. {VARIABLES}"),
        ("operation.type == foo", 1, 19, f"undeclared reference to 'foo'. {VARIABLES}"),
        ("true &&\n  foo", 2, 3, f"undeclared reference to 'foo'. {VARIABLES}"),
        ("true &&\r\n\r\n\tfoo", 3, 2, f"undeclared reference to 'foo'. {VARIABLES}"),
        ("'é😀' == '' || foo", 1, 15, f"undeclared reference to 'foo'. {VARIABLES}"),
        ("// 'é😀'\n'é😀' == foo", 2, 9, f"undeclared reference to 'foo'. {VARIABLES}"),
        ("operation.parameters.ids.all(x, y)", 1, 33, f"undeclared reference to 'y'. {VARIABLES}"),
        ("is_small(1)", 1, 9, f"undeclared reference to 'is_small'. {VARIABLES}"),
        ("1 == 'a'", 1, 3, "found no matching overload for '_==_' applied to '(int, string)'"),
        ("true ||\n\n  (1 == 'a')", 3, 6, "found no matching overload for '_==_' applied to '(int, string)'"),
        ("operation.parameters.ids.all(x, 1)", 1, 29, "found no matching overload for '_&&_' applied to '(bool, int)'"),
        ("facts.rows < 100", 1, 1, "`facts` is reserved for what Assent will measure itself; it cannot be used yet."),
        ("true &&\n facts", 2, 2, "`facts` is reserved for what Assent will measure itself; it cannot be used yet."),
        (
            "operation.limit < 100",
            1,
            11,
            "`operation` has no `limit`; it has type, resource_type, resource_id, parameters, data_class.",
        ),
        ("true &&\n agent\n  .name == 'a'", 3, 4, "`agent` has no `name`; it has id, owner."),
        ("has(agent.name)", 1, 11, "`agent` has no `name`; it has id, owner."),
    ],
)
def test_a_condition_that_means_nothing_is_refused_where_it_stands(
    text: str, line: int, column: int, sentence: str
) -> None:
    """At load, with the line and the column, both from 1; and what there is instead."""
    assert problem(text) == (line, column, sentence)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        (" // nothing", 1, 12),
        ("operation.type ==", 1, 18),
        ("operation.type = 'a'", 1, 16),
        ("true true", 1, 6),
        ("true\nand true", 2, 1),
        ("true &&\n'abc", 2, 1),
        ("'a\nb' == ''", 1, 1),
        ("true # comment", 1, 6),
        ("operation.?type == 'a'", 1, 1),
        ("operation..type == 'a'", 1, 11),
        ("'\\q' == ''", 1, 1),
        ("rb'a' == b'a'", 1, 3),
        ("99999999999999999999 > 1", 1, 1),
    ],
)
def test_a_condition_that_is_not_written_right_is_refused_where_it_stops(text: str, line: int, column: int) -> None:
    """The engine's own words, on one line and short."""
    *where, said = problem(text)
    assert where == [line, column]
    assert 0 < len(said) <= 200
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", "int"),
        ("1u", "uint"),
        ("1.5", "double"),
        ("'true'", "string"),
        ("b'true'", "bytes"),
        ("null", "null"),
        ("[true]", "list<bool>"),
        ("{'a': true}", "map<string, bool>"),
        ("now", "timestamp"),
        ("operation", "map<string, dyn>"),
        ("operation.parameters.urgent", "dyn"),
        ("true ? operation.parameters.urgent : true", "dyn"),
        ("type(true)", "type<bool>"),
    ],
)
def test_a_condition_must_be_true_or_false_by_its_type(text: str, kind: str) -> None:
    """Nothing is taken for a truth value that is not known to be one."""
    sentence = f"It gives {kind}, not true or false. Compare it, as in `operation.parameters.urgent == true`."
    assert problem(text) == (1, 1, sentence)


@pytest.mark.parametrize(
    "text",
    [
        "context.ticket == 'T-1'",
        "context == {}",
        "has(context.ticket)",
        "'ticket' in context",
        "'ticket' in\ncontext",
        "'a' == 'b' || context['ticket'] == 1",
        "context // the claims\n.ticket == 1",
        "context.all(claim, claim != '')",
        "size(context) > 0",
        "[context] == []",
        "{'a': context} == {}",
        "1 in[context.a]",
        "1in context.a",
        "0x1in context.a",
        "true?context.a==1:false",
        r"r'\d' == '' && context.a == '\''",
        "'''it's''' == context.a",
    ],
)
def test_a_condition_that_looks_at_the_claims_says_so(text: str) -> None:
    """Wherever in it the variable `context` stands."""
    assert Condition(text).reads_claims


@pytest.mark.parametrize(
    "text",
    [
        "operation.parameters.context == 1",
        "operation.parameters\n  . context == 1",
        "operation.parameters. // context\n context == 1",
        "operation.parameters['context'] == 1",
        "operation.parameters.ids.all(x, x.context == 1)",
        "operation.parameters.all(contextual, contextual != '')",
        "agent.id == 'context'",
        'agent.id == """context.a"""',
        r"agent.id == r'\d' + 'context'",
        "true // context.a == 1",
        "true // '\n&& true // ' && context",
        "agent.id == 'it\\'s context.a'",
        "{'context': 1} == {}",
    ],
)
def test_a_condition_that_only_mentions_the_word_does_not(text: str) -> None:
    """A member of that name, a text and a comment are no claims."""
    assert not Condition(text).reads_claims


@pytest.mark.parametrize(
    ("text", "reads_request"),
    [
        ("operation.type == 'data.export'", True),
        ("agent.id in context", True),
        ("has(operation.parameters.limit)", True),
        ("true", False),
        ("agent.id == 'operation' && agent.owner == \"context\"", False),
        ("now.getHours() < 17 // operation", False),
    ],
)
def test_a_condition_says_whether_it_looks_at_the_request(text: str, reads_request: bool) -> None:  # noqa: FBT001  a parameter
    """At the operation or the claims; who asks, and when, says nothing of what is asked for."""
    assert Condition(text).reads_request is reads_request


@given(texts)
def test_a_condition_reads_what_it_cannot_do_without(text: str) -> None:
    """Exactly those read the claims, or the request, that the engine refuses once there are none."""
    try:
        condition = Condition(text)
    except ConditionError:
        return
    assert condition.reads_claims is not compiles(WITHOUT_CLAIMS, text)
    assert condition.reads_request is not compiles(WITHOUT_REQUEST, text)


def compiles(environment: cel.Env, text: str) -> bool:
    try:
        environment.compile(text)
    except RuntimeError:
        return False
    return True


def nested(depth: int) -> Any:  # noqa: ANN401  lists of lists
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
