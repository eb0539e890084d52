"""Text from outside never becomes markup, whatever it is."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from typing_extensions import override

from dashboard.pages import folds, pretty_json, visible
from domain.visible import is_hidden


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        assert {name for name, _ in attrs} <= {"class", "title"}


@given(
    st.text() | st.from_regex(r"<[a-z]+ on[a-z]+=['\"]?[a-z(]+") | st.text(alphabet="\n \t<>&'\"\u202e", max_size=60)
)
def test_only_marks_are_made(text: str) -> None:
    """The one element in it is our own mark, and nothing that hides is left."""
    shown = visible(text)
    tags = _Tags()
    tags.feed(shown)
    tags.close()

    assert isinstance(shown, Markup)
    assert tags.found <= {"mark"}
    assert not [character for character in shown if is_hidden(character)]


def test_a_flood_of_lines_is_one_mark() -> None:
    """What comes after it stands beside it."""
    assert visible("a" + "\n" * 5 + "b") == 'a\n<mark class="odd">4 empty lines</mark>\nb'
    assert visible("a\n\nb") == "a\n\nb"


@pytest.mark.parametrize(
    ("text", "much"),
    [
        ("a" * 1200, False),
        ("a" * 1201, True),
        ("a\n" * 24, False),
        ("a\n" * 25, True),
        ("a" + "\n" * 9_000 + "b", False),
    ],
)
def test_only_long_text_is_folded(text: str, much: bool) -> None:  # noqa: FBT001  one case
    """A flood of lines alone hides nothing, so it is shown at once."""
    assert folds(text) is much


def test_json_is_shown_as_it_was_written() -> None:
    """Letters stay letters, so that they can be read and marked."""
    assert pretty_json({"a": "ü\u202e"}) == '{\n  "a": "ü\u202e"\n}'
