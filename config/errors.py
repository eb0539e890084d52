"""Why a process cannot start. Each message is a sentence for the person at the terminal; none is worth a traceback."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override


class StartError(Exception):
    """The process cannot start, or cannot go on. `exit_code` is what it ends with."""

    exit_code = 1


class SettingsError(StartError):
    """A setting is missing or wrong: starting again changes nothing until somebody changes the setting."""

    exit_code = 2


class PortUnavailableError(StartError):
    """A port that the process would listen on cannot be had."""


class TemporalUnreachableError(StartError):
    """Temporal does not answer at the configured address."""


class NamespaceError(StartError):
    """The namespace is not as Assent needs it, and could not be made so."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in `assent.yaml`: where, and what. `line` counts from 1; None when it has none."""

    place: str
    text: str
    line: int | None = None

    def located(self, file: Path) -> str:
        """Return it as a line of its own, in the form that editors and CI know."""
        line = "" if self.line is None else f"{self.line}:"
        place = f"{self.place}: " if self.place else ""
        return f"{file}:{line} {place}{self.text}"

    @override
    def __str__(self) -> str:
        """Return it as one part of a sentence."""
        where = "" if self.line is None else f" (line {self.line})"
        return f"{self.place}: {self.text}{where}"


class ConfigurationError(SettingsError):
    """`assent.yaml` cannot be used. The message names the file, the places and what to write."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        """Take the whole sentence, and each problem by itself."""
        super().__init__(message)
        self.problems = tuple(problems)
