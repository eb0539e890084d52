"""Finding approvals by words: the one place where that becomes SQL.

What is searched is kept in small letters as far as ASCII goes; `storage/text_reads.py` says which table has it.
"""

import string
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from storage.tables import filed_texts

_GRAM = 3
_MANY_GRAMS = 500
"""A word shorter than a trigram that so many begin with says too little to look for."""

_NO_GRAM = "\N{REPLACEMENT CHARACTER}" * _GRAM

_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

# As the migration wrote them: an index is used for the very expression that it was made of.
_INDEXED_ON_POSTGRESQL: ColumnElement[Any] = literal_column(
    "assent_trigrams(text || ' ' || status || ' ' || risk_level)"
)
_INDEXED_ON_SQLITE = table("filed_trigrams", column("rowid"), column("filed_trigrams"))
_GRAMS_ON_SQLITE = table("filed_trigram_words", column("term", Text))


def words_of(q: str | None) -> list[str]:
    """Return the words that must all occur, each once."""
    return sorted(set((q or "").split()))


def occurs(connection: Connection, word: str, text: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that `word` occurs in a searched text, in capitals or not."""
    # Neither reads a pattern: what is looked for stands for itself.
    position = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return or_(*(position(text, literal(form, Text)) > 0 for form in _forms(word)))


def indexed(connection: Connection, words: Iterable[str]) -> ColumnElement[bool] | None:
    """Return the condition that an index on `filed_texts` answers, or None when these words say too little for it.

    What it finds has the trigrams of the words, and nearly always the words: they must be looked at as well. Words are
    those of a search, or what a list is narrowed by: agent, types, status and risk level are in the index, too.
    """
    if connection.dialect.name == "sqlite":
        wanted = _sqlite_match(connection, words)
        if wanted is None:
            return None
        match = _INDEXED_ON_SQLITE.c.filed_trigrams.op("MATCH")(literal(wanted, Text))
        return filed_texts.c.number.in_(select(_INDEXED_ON_SQLITE.c.rowid).where(match))
    wanted = _tsquery(words)
    return None if wanted is None else _INDEXED_ON_POSTGRESQL.op("@@")(cast(literal(wanted, Text), TSQUERY))


def is_short(word: str) -> bool:
    """Whether `word` has no trigram: the index then looks for all that begin with it, which helps when they are few."""
    return min(map(len, _forms(word))) < _GRAM


def _sqlite_match(connection: Connection, words: Iterable[str]) -> str | None:
    groups = []
    for word in words:
        if not is_short(word):
            groups.append(_group(" OR ", (_group(" AND ", map(_fts5, _grams(form))) for form in _forms(word))))
            continue
        begun = [gram for form in _forms(word) for gram in _beginning_with(connection, form[:_GRAM])]
        if len(begun) < _MANY_GRAMS:
            # Where nothing begins with it, a gram that no text has finds as much.
            groups.append(_group(" OR ", map(_fts5, begun or [_NO_GRAM])))
    return " AND ".join(groups) or None


def _tsquery(words: Iterable[str]) -> str | None:
    return (
        " & ".join(
            _group(
                " | ",
                (
                    f"{_lexeme(form[:_GRAM])}:*" if is_short(word) else _group(" & ", map(_lexeme, _grams(form)))
                    for form in _forms(word)
                ),
            )
            for word in words
        )
        or None
    )


def _group(sign: str, parts: Iterable[str]) -> str:
    return f"({sign.join(parts)})"


def _grams(text: str) -> list[str]:
    """Return every second trigram of `text`: all would find hardly less, and cost twice as much."""
    last = len(text) - _GRAM
    return list(dict.fromkeys(text[at : at + _GRAM] for at in (*range(0, last, 2), last)))


def _beginning_with(connection: Connection, form: str) -> list[str]:
    term = _GRAMS_ON_SQLITE.c.term
    begins = select(term).where(term >= form, term < form + chr(0x10FFFF)).limit(_MANY_GRAMS)
    return list(connection.execute(begins).scalars())


def _fts5(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _lexeme(gram: str) -> str:
    return "'" + gram.replace("\\", "\\\\").replace("'", "''") + "'"


def _forms(word: str) -> list[str]:
    """Return how `word` may be written: capitals beyond ASCII are stored as they came."""
    written = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return sorted({form.translate(_SMALL) for form in written})
