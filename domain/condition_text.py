"""What the text of a condition may hold, checked before the CEL engine sees it.

The engine bounds neither the time nor the memory that a condition takes: a list walked inside a walk over a list, a
string doubled again and again, or a regular expression that an agent wrote would each hold a worker up for minutes.
What is let through here takes time in proportion to the request that it looks at.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_BYTES = 4 * 1024
MAX_NESTING = 24
MAX_REGEX_CHARACTERS = 200
MAX_REGEX_REPEATS = 200
MAX_REGEXES = 8
MAX_ADDITIONS = 8
MAX_WALK_TOKENS = 200

MEMBERS = {
    "operation": ("type", "resource_type", "resource_id", "parameters", "data_class"),
    "agent": ("id", "owner"),
}
"""What the variables that Assent fills itself hold, by name."""

CLAIMS = "context"
"""The variable that the agent fills as it likes."""

VARIABLES = (*MEMBERS, CLAIMS, "now")

_WALKS = ("all", "exists", "exists_one")
_MAKERS = ("map", "filter")
_SEARCHES = ("matches", "contains")
_ZONED = re.compile(r"get(FullYear|Month|Date|DayOf(Month|Week|Year)|Hours|Minutes|Seconds|Milliseconds)")
_ZONE = re.compile(r"""(['"])([\w+-]+(/[\w+-]+)*|[+-]?\d\d:\d\d)\1""", re.ASCII)
_UNBOUNDED = ("operation", CLAIMS)
_WORDS = ("in", "true", "false", "null")
_OPENING = {")": "(", "]": "[", "}": "{"}
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_REPEATS = re.compile(r"\{(\d+)(?:,(\d*))?\}")

_TOKEN = re.compile(
    r"""
      (?P<space> \s+ | //[^\n]* )
    | (?P<raw> (?:[rR][bB]?|[bB][rR]) (?: '''.*?''' | \"{3}.*?\"{3} | '[^'\n]*' | "[^"\n]*" ) )
    | (?P<text> [bB]? (?: '''(?:\\.|[^\\])*?''' | \"{3}(?:\\.|[^\\])*?\"{3}
                        | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" ) )
    | (?P<name> [A-Za-z_]\w* )
    | (?P<number> 0x[0-9A-Fa-f]+[uU]? | (?: \d+(?:\.\d+)? | \.\d+ )(?:[eE][+-]?\d+)?[uU]? )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class ConditionError(ValueError):
    """A condition that cannot be used. `line` and `column` count from 1."""

    def __init__(self, problem: str, text: str = "", offset: int = 0) -> None:
        """Say what is wrong at `offset` in `text`."""
        self.problem = problem
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {problem}")


class Kind(StrEnum):
    """What a token is."""

    RAW = "raw"
    TEXT = "text"
    NAME = "name"
    NUMBER = "number"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a condition, and where it starts."""

    kind: Kind
    text: str
    offset: int

    @property
    def is_string(self) -> bool:
        """Whether it is a string's or bytes' literal."""
        return self.kind in (Kind.RAW, Kind.TEXT)


_NONE = Token(Kind.MARK, "", 0)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One `list.all(variable, body)`; `start` and `end` are the positions of its parentheses."""

    position: int
    start: int
    end: int
    variable: str

    def holds(self, position: int) -> bool:
        return self.start < position < self.end


Problems = Iterator[tuple[int, str]]
"""Sentences on what is wrong, each with the position of the token that it is about."""


class ConditionText:
    """The tokens of a condition that is fit for the engine. Raises ConditionError for one that is not."""

    def __init__(self, text: str) -> None:
        """Check `text`."""
        _check_characters(text)
        self._tokens = list(tokens_of(text))
        self._partners: dict[int, int] = {}
        self._walks: list[_Walk] = []
        # In this order: each looks no further than what the ones before it have let through.
        for check in (self._in_brackets, self._in_names, self._in_walks, self._in_bodies, self._in_calls):
            for position, problem in check():
                raise ConditionError(problem, text, self._tokens[position].offset)

    @property
    def reads_claims(self) -> bool:
        """Whether it looks at what the agent says of itself."""
        return any(self._is_variable(position, CLAIMS) for position in range(len(self._tokens)))

    @property
    def reads_request(self) -> bool:
        """Whether it looks at what the agent asks for, or says."""
        return any(self._is_variable(position, "operation", CLAIMS) for position in range(len(self._tokens)))

    @property
    def regexes(self) -> list[Token]:
        """The regular expressions in it, as they are written."""
        return [self._at(position + 2) for position in self._calls_of_matches()]

    def _at(self, position: int) -> Token:
        return self._tokens[position] if 0 <= position < len(self._tokens) else _NONE

    def _is_variable(self, position: int, *names: str) -> bool:
        token = self._at(position)
        return token.kind is Kind.NAME and token.text in names and self._at(position - 1).text != "."

    def _is_call(self, position: int, *names: str) -> bool:
        token = self._at(position)
        return token.kind is Kind.NAME and token.text in names and self._at(position + 1).text == "("

    def _is_value(self, position: int) -> bool:
        """Whether a value ends here, of which a dot can take a member."""
        token = self._at(position)
        return token.text in _OPENING if token.kind is Kind.MARK else token.text != "in"

    def _in_brackets(self) -> Problems:
        open_ones: list[int] = []
        for position, token in enumerate(self._tokens):
            if token.kind is not Kind.MARK:
                continue
            if token.text in _OPENING.values():
                open_ones.append(position)
                if len(open_ones) > MAX_NESTING:
                    yield position, f"It nests deeper than {MAX_NESTING} levels."
            elif token.text in _OPENING:
                if not open_ones or self._at(open_ones[-1]).text != _OPENING[token.text]:
                    yield position, f"Nothing opens this {token.text}"
                self._partners[open_ones.pop()] = position
            elif token.text == "`":
                yield position, "Names in backticks are not supported."
        if open_ones:
            yield open_ones[-1], f"Nothing closes this {self._at(open_ones[-1]).text}"

    def _in_names(self) -> Problems:
        for position, token in enumerate(self._tokens):
            if self._is_variable(position, "facts"):
                yield position, "`facts` is reserved for what Assent will measure itself; it cannot be used yet."
            if token.text == "." and not self._is_value(position - 1):
                yield position, "Nothing stands before this dot."
            if token.kind is Kind.NAME and token.text != "in" and self._at(position + 1).text == "{":
                yield position, "Messages cannot be made in a condition."
            member = self._at(position + 2)
            if (
                self._is_variable(position, *MEMBERS)
                and self._at(position + 1).text == "."
                and member.kind is Kind.NAME
                and member.text not in MEMBERS[token.text]
            ):
                listed = ", ".join(MEMBERS[token.text])
                yield position + 2, f"`{token.text}` has no `{member.text}`; it has {listed}."

    def _in_walks(self) -> Problems:
        for position, token in enumerate(self._tokens):
            if self._at(position - 1).text != ".":
                continue
            if self._is_call(position, *_MAKERS):
                yield position, f"{token.text}() is not supported: a condition tests elements and makes no new ones."
            if self._is_call(position, *_WALKS):
                variable = self._at(position + 2)
                if variable.kind is not Kind.NAME or variable.text in (*VARIABLES, *_WORDS):
                    yield position, f"{token.text}() needs a name of its own for each element."
                if not self._is_path(position - 2):
                    yield position, "Only a list or map of the request can be walked, such as operation.parameters.ids."
                self._walks.append(_Walk(position, position + 1, self._partners[position + 1], variable.text))

    def _in_bodies(self) -> Problems:
        for walk in self._walks:
            called = f"{self._at(walk.position).text}()"
            if walk.end - walk.start - 1 > MAX_WALK_TOKENS:
                yield walk.position, f"Each element in {called} is asked more than {MAX_WALK_TOKENS} words and marks."
            outer = {each.variable for each in self._walks if each.holds(walk.position)} - {walk.variable}
            for position in range(walk.start + 1, walk.end):
                token = self._at(position)
                if self._is_variable(position, *_UNBOUNDED, *outer):
                    problem = (
                        f"Inside {called}, use only `{walk.variable}`, `agent`, `now` and constants: "
                        f"looking up `{token.text}` once an element could take very long."
                    )
                    yield position, problem
                if self._is_call(position, "matches"):
                    problem = (
                        f"matches() inside {called} could take very long, once an element: "
                        "use startsWith(), endsWith() or contains()."
                    )
                    yield position, problem

    def _is_path(self, position: int) -> bool:
        """Whether what ends here is a variable or something in it, and not a value made on the way."""
        token = self._at(position)
        while token.kind is Kind.NAME and token.text not in _WORDS:
            if self._at(position - 1).text != ".":
                return True
            position -= 2
            token = self._at(position)
        return False

    def _in_calls(self) -> Problems:
        """Check what texts are searched for, time zones (the engine opens a file of that name), and additions."""
        # Texts and lists are added as well as numbers, and grow each time.
        for position in [position for position, token in enumerate(self._tokens) if token.text == "+"][MAX_ADDITIONS:]:
            yield position, f"It adds more than {MAX_ADDITIONS} times."
        for position, token in enumerate(self._tokens):
            given = self._at(position + 2)
            alone = given.is_string and self._at(position + 3).text == ")"
            if self._is_call(position, *_SEARCHES) and not (alone and self._at(position - 1).text == "."):
                yield position, f"Write {token.text}() as value.{token.text}('text'), with the text in quotes."
            zoned = self._at(position + 1).text == "(" and _ZONED.fullmatch(token.text) and given.text != ")"
            if zoned and not (alone and _ZONE.fullmatch(given.text)):
                yield position, f"Write the time zone in quotes, as in {token.text}('Europe/Berlin')."
        for number, position in enumerate(self._calls_of_matches()):
            if number == MAX_REGEXES:
                yield position, f"It has more than {MAX_REGEXES} calls of matches()."
            problem = _problem_of_regex(self._at(position + 2))
            if problem is not None:
                yield position + 2, problem

    def _calls_of_matches(self) -> list[int]:
        return [position for position in range(len(self._tokens)) if self._is_call(position, "matches")]


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the words of a condition, without the space between them."""
    for found in _TOKEN.finditer(text):
        if found.lastgroup != "space":
            yield Token(Kind(found.lastgroup or Kind.MARK), found.group(), found.start())


def _check_characters(text: str) -> None:
    for offset, character in enumerate(text):
        if character not in "\n\r\t" and unicodedata.category(character) in _INVISIBLE:
            code = f"U+{ord(character):04X}"
            problem = f"It holds the invisible character {code}. In a string, write it as an escape."
            raise ConditionError(problem, text, offset)
    size = len(text.encode())
    if size > MAX_BYTES:
        problem = f"It is {size} bytes long; a condition has at most {MAX_BYTES}."
        raise ConditionError(problem, text)


def _problem_of_regex(token: Token) -> str | None:
    """Return why a regular expression is not let through: such as could grow into a slow machine."""
    written = token.text
    if token.kind is Kind.TEXT and "\\" in written:
        # Otherwise an escape could hide what is looked for below.
        return "Write a regular expression that holds a backslash with an r before the quotes, as in r'\\d'."
    if len(written) > MAX_REGEX_CHARACTERS:
        return f"The regular expression is longer than {MAX_REGEX_CHARACTERS} characters."
    if re.search(r"\)\s*\{", written):
        return "A group cannot be repeated by {…}: write it out, or use * or +."
    if sum(_most(found.groups()) for found in _REPEATS.finditer(written)) > MAX_REGEX_REPEATS:
        return f"The repetitions in {{…}} add up to more than {MAX_REGEX_REPEATS}."
    return None


def _most(counts: Sequence[str | None]) -> int:
    return max(int(count) for count in counts if count)
