"""The run books ring for what is there, and leave no number out that can go wrong."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOKS = (DOCS / "runbooks.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")

LISTED = {
    name: set(re.findall(r"`(\w+)`", labels))
    for name, labels in re.findall(r"^\| `(assent_\w+)` \| \w+ \| ([^|]*)\|", REFERENCE, re.MULTILINE)
}
NEVER_WRONG = {"assent_audit_events_total", "assent_build_info", "assent_submissions_total", "assent_alerts_total"}
"""They count what happens, and say which release runs: none of their values asks for anybody."""

ALARMS = re.findall(r"^\| `(.+?)`[^|]*\| \[.*\]\(#([\w-]+)\) \|$", RUNBOOKS, re.MULTILINE)


def named(text: str) -> set[str]:
    """Return the metrics of ours that a text names, each as the reference does."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"assent_\w+", text)}


def test_every_metric_that_can_go_wrong_has_a_run_book() -> None:
    """One that nobody is told of is found by whoever suffers from it."""
    assert len(LISTED) > 10
    assert set(LISTED) - NEVER_WRONG - named(RUNBOOKS) == set()


def test_no_alarm_waits_for_what_does_not_exist() -> None:
    """A name or a label that differs from what is served is an alarm that never rings."""
    assert len(ALARMS) > 10
    assert named(RUNBOOKS) - set(LISTED) == set()
    for expression, _ in ALARMS:
        for name, labels in re.findall(r"(assent_\w+)\{([^}]*)\}", expression):
            (metric,) = named(name)
            assert set(re.findall(r"(\w+)!?=", labels)) <= LISTED[metric], expression


@pytest.mark.parametrize(("expression", "anchor"), ALARMS)
def test_every_alarm_leads_to_a_section_that_says_what_to_do(expression: str, anchor: str) -> None:
    """What it means, where to look, and what to do."""
    sections = {
        title.lower().replace(" ", "-"): body
        for title, body in re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL)
    }
    assert all(part in sections[anchor] for part in ("**Means.**", "**Look.**", "**Do.**")), expression
