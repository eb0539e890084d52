"""The logs of an API and a worker: each line an object, with approval ids, and without what anybody wrote."""

import json
from typing import Any

import pytest

from tests.telemetry.story import WORD, Watched

PROCESSES = ("api", "worker")
# What the operations of the story raise.
MESSAGES = ("the target system said no", "not yet")


def lines_of(watched: Watched, process: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in watched.logs[process].splitlines()]


@pytest.mark.parametrize("process", PROCESSES)
def test_no_line_holds_what_anybody_wrote(watched: Watched, process: str) -> None:
    """Parameters, reasons, contexts, comments, notes, resources, paths, searches, signals and errors stay out."""
    told = watched.logs[process]

    assert told
    assert [word for word in (WORD, *MESSAGES) if word in told] == []


def test_each_event_is_a_line_with_its_approval(watched: Watched) -> None:
    """One approval's way can be followed by its id, over both processes."""
    executed, refused = watched.approvals["executed"]["id"], watched.approvals["waiting"]["id"]
    worker = [line for line in lines_of(watched, "worker") if line.get("approval_id") == executed]
    api = [line for line in lines_of(watched, "api") if line.get("approval_id") == refused]

    assert [line["event"] for line in worker] == [
        "approval.requested",
        "decision.recorded",
        "approval.approved",
        "execution.started",
        "approval.executed",
    ]
    assert {line["digest"] for line in worker} == {watched.approvals["executed"]["digest"]}
    assert [line["actor"] for line in worker[:2]] == ["agent:agent", "reviewer:ada"]
    assert [(line["event"], line["refusal"]) for line in api] == [("decision.refused", "wrong_digest")]


def test_a_failed_try_is_told_by_its_type_and_approval(watched: Watched) -> None:
    """What Temporal's SDK logs of an operation names the approval and where it failed."""
    failed = [line for line in lines_of(watched, "worker") if line["logger"] == "temporalio.activity"]

    assert [(line["approval_id"], line["activity"], line["attempt"]) for line in failed] == [
        (watched.approvals["flaky"]["id"], "execute", 1)
    ]
    assert "tests/support/runs.py" in failed[0]["exception"]
    assert "builtins.ConnectionError" in failed[0]["exception"]
