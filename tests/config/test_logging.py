"""The log: one form for our lines and those of libraries, and nothing in it that acts on a terminal."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from config.logging import configure_logging
from config.settings import Settings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes. Afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail(word: str) -> None:
    try:
        int(word)
    except ValueError as error:
        raise LookupError(word) from error


def test_json_lines_are_one_object_each(stream: io.StringIO) -> None:
    """Ours and a library's line have the same fields, and an exception is a field without what it says."""
    configure_logging(Settings(log_format="json"), stream=stream)
    structlog.get_logger("assent").info("decision.recorded", approval_id="a\nb")
    logging.getLogger("temporalio.worker").warning("lost %s", "poller")
    word = "hush"
    try:
        fail(word)
    except LookupError:
        logging.getLogger("temporalio.activity").exception("failed")
    ours, theirs, failed = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["level"], ours["logger"]) == ("decision.recorded", "info", "assent")
    assert ours["approval_id"] == "a\nb"
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("lost poller", "warning", "temporalio.worker")
    assert ours["timestamp"].endswith("Z")
    assert "builtins.ValueError\n\nThat led to:" in failed["exception"]
    assert failed["exception"].endswith("builtins.LookupError")
    assert "in fail\n" in failed["exception"]
    assert word not in stream.getvalue()


def test_console_lines_cannot_be_forged(stream: io.StringIO) -> None:
    """An agent's words stay on their line and keep their escape sequences to themselves."""
    configure_logging(Settings(log_format="console"), stream=stream)
    structlog.get_logger("assent").info("submitted", reason="\x1b[2Jall well\n2030-01-01 [info] approved")
    logging.getLogger("library").info("one\ntwo")
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    """The level counts for ours and for libraries alike."""
    configure_logging(Settings(log_level="warning"), stream=stream)
    structlog.get_logger("assent").info("quiet")
    logging.getLogger("library").info("quiet")
    structlog.get_logger("assent").warning("loud")
    assert [line.split()[3] for line in stream.getvalue().splitlines()] == ["loud"]


def test_debug_shows_what_an_exception_says(stream: io.StringIO) -> None:
    """Whoever looks for a fault gets all of it, by asking for it."""
    configure_logging(Settings(log_format="json", log_level="debug"), stream=stream)
    word = "hush"
    try:
        fail(word)
    except LookupError:
        structlog.get_logger("assent").exception("failed")
    assert f"LookupError: {word}" in json.loads(stream.getvalue())["exception"]


def test_groups_and_tasks_are_told_without_what_they_say(stream: io.StringIO) -> None:
    """Each error of a group has its type, and a lost task is not shown with its exception."""
    configure_logging(Settings(log_format="json"), stream=stream)
    word = "hush"
    group = ExceptionGroup(word, [ValueError(word), KeyError(word)])
    logging.getLogger("library").error("several", exc_info=group)
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <ValueError(%r)>", word)
    logging.getLogger("temporalio.activity").error("Exception handling failed, original error: %s", word)
    several, task, handling = map(json.loads, stream.getvalue().splitlines())
    assert several["exception"].count("In that group:") == 2
    assert "builtins.KeyError" in several["exception"]
    assert task["event"] == "Task exception was never retrieved"
    assert handling["event"] == "Exception handling failed"
    assert word not in stream.getvalue()


def test_temporals_lines_name_the_approval(stream: io.StringIO) -> None:
    """Whether the SDK's Python part or its core says it; a workflow's id that is no approval's is left out."""
    configure_logging(Settings(log_format="json"), stream=stream)
    approval_id = "01a2142f-cab6-70cf-a117-51b778da32bb"
    about = {"workflow_id": f"approval-{approval_id}", "activity_type": "execute", "attempt": 3, "task_queue": "q"}
    logging.getLogger("temporalio.activity").warning("failed", extra={"temporal_activity": about})
    core = SimpleNamespace(
        fields={"workflow_id": f"approval-{approval_id}", "failure": "hush", "error": "hush", "run_id": "r"}
    )
    logging.getLogger("temporalio.core").warning("failing", extra={"temporal_log": core})
    other = SimpleNamespace(fields={"workflow_id": "approval-hush"})
    logging.getLogger("temporalio.core").warning("failing", extra={"temporal_log": other})
    away = SimpleNamespace(fields={"error": "no connection"})
    logging.getLogger("temporalio.core").warning("gRPC call poll retried 6 times", extra={"temporal_log": away})
    of_activity, of_core, of_other, of_call = map(json.loads, stream.getvalue().splitlines())
    assert (of_activity["approval_id"], of_activity["activity"], of_activity["attempt"]) == (approval_id, "execute", 3)
    assert (of_core["approval_id"], of_core["run_id"]) == (approval_id, "r")
    assert "approval_id" not in of_other
    assert of_call["error"] == "no connection"
    assert "hush" not in stream.getvalue()


def test_a_request_is_logged_without_its_query(stream: io.StringIO) -> None:
    """What somebody searches for is nobody else's."""
    configure_logging(Settings(log_level="debug", log_format="json"), stream=stream)
    line = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger("uvicorn.access").info(line, "127.0.0.1:5", "GET", "/v1/approvals?q=hush", "1.1", 200)
    assert json.loads(stream.getvalue())["event"] == '127.0.0.1:5 - "GET /v1/approvals HTTP/1.1" 200'
