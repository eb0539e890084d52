"""Text from outside, taken apart so that a reader sees what is in it: what hides, what turns around, what pretends.

Unicode Technical Report 36 and CVE-2021-42574 («Trojan Source») say why: invisible and direction-changing characters
let a text show one thing and be another.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from domain.frozen import Frozen


class Oddity(StrEnum):
    """Why a piece of text is marked."""

    HIDDEN = "hidden"
    """A character that shows nothing or changes what others show."""

    LOOKALIKE = "lookalike"
    """A letter of another script inside a word that is otherwise Latin."""


class Span(Frozen):
    """A piece of a text. An odd one has the `oddity`; `shown` is what stands for it, in characters that show."""

    shown: str
    oddity: Oddity | None = None
    name: str = ""


# Letters and digits that show nothing although Unicode does not call them controls.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
_PLAIN_CONTROLS = frozenset("\n\t")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"[^\W\d_]{2,}")
_LATIN = "LATIN"
_PRETENDING = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "FULLWIDTH", "MATHEMATICAL")


def spans(text: str) -> list[Span]:
    """Return all of `text` in pieces, the odd ones marked. Line breaks and tabs are plain."""
    if text.isascii() and text.isprintable():
        return [Span(shown=text)] if text else []
    lookalikes = _lookalikes(text)
    found: list[Span] = []
    plain: list[str] = []
    for index, character in enumerate(text):
        if is_hidden(character):
            odd = Span(shown=f"U+{ord(character):04X}", oddity=Oddity.HIDDEN, name=_name(character))
        elif index in lookalikes:
            odd = Span(shown=character, oddity=Oddity.LOOKALIKE, name=_name(character))
        else:
            plain.append(character)
            continue
        found += _joined(plain)
        plain.clear()
        found.append(odd)
    return found + list(_joined(plain))


def one_line(text: str, limit: int) -> str:
    """Return `text` for a title: on one line, what hides written out, cut after `limit` characters with an ellipsis."""
    shown = "".join(span.shown if span.oddity is not Oddity.HIDDEN else f"[{span.shown}]" for span in spans(text))
    flat = " ".join(shown.split())
    return flat if len(flat) <= limit else f"{flat[:limit]}…"


def is_hidden(character: str) -> bool:
    """Whether a character shows nothing by itself, or changes the direction or the form of others."""
    if character in _PLAIN_CONTROLS:
        return False
    if character in _BLANK or unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return True
    # Variation selectors, and spaces that are not the space bar's.
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF or _is_odd_space(character)  # noqa: PLR2004  Unicode's own numbers


def _is_odd_space(character: str) -> bool:
    return unicodedata.category(character) == "Zs" and character != " "


def _joined(plain: list[str]) -> Iterator[Span]:
    if plain:
        yield Span(shown="".join(plain))


def _name(character: str) -> str:
    return unicodedata.name(character, f"CONTROL {ord(character):04X}").lower()


def _lookalikes(text: str) -> frozenset[int]:
    """Return where letters of another script stand in words that have Latin letters as well."""
    found: set[int] = set()
    for word in _WORD.finditer(text):
        if word.group().isascii():
            continue
        scripts = {index: unicodedata.name(character, "") for index, character in enumerate(word.group(), word.start())}
        if any(name.startswith(_LATIN) for name in scripts.values()):
            found |= {index for index, name in scripts.items() if name.startswith(_PRETENDING)}
    return frozenset(found)
