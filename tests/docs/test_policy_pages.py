"""What the pages say of rules and trusted patterns can be used as it stands there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assent.policy_models import NewTrustedPattern
from config.assent_file import AssentFile
from config.policy_warnings import warnings_of
from domain.conditions import Condition
from domain.rules import Rule

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
PATTERNS = (ROOT / "docs" / "trusted-patterns.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHIPPED = ROOT / "assent.yaml"

BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BODY = re.compile(r"(?<=-d ')\{\"agent_id\".*\}(?='$)", re.MULTILINE)
ROW = re.compile(r"^\| (`.*?`) \|", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")


def written_rules(page: str) -> Iterator[dict[str, Any]]:
    """Yield each rule that a page shows."""
    for text in BLOCK.findall(page):
        shown = yaml.safe_load(text)
        yield from shown if isinstance(shown, list) else shown.get("rules", [])


def section(page: str, heading: str) -> str:
    """Return what stands between a heading and the next one."""
    return page.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_rule_that_is_shown_is_one(tmp_path: Path) -> None:
    """It can be pasted into the shipped file, and is nothing that `assent policy check` warns of."""
    shown = list(written_rules(POLICY))
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | {"rules": shown}
    file = tmp_path / "assent.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")

    assert len(shown) > 5
    assert warnings_of(AssentFile.read(file).policy()) == []


@pytest.mark.parametrize("page", [POLICY, README], ids=["policy", "README"])
def test_a_rule_that_the_shipped_file_has_is_shown_as_it_is(page: str) -> None:
    """Whoever looks it up finds the same words."""
    shipped = {rule.name: rule for rule in AssentFile.read(SHIPPED).rules}
    shown = [Rule.model_validate(rule) for rule in written_rules(page)]

    assert [rule for rule in shown if rule.name in shipped and rule != shipped[rule.name]] == []
    assert any(rule.name in shipped for rule in shown)


def test_every_field_of_a_rule_is_explained() -> None:
    """A field that is not in the table does not exist."""
    rows = ROW.findall(section(POLICY, "The fields of a rule"))

    assert [name for row in rows for name in NAME.findall(row)] == list(Rule.model_fields)


def test_every_field_of_a_pattern_is_explained() -> None:
    """A field that is not in the table does not exist."""
    rows = ROW.findall(section(PATTERNS, "The fields"))

    assert [name for row in rows for name in NAME.findall(row)] == list(NewTrustedPattern.model_fields)


def test_every_condition_in_the_table_compiles() -> None:
    """What is said to be true when is a condition."""
    table = POLICY.partition("| Condition | Is true when |\n")[2].partition("\n\n")[0]
    conditions = [row.strip("`") for row in ROW.findall(table)]

    assert len(conditions) > 5
    assert [Condition(condition).text for condition in conditions] == conditions


@pytest.mark.parametrize("page", [PATTERNS, README], ids=["trusted-patterns", "README"])
def test_every_pattern_that_is_sent_is_one(page: str) -> None:
    """It has the right shape, and its condition compiles."""
    sent = [NewTrustedPattern.model_validate(json.loads(body)) for body in BODY.findall(page)]

    assert len(sent) > 1
    assert [Condition(each.condition).text for each in sent if each.condition is not None] != []
