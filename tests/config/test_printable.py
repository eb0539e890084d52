"""Words of others cannot act on a terminal."""

import pytest

from config.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \N{LATIN SMALL LETTER U WITH DIAERESIS} \N{GRINNING FACE}\t.", None),
        ("\x1b[2Jgone\x9b0m", r"\x1b[2Jgone\x9b0m"),
        ("one\ntwo\r\x85three\u2028four", r"one\x0atwo\x0d\x85three\u2028four"),
        ("\u202edrawkcab\u2069", r"\u202edrawkcab\u2069"),
        ("\x00\x07\x7f", r"\x00\x07\x7f"),
    ],
)
def test_controls_are_written_out(text: str, shown: str | None) -> None:
    """Escapes, line ends and direction marks become visible; letters of any script and tabs stay."""
    assert printable(text) == (text if shown is None else shown)
