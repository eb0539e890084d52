"""Globs: `*` is any run of characters; everything else stands for itself."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.globs import any_glob_matches, glob_matches, is_literal

# Few letters, so that they often meet; also what other globs and expressions treat as special, and a line's end.
globs = st.text("*ab", max_size=8) | st.text("*ab?[]\\.\n", max_size=8)
matched = st.text("ab", max_size=8) | st.text("*ab?[]\\.\n", max_size=12)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("*", ""),
        ("*", "data.export"),
        ("**", ""),
        ("data.*", "data."),
        ("data.*", "data.export.all"),
        ("*.export", "data.export"),
        ("*a*", "a"),
        ("d*t", "data.export"),
        ("d*a*t", "data.export"),
        ("a*a", "aa"),
        ("data.export", "data.export"),
        ("data.?xport", "data.?xport"),
        ("[a-z]*", "[a-z]b"),
        ("*", "two\nlines"),
    ],
)
def test_a_star_stands_for_any_run_of_characters(glob: str, text: str) -> None:
    """Also for none, for dots and for line ends."""
    assert glob_matches(glob, text)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("", "a"),
        ("data.*", "data"),
        ("data.*", "Data.export"),
        ("DATA.EXPORT", "data.export"),
        ("data.?xport", "data.export"),
        ("[a-z]*", "data.export"),
        ("{data,user}.*", "data.export"),
        ("data", "data.export"),
        ("export", "data.export"),
        ("data.export", "data.export "),
        ("a*a", "a"),
        ("ab*ba", "aba"),
        ("*a*b*", "ba"),
        ("*a*a", "a"),
        ("*aa*a*", "aa"),
        ("*ab*ba*", "aba"),
        ("straße*", "STRASSE"),
    ],
)
def test_nothing_else_is_special(glob: str, text: str) -> None:
    """A letter has its case, `?`, `[` and `{` stand for themselves, and the whole text counts."""
    assert not glob_matches(glob, text)


@given(globs, matched)
def test_a_glob_is_the_expression_with_its_stars_written_out(glob: str, text: str) -> None:
    """The same as a regular expression in which only `*` means something."""
    expression = ".*".join(map(re.escape, glob.split("*")))
    assert glob_matches(glob, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


@given(st.lists(globs, max_size=3), matched)
def test_one_of_several_is_enough(several: list[str], text: str) -> None:
    """No globs describe nothing."""
    assert any_glob_matches(several, text) is any(glob_matches(glob, text) for glob in several)


@given(globs)
def test_a_glob_without_a_star_describes_one_text(glob: str) -> None:
    """Itself."""
    assert glob_matches(glob, glob)
    assert is_literal(glob) is ("*" not in glob)


def test_no_glob_takes_long() -> None:
    """Where the stars stand for what is never tried again: one that did would not end before the test's time does."""
    text = "a" * 100_000
    assert not glob_matches("*a" * 60 + "*b", text)
    assert not glob_matches("a*" * 60 + "b", text)
    assert not glob_matches("*a" * 30 + "*b*" + "a*" * 30, text)
    assert glob_matches("*a" * 60 + "*", text)
