"""Globs: `*` stands for any run of characters, also none; everything else stands for itself, in its own case."""

from collections.abc import Sequence

ANYTHING = "*"


def glob_matches(glob: str, text: str) -> bool:
    """Whether `glob` describes the whole of `text`. Takes time in proportion to the two, whatever they hold."""
    if ANYTHING not in glob:
        return text == glob
    first, *rest = glob.split(ANYTHING)
    *middle, last = rest
    end = len(text) - len(last)
    if end < len(first) or not (text.startswith(first) and text.endswith(last)):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def any_glob_matches(globs: Sequence[str], text: str) -> bool:
    """Whether one of `globs` describes `text`."""
    for glob in globs:  # noqa: SIM110  this is asked for every rule, and a generator costs as much as the answer
        if glob == ANYTHING or glob_matches(glob, text):
            return True
    return False


def is_literal(glob: str) -> bool:
    """Whether `glob` describes one text only."""
    return ANYTHING not in glob
