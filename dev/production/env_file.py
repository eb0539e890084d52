"""The file `.env` of docker-compose.yml: `.env.example`, with a secret made for each that is empty.

`python3 dev/production/env_file.py` writes `.env` beside the example, for its owner only. It imports nothing of ours,
so a machine needs no set-up for it.
"""

import os
import re
import secrets
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"

_LINE = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
_SECRET_ENDINGS = ("_PASSWORD", "_KEY", "_KEYS")


def filled_in(example: str) -> str:
    """Return `example` with a new secret on the line of each that has none."""
    return _LINE.sub(lambda line: line[0] + (_made(line[1]) if line[2] == "" else ""), example)


def variables(text: str) -> dict[str, str]:
    """Return what a file of this form sets."""
    return dict(_LINE.findall(text))


def keep(path: Path) -> str:
    """Return the text of the file at `path`, which is made when it is missing, for its owner only."""
    if not path.exists():
        text = filled_in(EXAMPLE.read_text(encoding="utf-8"))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    return path.read_text(encoding="utf-8")


def _made(name: str) -> str:
    if not name.endswith(_SECRET_ENDINGS):
        return ""
    secret = secrets.token_urlsafe(32)
    return f"k1:{secret}" if name == "ASSENT_SIGNING_KEYS" else secret


def main() -> int:
    """Write `.env`, unless it is there; return the exit code."""
    path = EXAMPLE.with_name(".env")
    if path.exists():
        sys.stderr.write(f"{path} is there already, and stays as it is: compare it with {EXAMPLE.name}.\n")
        return 1
    keep(path)
    sys.stdout.write(f"{path} has new secrets, readable by you alone. Keep a copy where you keep secrets.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
