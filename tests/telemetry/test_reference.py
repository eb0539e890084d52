"""The reference of metrics says what is there, and nothing that is not."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.telemetry.story import Watched

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(assent_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)

Described = dict[str, tuple[str, set[str]]]


def served(watched: Watched) -> Described:
    """Return type and labels of each metric of ours on either page."""
    found: Described = {}
    for page in watched.pages.values():
        for family in text_string_to_metric_families(page):
            if family.name.startswith("assent_"):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                _, labels = found.setdefault(name, (family.type, set()))
                labels.update(label for sample in family.samples for label in sample.labels if label != "le")
    return found


def test_every_metric_is_in_the_reference_with_its_labels(watched: Watched) -> None:
    """An alarm is written from the reference, so that a name or a label that differs is one that never rings."""
    listed = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(REFERENCE.read_text(encoding="utf-8"))
    }

    assert listed == served(watched)
