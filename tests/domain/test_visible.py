"""Text from outside shows all that is in it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.visible import Oddity, is_hidden, one_line, spans

# What attacks of this kind are made of (CVE-2021-42574 and others).
HIDDEN = {
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "left-to-right mark": "\u200e",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "escape": "\x1b",
    "backspace": "\x08",
    "carriage return": "\r",
    "tag letter": "\U000e0041",
    "variation selector": "\ufe0f",
    "second variation selector": "\U000e0100",
    "line separator": "\u2028",
    "no-break space": "\u00a0",
    "blank hangul letter": "\u3164",
    "blank braille": "\u2800",
    "private use": "\ue000",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_what_hides_is_named(character: str) -> None:
    """Its code point stands where it was, with its name."""
    before, odd, after = spans(f"a{character}b")

    assert (before.shown, after.shown) == ("a", "b")
    assert (odd.shown, odd.oddity) == (f"U+{ord(character):04X}", Oddity.HIDDEN)
    assert odd.name


@pytest.mark.parametrize("text", ["Delete user 42?", "línea, Straße, 北京, Привет, שלום, 😀", "one\n\ttwo", ""])
def test_what_shows_by_itself_is_left_alone(text: str) -> None:
    """Other scripts, accents, emoji and line breaks are what they look like."""
    assert "".join(span.shown for span in spans(text)) == text
    assert all(span.oddity is None for span in spans(text))


@pytest.mark.parametrize(
    ("word", "letter"),
    [("p\u0430ypal", "\u0430"), ("g\u03bfogle", "\u03bf"), ("\u0430dmin", "\u0430"), ("\uff30ay", "\uff30")],
)
def test_a_letter_that_pretends_is_marked(word: str, letter: str) -> None:
    """A Cyrillic, Greek or full-width letter in a Latin word looks like another one."""
    assert [span.shown for span in spans(word) if span.oddity is Oddity.LOOKALIKE] == [letter]


def test_a_word_of_one_script_pretends_nothing() -> None:
    """Russian beside English is two languages, not an attack."""
    assert all(span.oddity is None for span in spans("привет means hello, Ω is ohm"))


@given(st.text())
def test_nothing_is_lost_or_added(text: str) -> None:
    """Each character is shown, by itself or by its code point."""
    rebuilt = "".join(
        chr(int(span.shown.removeprefix("U+"), 16)) if span.oddity is Oddity.HIDDEN else span.shown
        for span in spans(text)
    )

    assert rebuilt == text


@given(st.text())
def test_no_piece_hides_anything(text: str) -> None:
    """What is shown never has a character that changes the direction or the form of its neighbours."""
    shown = "".join(span.shown for span in spans(text))

    assert not [character for character in shown if is_hidden(character)]
    assert not [
        character for character in shown if unicodedata.bidirectional(character) in {"RLO", "LRO", "RLE", "LRE"}
    ]


def test_a_title_stays_on_its_line() -> None:
    """Line breaks become spaces, what hides is written out, and what is long is cut with a sign of it."""
    assert one_line("a\n\n b\u202e", 20) == "a b[U+202E]"
    assert one_line("x" * 30, 10) == "xxxxxxxxxx…"
