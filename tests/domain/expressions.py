"""Conditions as nobody would write them, put together from what the language knows."""

from hypothesis import strategies as st

from domain.conditions import Circumstances, Condition, EvaluationError

_names = st.sampled_from(
    ["operation.parameters.a", "operation.parameters.ids", "operation.type", "agent.id", "now", "x"]
)
_claims = st.sampled_from(["context", ".context", ".context.a", "context.a", "x.context", "'context'", "// context\n"])
_constants = st.sampled_from(["1", "2u", "1.5", ".5", "0x1f", "1e3", "9223372036854775807", "true", "false", "null"])
_texts = st.sampled_from(
    ["'a'", '"b"', r"r'\d'", "b'é'", "'''it's'''", r"'\''", '"', "'", "'''", "r'", "\\", "//", "`"]
)
_operators = st.sampled_from(["==", "!=", "<", ">=", "&&", "||", "!", "-", "+", "*", "/", "%", " in ", "in", "?", ":"])
_marks = st.sampled_from(
    ["(", ")", "[", "]", "{", "}", ",", ".", " ", "\n", "\r\n", "#", "@", "é", "\u202e", "_", "facts"]
)
_calls = st.sampled_from(
    ["size(", "has(", "string(", "int(", "timestamp(", ".size()", ".startsWith(", ".getHours('UTC')"]
)
_searches = st.sampled_from(
    [".contains('a')", ".matches('a+')", ".matches('('", ".filter(x,", ".map(x,", ".exists_one(x,"]
)
_walks = st.sampled_from([".all(x,", ".exists(y,", ".all(x, x.exists(y, ", ".all(x, x == 'a')", ".exists(x, x > 1)"])

fragments = _names | _claims | _constants | _texts | _operators | _marks | _calls | _searches | _walks
"""Pieces of conditions, whole and broken."""

_comparisons = st.sampled_from([" == ", " != ", " < ", " >= ", " in "])
_tests = st.sampled_from(
    [".contains('a')", ".startsWith('a')", ".matches('^a+$')", " == ''", ".size() > 1", " + 1 < 2"]
)
_parts = st.sampled_from([".a", ".context", "[0]", "['é']", "[agent.id]", " + 1", " + 'b'", " + [1]", " - 1.5", " % 7"])


def _over(names: list[str]) -> st.SearchStrategy[str]:
    """Return conditions on what `names` stand for."""
    values = st.recursive(st.sampled_from(names), lambda inner: st.tuples(inner, _parts).map("".join), max_leaves=3)
    compared = st.tuples(values, _comparisons, values | _constants | st.just("'a'")).map("".join)
    tested = st.tuples(values, _tests).map("".join)
    return st.recursive(
        compared | tested,
        lambda inner: (
            st.tuples(inner, st.sampled_from([" && ", " || "]), inner).map("".join)
            | st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts))
            | inner.map("!({})".format)
        ),
        max_leaves=4,
    )


_walked = st.tuples(
    st.sampled_from(["operation.parameters.ids", "operation.parameters.a", "context.a"]),
    st.sampled_from([".all(x, ", ".exists(x, ", ".exists_one(x, "]),
    _over(["x", "x", "agent.id", "now"]),
).map(lambda parts: "".join([*parts, ")"]))

truths = _over(["operation.parameters.a", "operation.parameters", "operation.type", "agent.id", "context.a"]) | _walked
"""What is written right, and mostly compiles."""

texts = st.lists(fragments, max_size=9).map("".join) | st.lists(fragments, max_size=9).map(" ".join) | truths


def answer(condition: Condition, seen: Circumstances) -> bool | str:
    """Return what `condition` says of a request, or why it says nothing."""
    try:
        return condition.holds(seen)
    except EvaluationError as error:
        return str(error)


def is_answer(said: object) -> bool:
    """Whether it is true, false or one short line on the reason."""
    return isinstance(said, bool) or (isinstance(said, str) and 0 < len(said) <= 200 and "\n" not in said)
