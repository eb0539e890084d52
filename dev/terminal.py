"""What `assent dev` writes: its own sentences, and the lines of its children after their names."""

from typing import TextIO

from config.printable import printable


class Terminal:
    """Where the person is. A terminal that is gone takes nothing more, and stops nothing."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out

    def say(self, text: str) -> None:
        """Write `text`, which may have several lines."""
        self._write(text)

    def pass_on(self, name: str, line: str) -> None:
        """Write one line that the child `name` printed."""
        self._write(f"{name} | {printable(line)}")

    def _write(self, text: str) -> None:
        try:
            self._out.write(f"{text}\n")
            self._out.flush()
        except OSError:
            return
