"""docs/performance.md: each part of the benchmark writes its own section, and leaves the others as they were."""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from typing_extensions import override

from bench.machine import describe_machine
from tests.support.processes import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
"""The text around what is measured; a line `{{ engine }}` is where the part of that name goes."""

_PLACE = re.compile(r"^\{\{ (\w+) \}\}$", re.MULTILINE)


def write_section(part: str, lines: Sequence[str], document: Path = DOCUMENT) -> None:
    """Put what a part has measured in its place, with the day and the machine. Raises KeyError for an unknown part."""
    written = document.read_text(encoding="utf-8") if document.exists() else ""
    template = TEMPLATE.read_text(encoding="utf-8")
    sections = {name: _section(name, written) for name in _PLACE.findall(template)}
    if part not in sections:
        message = f"{TEMPLATE.name} has no place for the part {part}."
        raise KeyError(message)
    sections[part] = "\n".join([f"Measured on {datetime.now(UTC):%Y-%m-%d}, {describe_machine()}.", "", *lines])
    text = _PLACE.sub(lambda place: _marked(place[1], sections[place[1]]), template)
    document.write_text(text, encoding="utf-8")


@contextmanager
def print_into(part: str) -> Iterator[None]:
    """Make a section of what is printed until the block is left, which is printed all the same."""
    printed = _Copied(sys.stdout)
    with redirect_stdout(printed):
        yield
    write_section(part, ["```text", printed.getvalue().strip(), "```"])


class _Copied(io.StringIO):
    """Keeps what is written, and writes it on."""

    def __init__(self, on: TextIO) -> None:
        super().__init__()
        self._on = on

    @override
    def write(self, text: str) -> int:
        self._on.write(text)
        self._on.flush()
        return super().write(text)


def _section(part: str, written: str) -> str:
    begin, end = _marks(part)
    found = re.search(f"{re.escape(begin)}\n\n(.*?)\n\n{re.escape(end)}", written, re.DOTALL)
    return found[1] if found else f"Not measured yet: `make bench ARGS={part}` does."


def _marked(part: str, section: str) -> str:
    begin, end = _marks(part)
    return f"{begin}\n\n{section}\n\n{end}"


def _marks(part: str) -> tuple[str, str]:
    return f"<!-- {part}: written by make bench -->", f"<!-- {part}: end -->"
