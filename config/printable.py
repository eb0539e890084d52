"""Text from elsewhere, made safe to show on a terminal.

A line of a log may hold an agent's words. Escape sequences in them could repaint what a person reads, a line's end
could forge a line, and marks that turn the reading direction could hide one word behind another.
"""

_CONTROLS = (*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0))
_SEPARATORS_AND_DIRECTIONS = (*range(0x2028, 0x202F), *range(0x2066, 0x206A))
_WRITTEN_OUT = {code: f"\\x{code:02x}" for code in _CONTROLS} | {
    code: f"\\u{code:04x}" for code in _SEPARATORS_AND_DIRECTIONS
}


def printable(text: str) -> str:
    """Return `text` as one harmless line: its control characters, other than tabs, are written out."""
    return text.translate(_WRITTEN_OUT)
