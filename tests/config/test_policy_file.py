"""The policy in force follows its file; a file that cannot be used changes nothing."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from assent.models import Operation, RiskLevel
from config.assent_file import AssentFile
from config.policy_file import SETTLED_SECONDS, PolicyFile
from domain.policy import Policy
from tests.support.eventually import wait_until

OPERATIONS = """\
version: 1
operations:
  note.write: {resource_types: [note], run: notes:write, parameters: notes:Note, version: "1"}
"""
HIGH = OPERATIONS + "rules: [{name: notes, risk: high}]\n"
CRITICAL = OPERATIONS + "rules: [{name: notes, risk: critical}]\n"


@pytest.fixture
def log() -> Iterator[LogCapture]:
    """What is logged, for one test."""
    captured = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[captured], cache_logger_on_first_use=False)
    try:
        yield captured
    finally:
        structlog.configure(**before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of one rule."""
    file = tmp_path / "assent.yaml"
    file.write_text(HIGH)
    return file


def follow(path: Path) -> PolicyFile:
    """Return what follows a file, as it is at the start."""
    read = AssentFile.read(path)
    return PolicyFile(path, read, read.operations)


def level(policy: Policy) -> RiskLevel:
    """Return the risk of writing a note."""
    seen = policy.circumstances(
        Operation(type="note.write", resource_type="note"),
        agent_id="a",
        agent_owner=None,
        context={},
        now=datetime.now(UTC),
    )
    return policy.assess(seen).level


def settled(path: Path, text: str, *, age: float = 10.0) -> None:
    """Write a file as if that were some seconds ago."""
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))


def test_a_saved_change_is_in_force_with_the_next_request(path: Path, log: LogCapture) -> None:
    """Without a restart; the log tells both versions."""
    policy = follow(path)
    before = policy.current()
    assert level(before) is RiskLevel.HIGH
    settled(path, CRITICAL)
    assert level(policy.current()) is RiskLevel.CRITICAL
    (changed,) = [entry for entry in log.entries if entry["event"] == "policy.changed"]
    assert (changed["before"], changed["version"]) == (before.version, policy.current().version)


def test_a_file_that_is_being_written_is_waited_for(path: Path) -> None:
    """Half of the rules look whole. A file counts once it has been left alone for a moment."""
    policy = follow(path)
    policy.current()
    settled(path, CRITICAL, age=0)
    assert level(policy.current()) is RiskLevel.HIGH
    wait_until("the change counts", lambda: level(policy.current()) is RiskLevel.CRITICAL, within=5)


def test_a_file_from_the_future_counts_once_it_stays(path: Path) -> None:
    """A clock that was wrong when it was saved does not keep a change out."""
    policy = follow(path)
    settled(path, CRITICAL, age=-3600)
    assert level(policy.current()) is RiskLevel.HIGH
    wait_until("the change counts", lambda: level(policy.current()) is RiskLevel.CRITICAL, within=5)


@pytest.mark.parametrize(
    "wrong",
    [
        CRITICAL + "colour: red\n",
        OPERATIONS + "rules: [{name: notes, when: 1 +, risk: low}]\n",
        "version: [",
        "",
        OPERATIONS.replace("notes:write", "notes") + "rules: []\n",
    ],
    ids=["unknown field", "condition", "no YAML", "empty", "operations"],
)
def test_a_wrong_file_is_refused_whole_and_the_last_one_stays(path: Path, log: LogCapture, wrong: str) -> None:
    """The log and the view say why; the next good file is in force again."""
    policy = follow(path)
    before = policy.current()
    settled(path, wrong)
    assert policy.current() is policy.current()
    assert policy.current().version == before.version
    assert policy.problem is not None
    assert str(path) in policy.problem
    refused = [entry for entry in log.entries if entry["event"] == "policy.refused"]
    assert len(refused) == 1
    assert refused[0]["problem"] == policy.problem
    settled(path, CRITICAL)
    assert level(policy.current()) is RiskLevel.CRITICAL
    assert policy.problem is None


def test_a_file_that_is_gone_leaves_the_policy_in_force(path: Path) -> None:
    """Losing the file is no way to lose the rules."""
    policy = follow(path)
    policy.current()
    path.unlink()
    wait_until("it is noticed", lambda: policy.current() and policy.problem is not None, within=5)
    assert level(policy.current()) is RiskLevel.HIGH
    assert "Cannot read" in str(policy.problem)


def test_a_change_of_operations_waits_for_a_restart(path: Path, log: LogCapture) -> None:
    """The rules count, and the log says that the operations do not yet."""
    policy = follow(path)
    policy.current()
    settled(path, CRITICAL.replace("note.write:", "note.erase:"))
    assert level(policy.current()) is RiskLevel.CRITICAL
    assert list(policy.current().declarations) == ["note.write"]
    assert [entry["event"] for entry in log.entries].count("policy.operations_changed") == 1


def test_a_change_of_notify_waits_for_a_restart(path: Path, log: LogCapture) -> None:
    """Alerts go on as this process began, and the log says so, without the URL."""
    path.write_text(HIGH + "notify: {url: 'https://hooks.example.com/x-4711'}\n")
    policy = follow(path)
    policy.current()
    settled(path, HIGH)
    policy.current()
    assert policy.notify is not None
    assert [entry["event"] for entry in log.entries] == ["policy.notify_changed"]
    assert "4711" not in repr(log.entries)


def test_a_file_that_was_only_touched_changes_nothing(path: Path, log: LogCapture) -> None:
    """The version is that of the content."""
    policy = follow(path)
    version = policy.current().version
    settled(path, f"# a comment\n{HIGH}")
    assert policy.current().version == version
    assert log.entries == []


def test_many_threads_see_the_whole_old_or_the_whole_new_policy(path: Path) -> None:
    """While the file changes under them."""
    policy = follow(path)
    seen: set[RiskLevel] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(level(policy.current()))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    settled(path, CRITICAL, age=SETTLED_SECONDS * 2)
    wait_until("all see it", lambda: level(policy.current()) is RiskLevel.CRITICAL)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {RiskLevel.HIGH, RiskLevel.CRITICAL}
