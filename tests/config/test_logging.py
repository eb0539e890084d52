"""The log: one form for our lines and those of libraries, and nothing in it that acts on a terminal."""

import io
import json
import logging
from collections.abc import Iterator

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
    raise ValueError(len(word))


def test_json_lines_are_one_object_each(stream: io.StringIO) -> None:
    """Ours and a library's line have the same fields, and an exception is a field without local variables."""
    configure_logging(Settings(log_format="json"), stream=stream)
    structlog.get_logger("assent").info("decision.recorded", approval_id="a\nb")
    logging.getLogger("temporalio.worker").warning("lost %s", "poller")
    word = "hush"
    try:
        fail(word)
    except ValueError:
        logging.getLogger("temporalio.activity").exception("failed")
    ours, theirs, failed = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["level"], ours["logger"]) == ("decision.recorded", "info", "assent")
    assert ours["approval_id"] == "a\nb"
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("lost poller", "warning", "temporalio.worker")
    assert ours["timestamp"].endswith("Z")
    assert "ValueError: 4" in failed["exception"]
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
