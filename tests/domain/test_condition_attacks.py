"""What no condition may hold: whatever would take the engine long, or be read otherwise than it looks.

There are no timings here: a condition that takes a worker's time or memory away shows by a test that does not end.
"""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.condition_text import (
    MAX_ADDITIONS,
    MAX_BYTES,
    MAX_NESTING,
    MAX_REGEX_CHARACTERS,
    MAX_REGEX_REPEATS,
    MAX_REGEXES,
    MAX_WALK_TOKENS,
)
from domain.conditions import Circumstances, Condition, ConditionError
from tests.domain.expressions import answer, fragments, is_answer, texts, truths
from tests.domain.requests import circumstances

IDS = "operation.parameters.ids"
TO = "operation.parameters.to"
OWN_NAME = "needs a name of its own for each element."
ONLY_THE_REQUEST = "Only a list or map of the request can be walked, such as operation.parameters.ids."


def refusal(text: str) -> tuple[int, int, str]:
    """Return the line, the column and the sentence with which a condition is refused."""
    with pytest.raises(ConditionError) as refused:
        Condition(text)
    return refused.value.line, refused.value.column, refused.value.problem


def marked(text: str) -> tuple[str, int]:
    """Return a text without its mark `→`, and the column of what the mark stands before."""
    before, after = text.split("→")
    return before + after, len(before) + 1


def nested(value: Any, depth: int) -> Any:  # noqa: ANN401  any JSON
    for _ in range(depth):
        value = [value]
    return value


def lookup(name: str, inside: str = "all", variable: str = "x") -> str:
    """Return the sentence on what is looked up once an element."""
    return (
        f"Inside {inside}(), use only `{variable}`, `agent`, `now` and constants: "
        f"looking up `{name}` once an element could take very long."
    )


def test_a_condition_has_at_most_4_kb() -> None:
    """In bytes, however few characters they make."""
    exact = f"agent.id == '{'é' * ((MAX_BYTES - 14) // 2)}'"
    assert len(exact.encode()) == MAX_BYTES
    Condition(exact)
    assert refusal(f"{exact} ") == (1, 1, f"It is {MAX_BYTES + 1} bytes long; a condition has at most {MAX_BYTES}.")
    assert refusal("true" + " " * 10**6) == (1, 1, f"It is 1000004 bytes long; a condition has at most {MAX_BYTES}.")


@pytest.mark.parametrize(("opening", "inner", "closing"), [("(", "true", ")"), ("[", "1", "]"), ("{1:", "1", "}")])
def test_a_condition_nests_to_24_levels(opening: str, inner: str, closing: str) -> None:
    """Brackets of every kind count; what is in a text does not."""

    def written(depth: int) -> str:
        made = opening * depth + inner + closing * depth
        return made if opening == "(" else f"{made} == {made}"

    Condition(written(MAX_NESTING))
    column = 1 + len(opening) * MAX_NESTING
    assert refusal(written(MAX_NESTING + 1)) == (1, column, f"It nests deeper than {MAX_NESTING} levels.")
    Condition(f"agent.id == '{written(MAX_NESTING + 1)}'")


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("(true", 1, "Nothing closes this ("),
        ("(true && (true)", 1, "Nothing closes this ("),
        ("operation.parameters[", 21, "Nothing closes this ["),
        ("true)", 5, "Nothing opens this )"),
        ("(true]", 6, "Nothing opens this ]"),
        ("[1, 2)", 6, "Nothing opens this )"),
        ("{'a': [1}]", 9, "Nothing opens this }"),
    ],
)
def test_brackets_come_in_pairs(text: str, column: int, problem: str) -> None:
    """Of one kind."""
    assert refusal(text) == (1, column, problem)


@pytest.mark.parametrize("text", ["`context`.a == 1", "operation.`context` == 1", "operation.parameters.`a-b` == 1"])
def test_no_name_stands_in_backticks(text: str) -> None:
    """It could be one that is looked for here."""
    assert refusal(text) == (1, text.index("`") + 1, "Names in backticks are not supported.")


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x0b",
        "\x1b",
        "\x7f",
        "\x85",
        "\xad",
        "\u200b",
        "\u200d",
        "\u200e",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\ud800",
        "\ue000",
        "\U000e0041",
    ],
)
@pytest.mark.parametrize("around", ["true ||\n {}true", "true ||\n '{}' == ''", "true\n//{}"])
def test_no_character_is_invisible(character: str, around: str) -> None:
    """Nor turns the text around, ends a line only for some, or is half of one: what is read is what counts."""
    text = around.format(character)
    column = text.index(character) - text.index("\n")
    code = f"U+{ord(character):04X}"
    problem = f"It holds the invisible character {code}. In a string, write it as an escape."
    assert refusal(text) == (2, column, problem)


def test_a_text_may_escape_what_cannot_be_seen() -> None:
    """And holds anything that can be seen, in any language."""
    assert Condition(r"operation.parameters.a == 'a\u200bb\n é😀中'").holds(
        circumstances(parameters={"a": "a\u200bb\n é😀中"})
    )


@pytest.mark.parametrize(
    "text",
    [
        "→.context.a == 1",
        "true && →.context.a == 1",
        "1 in→.context.a",
        "1in→.context.a",
        "0x1in →.context.a",
        "[→.context] == []",
        "1 + →. // a comment\n context.a == 1",
        f"{IDS}.all(x, x in →.operation.parameters.ids)",
        "operation.→.parameters.a == 1",
        "→.facts == 1",
    ],
)
def test_no_dot_stands_before_a_variable(text: str) -> None:
    """The engine takes `.context` for `context`; here it would be a member of nothing."""
    written, column = marked(text)
    assert refusal(written) == (1, column, "Nothing stands before this dot.")


@pytest.mark.parametrize("text", ["'a'.size() == 1", "[1].size() == 1", "{1: 2}.size() == 1", "('a').size() == 1"])
def test_a_dot_stands_after_any_value(text: str) -> None:
    """A text, a list, a map or a bracket."""
    assert Condition(text).holds(circumstances())


@pytest.mark.parametrize(
    "text",
    [
        "google.protobuf.→Struct{} == {}",
        "→operation {a: 1} == {}",
        "→x{}",
        "1 in →x{}",
        "{1: google.type.→Expr{}} == {}",
    ],
)
def test_no_message_is_made(text: str) -> None:
    """There are maps and lists, and `in` may stand before them."""
    written, column = marked(text)
    assert refusal(written) == (1, column, "Messages cannot be made in a condition.")
    assert Condition("'a' in {'a': 1}").holds(circumstances())


@pytest.mark.parametrize("name", ["map", "filter"])
def test_no_list_is_made_of_another(name: str) -> None:
    """The engine copies all that it has found so far for each element that it finds."""
    problem = f"{name}() is not supported: a condition tests elements and makes no new ones."
    assert refusal(f"{IDS}.{name}(x, true).size() > 1") == (1, 26, problem)
    assert refusal(f"{IDS}.all(x, x . // of it\n {name} (y, true) == [])") == (2, 2, problem)
    Condition(f"operation.parameters.{name} == 1")


@pytest.mark.parametrize(
    "walked",
    [
        f"({IDS} + {IDS})",
        f"({IDS})",
        f"[{IDS}, {IDS}]",
        "[1, 2, 3]",
        "{'a': 1}",
        f"{{'a': {IDS}}}['a']",
        "operation.parameters['ids']",
        "'abc'",
        "operation.parameters.of('ids')",
        "true",
        "5",
        "1.5",
    ],
)
@pytest.mark.parametrize("walk", ["all", "exists", "exists_one"])
def test_only_what_was_sent_is_walked(walked: str, walk: str) -> None:
    """A value that is made on the way could be as long as one likes."""
    assert refusal(f"{walked}.{walk}(x, x == 1)") == (1, len(walked) + 2, ONLY_THE_REQUEST)


@pytest.mark.parametrize("walk", ["all", "exists", "exists_one"])
@pytest.mark.parametrize(
    "name", ["operation", "agent", "context", "now", "in", "true", "false", "null", "'x'", "1", ""]
)
def test_each_element_has_a_name_of_its_own(walk: str, name: str) -> None:
    """Otherwise what stands there could be taken for a variable of the request."""
    assert refusal(f"{IDS}.{walk}({name}, true)") == (1, 26, f"{walk}() {OWN_NAME}")


@pytest.mark.parametrize("name", ["facts", "size.x"])
def test_no_element_is_named_after_something_else(name: str) -> None:
    """Nor after what is reserved."""
    with pytest.raises(ConditionError):
        Condition(f"{IDS}.all({name}, true)")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{IDS}.all(x, x in →{IDS})", lookup("operation")),
        (f"{IDS}.all(x, x in →context.ids)", lookup("context")),
        (f"{IDS}.exists(x, →{IDS}.exists(y, x == y))", lookup("operation", "exists")),
        (f"{IDS}.all(x, x.all(y, →x == y))", lookup("x", variable="y")),
        (f"{IDS}.all(x, x.all(y, y.all(z, →x == y)))", lookup("x", variable="y")),
        (f"{IDS}.exists_one(x, size(→operation.parameters) == x)", lookup("operation", "exists_one")),
        (f"{IDS}.all(x, {{'a': →operation}} == x)", lookup("operation")),
    ],
)
def test_what_is_asked_of_each_element_is_about_it(text: str, problem: str) -> None:
    """A walk inside a walk over the same list takes the square of its length."""
    written, column = marked(text)
    assert refusal(written) == (1, column, problem)


@pytest.mark.parametrize(
    "text",
    [
        f"{IDS}.all(x, x.all(x, x == 1))",
        f"{IDS}.all(x, x.lines.exists(y, y.price > 5)) && {IDS}.all(x, x.size() > 0)",
        f"{IDS}.all(x, x.operation == x.context && x.id != agent.id && now > timestamp('2026-01-01T00:00:00Z'))",
        f"{IDS}.exists_one(element, element in ['a', 'b'])",
        "context.all(key, key.startsWith('x-'))",
        f"now.getHours() > 8 && {IDS}.all(x, x < 5 || now.getHours('UTC') > 8)",
    ],
)
def test_an_element_its_own_elements_and_constants_may_be_asked_of(text: str) -> None:
    """That takes no longer than the request is long."""
    Condition(text)


def test_what_is_asked_of_each_element_is_short() -> None:
    """What is made for one stays until the last."""

    def written(words: int) -> str:
        """Return a walk with that many words and marks between its brackets."""
        return f"{IDS}.all(x, x == {'!' * (words - 6)}true)"

    Condition(written(MAX_WALK_TOKENS))
    problem = f"Each element in all() is asked more than {MAX_WALK_TOKENS} words and marks."
    assert refusal(written(MAX_WALK_TOKENS + 1)) == (1, 26, problem)


def test_an_expression_is_not_asked_of_each_element() -> None:
    """The engine would read it anew each time."""
    problem = (
        "matches() inside exists() could take very long, once an element: use startsWith(), endsWith() or contains()."
    )
    written, column = marked(f"{IDS}.exists(x, x.→matches('a'))")
    assert refusal(written) == (1, column, problem)
    Condition(f"{IDS}.exists(x, x.startsWith('a') || x.endsWith('b') || x.contains('c'))")


@pytest.mark.parametrize("added", [TO, "'a'", "[1]", "1"])
def test_a_condition_adds_8_times(added: str) -> None:
    """Texts and lists that are added grow."""
    Condition("+".join([added] * (MAX_ADDITIONS + 1)) + f" == {added}")
    text = "+\n".join([added] * (MAX_ADDITIONS + 2)) + f" == {added}"
    assert refusal(text) == (MAX_ADDITIONS + 1, len(added) + 1, f"It adds more than {MAX_ADDITIONS} times.")
    Condition(f"agent.id != '{'+' * 20}' && 1e+5 > 1.5e+2 // {'+' * 20}")


@pytest.mark.parametrize("name", ["matches", "contains"])
@pytest.mark.parametrize(
    "call",
    [
        f"{TO}.{{}}({TO})",
        f"{TO}.{{}}(context.expression)",
        f"{TO}.{{}}('a' + {TO})",
        f"{TO}.{{}}(('a'))",
        f"{TO}.{{}}()",
        f"{TO}.{{}}('a', 'b')",
        f"{{}}({TO}, 'a')",
        "{}('a')",
        f"{TO}.{{}} // what\n (agent.id)",
    ],
)
def test_what_a_text_is_searched_for_stands_in_the_condition(name: str, call: str) -> None:
    """An agent's expression could be one that takes minutes, and so could an agent's long text."""
    text = call.format(name)
    assert refusal(text) == (
        1,
        text.index(name) + 1,
        f"Write {name}() as value.{name}('text'), with the text in quotes.",
    )


@pytest.mark.parametrize("name", ["matches", "contains"])
def test_a_member_may_be_called_like_a_search(name: str) -> None:
    """It is no call."""
    assert Condition(f"operation.parameters.{name} == 1").holds(circumstances(parameters={name: 1}))


@pytest.mark.parametrize(
    "zone",
    [
        "context.zone",
        "operation.type",
        "agent.owner",
        "'a' + 'b'",
        "'/etc/passwd'",
        "'/dev/stdin'",
        "'../passwd'",
        "'Europe/../../passwd'",
        "'file:UTC'",
        "'libc:localtime'",
        r"'\u002fdev/stdin'",
        "r'/dev/stdin'",
        "'''UTC'''",
        "''",
        "'UTC', 'UTC'",
    ],
)
@pytest.mark.parametrize("asked", ["getHours", "getDayOfWeek", "getFullYear", "getMilliseconds"])
def test_no_file_is_opened(zone: str, asked: str) -> None:
    """The engine looks a time zone up in a file of that name: an agent's own could be one that never ends."""
    problem = f"Write the time zone in quotes, as in {asked}('Europe/Berlin')."
    assert refusal(f"now.{asked}({zone}) == 1") == (1, 5, problem)


@pytest.mark.parametrize(
    "zone", ["", "'UTC'", '"Europe/Berlin"', "'America/Argentina/Buenos_Aires'", "'+02:00'", "'Etc/GMT-1'"]
)
@pytest.mark.parametrize(
    "asked",
    [
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getFullYear",
        "getHours",
        "getMilliseconds",
        "getMinutes",
        "getMonth",
        "getSeconds",
    ],
)
def test_a_time_zone_stands_in_the_condition(zone: str, asked: str) -> None:
    """By its name, or as the hours and minutes from UTC."""
    Condition(f"now.{asked}({zone}) > 1")


def test_an_expression_has_at_most_200_characters() -> None:
    """As it is written, with its quotes."""
    fits = "a" * (MAX_REGEX_CHARACTERS - 2)
    Condition(f"{TO}.matches('{fits}')")
    problem = f"The regular expression is longer than {MAX_REGEX_CHARACTERS} characters."
    assert refusal(f"{TO}.matches('{fits}a')") == (1, 33, problem)


def test_a_condition_has_at_most_8_expressions() -> None:
    """Each reads the text again."""
    Condition(" || ".join([f"{TO}.matches('a')"] * MAX_REGEXES))
    problem = f"It has more than {MAX_REGEXES} calls of matches()."
    text = " ||\n".join([f"{TO}.matches('a')"] * (MAX_REGEXES + 1))
    assert refusal(text) == (MAX_REGEXES + 1, len(TO) + 2, problem)


@pytest.mark.parametrize("expression", ["(a|b){3}", "((a){2}){2}", "(a){,3}", "(?:a) {2}", "([a-z]+){64}"])
def test_no_group_is_repeated_by_a_number(expression: str) -> None:
    """Repeated groups of repeated groups multiply."""
    problem = "A group cannot be repeated by {…}: write it out, or use * or +."
    assert refusal(f"{TO}.matches('{expression}')") == (1, 33, problem)


@pytest.mark.parametrize(
    "expression", ["a{201}", "a{1,201}", "a{201,}", "a{0,101}b{100}", "a{100}b{100}c{1}", "[^a]{150}.{51}", "a{٢٠١}"]
)
def test_repetitions_add_up_to_200(expression: str) -> None:
    """The engine writes each of them out."""
    problem = f"The repetitions in {{…}} add up to more than {MAX_REGEX_REPEATS}."
    assert refusal(f"{TO}.matches('{expression}')") == (1, 33, problem)


@pytest.mark.parametrize(
    "expression", ["a{200}", "a{0,200}", "a{,5}", "a{", "a{}", "[0-9]{100}-[a-z]{1,100}", "(a|b)*(c)+"]
)
def test_up_to_there_they_may_be_used(expression: str) -> None:
    """Exactly 200 are still good, and a bracket without a number is no repetition."""
    Condition(f"{TO}.matches('{expression}')")


@pytest.mark.parametrize("literal", [r"'a\x7b1000\x7d'", r"'a\u007b1000}'", r"'\141{1000}'", r"'\\d'", r'"""\\pL"""'])
def test_an_expression_is_written_without_escapes_of_its_quotes(literal: str) -> None:
    """They could hide what is not let through; in raw quotes a backslash is the expression's own."""
    problem = r"Write a regular expression that holds a backslash with an r before the quotes, as in r'\d'."
    assert refusal(f"{TO}.matches({literal})") == (1, 33, problem)
    assert Condition(rf"{TO}.matches(r'^\d\x7b2}}$')").holds(circumstances(parameters={"to": "7{2}"}))


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        ("'('", "missing )"),
        ("'a)'", "unexpected )"),
        ("'['", "missing ]"),
        ("'*'", "no argument for repetition operator"),
        ("'a**'", "bad repetition operator"),
        (r"r'(a)\1'", "invalid escape sequence"),
        ("'(?=a)'", "invalid perl operator"),
        ("'(?<name'", "invalid"),
        (r"r'\pX'", "invalid character class range"),
    ],
)
def test_an_expression_is_tried_before_it_is_used(literal: str, reason: str) -> None:
    """One that the engine does not know would fail each time."""
    line, column, problem = refusal(f"true ||\n{TO}.matches({literal})")
    assert (line, column) == (2, 33)
    assert reason in problem


@pytest.mark.parametrize(
    "text",
    [
        "1 == 1" + " == true" * 300,
        "1" + "-1" * 900 + " == 0",
        "true ? true : " * 250 + "true",
        "operation.parameters" + ".a" * 1_900 + " == 1",
        "operation.parameters" + "[0]" * 1_200 + " == 1",
        "operation.type" + ".size()" * 500 + " == 1",
        "true ? " * 400,
        "1 in [" * 20,
    ],
)
def test_no_chain_is_too_long_for_the_engine(text: str) -> None:
    """It is refused, not walked down until the stack ends."""
    with pytest.raises(ConditionError):
        Condition(text)


LONG = "a" * 200_000
MANY = list(range(9_000))
HOSTILE = [
    circumstances(parameters={"a": LONG, "ids": MANY, "to": LONG}, context={"a": LONG, "context": nested(1, 90)}),
    circumstances(
        parameters={"a": [["a"] * 4] * 9_000, "ids": ["é😀\u202e" * 7] * 9_000, "to": "😀" * 50_000},
        context={"a": [{"a": None, "context": -(2**53)}] * 9_000},
    ),
    circumstances(
        parameters={"a": nested({"a": 1.5}, 90), "ids": dict.fromkeys(map(str, MANY), "aé"), "to": None},
        context={"a": {f"{number}": [number] for number in MANY}},
        agent_owner="ana",
    ),
    circumstances(parameters={"a": 2**70, "ids": 5, "to": "\ud800"}, context={"a": float("nan")}),
    circumstances(parameters={"a": nested(1, 101), "ids": [], "to": "\x00"}, agent_id=""),
    circumstances(),
]


def answers(text: str) -> list[bool | str]:
    """Return what a condition says of each hostile request; nothing when it is refused."""
    try:
        condition = Condition(text)
    except ConditionError as error:
        refused = error
    else:
        return [answer(condition, seen) for seen in HOSTILE]
    assert 0 < len(refused.problem) <= 300
    assert 1 <= refused.line <= text.count("\n") + 1
    assert 1 <= refused.column <= len(text) + 1
    return []


@settings(deadline=None)
@given(st.text())
@example("\ud800")
@example("'")
@example("//")
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    """With a place in it, and with no other error."""
    assert all(map(is_answer, answers(text)))


@settings(deadline=None)
@given(texts)
def test_whatever_is_put_together_is_a_condition_or_refused(text: str) -> None:
    """And each condition says true, false or why not, of requests that nobody would send."""
    assert all(map(is_answer, answers(text)))


@settings(deadline=None)
@given(truths, st.integers(0, 200), st.integers(0, 3), fragments | st.text(max_size=3))
def test_one_change_makes_another_condition_or_none(text: str, at: int, removed: int, put: str) -> None:
    """Where something is put into what was written right, or taken out of it."""
    assert all(map(is_answer, answers(f"{text[:at]}{put}{text[at + removed :]}")))


def sums(leaf: str, count: int) -> str:
    """Return `count` leaves added up pair by pair, so that nothing nests too deep."""
    parts = [leaf] * count
    while len(parts) > 1:
        parts = [f"({'+'.join(parts[index : index + 2])})" for index in range(0, len(parts), 2)]
    return parts[0]


@pytest.mark.parametrize(
    "text",
    [
        f"{sums(TO, 9)}.size() > 0",
        f"context.a.all(x, {sums('x', 9)}.size() > 0)",
        f"operation.parameters.a.all(x, {sums('x', 9)}.size() > 0)",
        f"operation.parameters.a.all(x, x in [{','.join(['[x]'] * 45)}] || true)",
        f"operation.parameters.a.all(x, [{','.join(['x'] * 45)}] == [{','.join(['x'] * 45)}])",
        f"operation.parameters.a.all(x, {' && '.join(['x == x'] * 33)})",
        f"{' && '.join([f'{IDS}.all(x, x > -1)'] * 70)}",
        f"{' && '.join(['context == context'] * 150)}",
        f"{IDS}.exists(x, x.contains('{'é' * 900}'))",
        f"{TO}.contains('{'a' * 3_000}b')",
        *(
            f"{sums(TO, 9)}.matches(r'{expression}')"
            for expression in ("[a-q][^u-z]{190}x", "a.{190}[^a]", "(a*)*b", "(a|a|aa)*" * 15 + "b", "(?i)a[^c]{190}c")
        ),
        rf"{TO}.matches(r'\pL{{190}}1')",
        "!" * 4_000 + "true",
        "-" * 4_000 + "1 == 1",
        "true||" * 680 + "true",
        "[" * 24 + "]" * 24 + " == []",
        f"[{'1,' * 2_000}1] == []",
    ],
)
def test_what_is_let_through_comes_to_an_end(text: str) -> None:
    """The most that was found to fit through every limit, asked of the requests for which it is the most."""
    said = answers(text)
    assert len(said) == len(HOSTILE)
    assert all(map(is_answer, said))


@pytest.mark.parametrize(
    "text",
    [
        f"{IDS}.filter(x, true).size() > 0",
        rf"{IDS}.exists(x, x.matches(r'\pL{{190}}'))",
        f"context.a.all(x, {sums('x', 1_000)}.size() > 0)",
        f"{sums(TO, 300)}.contains({sums(TO, 5)}+'b')",
        f"{IDS}.all(x, {IDS}.all(y, x != y || {IDS}.all(z, z == y)))",
        f"{TO}.matches(context.expression)",
        f"{TO}.contains(context.a)",
        "now.getHours(context.file) > 0",
        f"({IDS} + {IDS}).all(x, true)",
        f"operation.parameters.a.all(x, [{','.join(['x'] * 900)}] == [{','.join(['x'] * 900)}])",
    ],
)
def test_what_took_seconds_or_gigabytes_is_refused(text: str) -> None:
    """Each of these held the engine up, before there was the limit that refuses it."""
    with pytest.raises(ConditionError):
        Condition(text)


def test_a_condition_can_be_asked_again() -> None:
    """It keeps nothing of the requests that it has seen."""
    condition = Condition(f"{IDS}.all(x, x < 9000)")
    seen: list[Circumstances] = [HOSTILE[0], HOSTILE[3], HOSTILE[0]]
    first, second, third = (answer(condition, each) for each in seen)
    assert (first, third) == (True, True)
    assert isinstance(second, str)
