"""`assent.yaml`: read whole or refused whole, with a sentence that names the file and the place."""

from datetime import timedelta
from pathlib import Path

import pytest

from assent.models import RiskLevel, Verdict
from config.assent_file import AssentFile
from config.errors import ConfigurationError

GOOD = """\
version: 1
operations:
  note.write:
    resource_types: [note, memo]
    resource_id: "[1-9][0-9]*"
    risk: high
    required_approvals: 2
    timeout: 15m
    run: notes:write
    parameters: notes:Note
    version: "1"
"""


def load(folder: Path, text: str) -> AssentFile:
    path = folder / "assent.yaml"
    path.write_text(text, encoding="utf-8")
    return AssentFile.read(path)


def sentence_of(folder: Path, text: str) -> str:
    """Return what is said when `text` is refused; it always names the file."""
    with pytest.raises(ConfigurationError) as refused:
        load(folder, text)
    assert str(folder / "assent.yaml") in str(refused.value)
    return str(refused.value)


def edited(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_good_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Every field means what it says, durations and levels included."""
    (declared,) = load(tmp_path, GOOD).operations.values()
    assert declared.resource_types == ("note", "memo")
    assert (declared.resource_id, declared.risk, declared.required_approvals) == ("[1-9][0-9]*", RiskLevel.HIGH, 2)
    assert (declared.timeout, declared.run_timeout) == (timedelta(minutes=15), timedelta(seconds=60))
    assert declared.identity == "notes:write@1"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("version: 1\n", "", "version", "Field required"),
        ("version: 1\n", "version: 2\n", "version", "less than or equal to 1"),
        ("version: 1\n", "version: 0\n", "version", "greater than or equal to 1"),
        ("version: 1\n", "version: '1'\n", "version", "valid integer"),
        ("version: 1\n", "version: true\n", "version", "valid integer"),
        ("version: 1\n", "version: 1.0\n", "version", "valid integer"),
        ("version: 1\n", "version: 1\npolicies: []\n", "policies", "Extra inputs are not permitted"),
        (GOOD[11:], "", "operations", "Field required"),
        (GOOD[11:], "operations:\n", "operations", "valid dictionary"),
        (GOOD[11:], "operations: {}\n", "operations", "at least 1 item"),
        (GOOD[11:], "operations: [note.write]\n", "operations", "valid dictionary"),
        (GOOD[11:], "operations: {note.write: }\n", "operations.note.write", "valid dictionary"),
        ("note.write", "1", "operations.1.[key]", "valid string"),
        ("[note, memo]", "[]", "operations.note.write.resource_types", "at least 1 item"),
        ("[note, memo]", '[""]', "operations.note.write.resource_types.0", "at least 1 character"),
        ("[note, memo]", "note", "operations.note.write.resource_types", "valid tuple"),
        ("[note, memo]", "[note, 1]", "operations.note.write.resource_types.1", "valid string"),
        ('"[1-9][0-9]*"', "42", "operations.note.write.resource_id", "valid string"),
        ("risk: high", "risk: severe", "operations.note.write.risk", "'low', 'medium', 'high' or 'critical'"),
        ("approvals: 2", "approvals: 0", "operations.note.write.required_approvals", "greater than or equal to 1"),
        ("approvals: 2", "approvals: 11", "operations.note.write.required_approvals", "less than or equal to 10"),
        ("approvals: 2", "approvals: true", "operations.note.write.required_approvals", "valid integer"),
        ("approvals: 2", 'approvals: "2"', "operations.note.write.required_approvals", "valid integer"),
        ("approvals: 2", "approvals: 2.0", "operations.note.write.required_approvals", "valid integer"),
        ("approvals: 2", "approvals: both", "operations.note.write.required_approvals", "valid integer"),
        ("timeout: 15m", "timeout: 15", "operations.note.write.timeout", "a number and a unit, such as 90s, 15m"),
        ("timeout: 15m", "timeout: soon", "operations.note.write.timeout", "a number and a unit, such as 90s, 15m"),
        ("timeout: 15m", "timeout: PT15M", "operations.note.write.timeout", "a number and a unit, such as 90s, 15m"),
        ("timeout: 15m", "timeout: 00:15:00", "operations.note.write.timeout", "a number and a unit"),
        ("timeout: 15m", 'timeout: "00:15:00"', "operations.note.write.timeout", "a number and a unit"),
        ("timeout: 15m", "timeout: 59s", "operations.note.write.timeout", "must be from 1m to 30d"),
        ("timeout: 15m", "timeout: 31d", "operations.note.write.timeout", "must be from 1m to 30d"),
        ("timeout: 15m", "run_timeout: 25h", "operations.note.write.run_timeout", "must be from 1s to 1d"),
        ("timeout: 15m", "time_out: 15m", "operations.note.write.time_out", "Extra inputs are not permitted"),
        ("timeout: 15m", "idempotent: perhaps", "operations.note.write.idempotent", "valid boolean"),
        ("timeout: 15m", "idempotent: 1", "operations.note.write.idempotent", "valid boolean"),
        ("timeout: 15m", 'idempotent: "yes"', "operations.note.write.idempotent", "valid boolean"),
        ("notes:write", "notes.write", "operations.note.write.run", "should match pattern"),
        ("notes:Note", "Note", "operations.note.write.parameters", "should match pattern"),
        ('version: "1"', "version: true", "operations.note.write.version", "valid string"),
        ('version: "1"', "version: 1.0", "operations.note.write.version", "valid string"),
        ('version: "1"', "version: 2026-01-31", "operations.note.write.version", "valid string"),
        ('version: "1"', 'version: ""', "operations.note.write.version", "at least 1 character"),
        ("    run: notes:write\n", "", "operations.note.write.run", "Field required"),
        ("    parameters: notes:Note\n", "", "operations.note.write.parameters", "Field required"),
        ('    version: "1"\n', "", "operations.note.write.version", "Field required"),
        ("    resource_types: [note, memo]\n", "", "operations.note.write.resource_types", "Field required"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path: Path, old: str, new: str, place: str, words: str) -> None:
    """The sentence says which field of which operation is wrong, and what it should be."""
    sentence = sentence_of(tmp_path, edited(old, new))
    assert f"cannot be used: {place}: " in sentence
    assert words in sentence


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Nobody corrects a file one start at a time."""
    sentence = sentence_of(tmp_path, edited("risk: high", "risk: severe").replace("notes:write", "notes"))
    assert "operations.note.write.risk: " in sentence
    assert "operations.note.write.run: " in sentence


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        ("version: 1\n", "version: 1\nversion: 1\n", "version", 2),
        ("    risk: high\n", "    risk: low\n    risk: high\n", "risk", 7),
        ("    risk: high\n", "    'risk': low\n    risk: high\n", "risk", 7),
        ("    risk: high\n", r'    "\x72isk": low' + "\n    risk: high\n", "risk", 7),
        ("  note.write:\n", "  note.write: {}\n  note.write:\n", "note.write", 4),
    ],
    ids=["top", "field", "quoted", "escaped", "operation"],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, old: str, new: str, key: str, line: int) -> None:
    """YAML would take the last one without a word, and the reader of the file may have seen the first."""
    sentence = sentence_of(tmp_path, edited(old, new))
    assert f"'{key}' stands twice" in sentence
    assert f"line {line}," in sentence


def test_an_operation_may_build_on_another(tmp_path: Path) -> None:
    """A merged key is no key twice: what is written in the operation itself wins over what it merges."""
    text = edited("  note.write:\n", "  note.write: &written\n") + "  note.erase: {<<: *written, risk: critical}\n"
    declared = load(tmp_path, text).operations
    assert declared["note.write"].risk is RiskLevel.HIGH
    assert declared["note.erase"].risk is RiskLevel.CRITICAL
    assert declared["note.erase"].resource_types == ("note", "memo")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (edited("risk: high", "risk: high: low"), "line 6, column"),
        (edited("[note, memo]", "[note, memo"), "line 5, column"),
        (edited("risk: high", "risk: *high"), "line 6, column"),
        (edited("risk: high", "risk: \x00"), "special characters are not allowed"),
        (edited("risk: high", "risk: !!python/object/apply:os.getcwd []"), "line 6, column"),
        (GOOD + "---\n" + GOOD, "expected a single document"),
        ("\tversion: 1\n", "line 1, column 1"),
    ],
    ids=["nested colon", "open list", "no such anchor", "NUL", "Python object", "two documents", "tab"],
)
def test_what_is_not_yaml_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    """The sentence says where to look. Nothing in the file can make Python objects."""
    sentence = sentence_of(tmp_path, text)
    assert "is not valid YAML" in sentence
    assert words in sentence


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("version: 2026-02-30", "day is out of range for month"),
        ("version: 2026-01-02T25:00:00Z", "hour must be in 0..23"),
        ("version: !!timestamp soon", "NoneType"),
        ("version: !!bool perhaps", "perhaps"),
        ("version: !!int one", "invalid literal"),
        ("version: !!int ''", "out of range"),
        (f"version: {'9' * 5_000}", "5000 digits"),
        ("[version]: 1", "unhashable type: 'list'"),
        ("{version: 1}: 1", "unhashable type: 'dict'"),
        (f"version: {'[' * 3_000}", "maximum recursion depth"),
    ],
    ids=["date", "hour", "timestamp", "bool", "int", "empty int", "digits", "list key", "mapping key", "deep"],
)
def test_what_yaml_itself_trips_over_names_the_file(tmp_path: Path, new: str, words: str) -> None:
    """A date that no calendar has is a mistake in the file like any other, and no traceback."""
    sentence = sentence_of(tmp_path, edited('version: "1"', new))
    assert "is not valid YAML" in sentence
    assert words in sentence


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]", "assent", "42", "null"])
def test_a_file_without_fields_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file declares nothing, and is not taken for one that allows nothing."""
    assert "cannot be used" in sentence_of(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder or another encoding: the sentence says how to name the right file."""
    (tmp_path / "latin.yaml").write_bytes("version: 1 # größer".encode("latin-1"))
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(ConfigurationError) as refused:
            AssentFile.read(path)
        assert str(refused.value).startswith(f"Cannot read {path}: ")
        assert "--config or ASSENT_CONFIG" in str(refused.value)


RULES = """\
rules:
  - name: grave
    match: {operation_type: "note.*", agent_id: [a, b]}
    when: size(operation.parameters.text) > 10
    risk: critical
    timeout: 15m
  - name: blocks
    when: |
      operation.type == "note.write"
      && agent.id == "a"
    verdict: deny
timeouts: {low: 2d, critical: 1m}
"""


def test_rules_and_times_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Globs alone or in a list, conditions in one line or in a block, and only the named levels' times change."""
    policy = load(tmp_path, GOOD + RULES).policy()
    blocks, grave = policy.rules
    assert (grave.match.operation_type, grave.match.agent_id) == (("note.*",), ("a", "b"))
    assert (grave.match.resource_type, grave.risk, grave.timeout) == (("*",), RiskLevel.CRITICAL, timedelta(minutes=15))
    assert (blocks.verdict, blocks.name) == (Verdict.DENY, "blocks")
    assert policy.timeouts == {
        RiskLevel.LOW: timedelta(days=2),
        RiskLevel.MEDIUM: timedelta(hours=12),
        RiskLevel.HIGH: timedelta(hours=4),
        RiskLevel.CRITICAL: timedelta(minutes=1),
    }
    assert load(tmp_path, GOOD).policy().rules == ()


def replaced(old: str, new: str) -> str:
    assert RULES.count(old) == 1
    return GOOD + RULES.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "place", "words", "line"),
    [
        ("name: blocks", "name: Blocks", "rules.Blocks.name", "should match pattern", 18),
        ("name: blocks", "name: grave", "rules", "more than one rule is named grave", 13),
        ("  - name: blocks\n    when", "  - when", "rules.1.name", "Field required", 18),
        ("risk: critical", "risk: severe", "rules.grave.risk", "'low', 'medium', 'high' or 'critical'", 16),
        ("verdict: deny", "verdict: no", "rules.blocks.verdict", "'ask', 'allow' or 'deny'", 22),
        ("verdict: deny", "human: sometimes", "rules.blocks.human", "'always'", 22),
        ("verdict: deny", "patterns: allow", "rules.blocks.patterns", "'allow_critical'", 22),
        ("verdict: deny", "colour: red", "rules.blocks.colour", "Extra inputs are not permitted", 22),
        ("    verdict: deny\n", "", "rules.blocks", "it has no effect", 18),
        ("verdict: deny", "max_risk: high", "rules.blocks", "it has no effect", 18),
        ("agent_id: [a, b]", "agent: a", "rules.grave.match.agent", "Extra inputs are not permitted", 14),
        ("agent_id: [a, b]", "agent_id: []", "rules.grave.match.agent_id", "at least 1 item", 14),
        ("text) > 10", "text) >", "rules.grave.when", "line 1, column 34: Syntax error", 15),
        ("text) > 10", "text) > 'a'", "rules.grave.when", "found no matching overload", 15),
        ("text) > 10", "text)", "rules.grave.when", "It gives int, not true or false", 15),
        ('agent.id == "a"', "nobody.id == 1", "rules.blocks.when", "line 2, column 10: undeclared reference", 21),
        ("when: size(operation.parameters.text) > 10", "when: 1", "rules.grave.when", "valid string", 15),
        ("timeout: 15m", "timeout: 59s", "rules.grave.timeout", "must be from 1m to 30d", 17),
        ("timeout: 15m", "required_approvals: 11", "rules.grave.required_approvals", "less than or equal to 10", 17),
        ("low: 2d", "low: 31d", "timeouts.low", "must be from 1m to 30d", 23),
        ("low: 2d", "none: 2d", "timeouts.none.[key]", "'low', 'medium', 'high' or 'critical'", 23),
        ("rules:\n", "rules: {}\nothers:\n", "rules", "valid tuple", 12),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(  # noqa: PLR0913, PLR0917  each is one fact of the case
    tmp_path: Path, old: str, new: str, place: str, words: str, line: int
) -> None:
    """By its name where it has one, and a condition by the line and column within its own text as well."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, replaced(old, new))
    (problem, *_) = refused.value.problems
    assert (problem.place, problem.line) == (place, line)
    assert words in problem.text
    assert problem.located(tmp_path / "assent.yaml").startswith(f"{tmp_path / 'assent.yaml'}:{line}: {place}: ")
    assert f"{place}: {problem.text} (line {line})" in str(refused.value)


def test_a_place_that_has_no_line_of_its_own_has_its_parents(tmp_path: Path) -> None:
    """What is missing, or comes from a merged mapping, is told with the line of what lacks it."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, edited("    run: notes:write\n", ""))
    assert [(problem.place, problem.line) for problem in refused.value.problems] == [("operations.note.write.run", 4)]


@pytest.mark.parametrize(
    ("text", "line"), [("version: [", 1), ("version: 1\nversion: 1\n", 2), ("a: 2026-02-30", None)]
)
def test_what_is_not_yaml_has_a_line_when_yaml_knows_it(tmp_path: Path, text: str, line: int | None) -> None:
    """Where the parser says where."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    (problem,) = refused.value.problems
    assert problem.line == line
    assert problem.located(Path("assent.yaml")).startswith(f"assent.yaml:{'' if line is None else f'{line}:'} ")
