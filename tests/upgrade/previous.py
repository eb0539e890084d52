"""The release before this one, kept whole enough to serve: `python -m tests.upgrade.previous COMMIT` keeps another.

An upgrade is only tested by what really ran before. A checkout may be shallow, so the files are kept here, compressed.
"""

import io
import lzma
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT, Program, Programs

ARCHIVE = Path(__file__).with_name("previous.tar.xz")

_VENDOR = "dashboard/static/vendor"

_NOT_SERVED = {"bench", "docs", "examples", "tests"}
_FOR_TESTS = ("tests/__init__.py", "tests/support/__init__.py", "tests/support/runs.py", "tests/support/assent.yaml")


@dataclass(frozen=True)
class Release:
    """One release's code in a folder, run as processes by this environment's packages."""

    name: str
    folder: Path

    @property
    def config(self) -> Path:
        """The operations and rules that this release's tests use."""
        return self.folder / "tests/support/assent.yaml"

    def start(self, programs: Programs, program: str, words: Sequence[str], settings: Mapping[str, str]) -> Program:
        """Start `worker.py` or `cli.py` of this release."""
        command = [sys.executable, str(self.folder / program), *words]
        return programs.start(f"{self.name}-{Path(program).stem}", command, {**settings, **self.search_path})

    @property
    def search_path(self) -> dict[str, str]:
        """What makes a process import this release: Python puts a program's own folder first, and then these."""
        return {"PYTHONPATH": f"{self.folder}:{self.folder / 'sdk'}"}


CURRENT = Release("new", ROOT)


def unpack(folder: Path) -> Release:
    """Unpack the previous release into `folder`; what set-up brings for its pages is that of this one."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    shutil.copytree(ROOT / _VENDOR, folder / _VENDOR)
    return Release("old", folder)


def keep(commit: str) -> str:
    """Put what `commit` serves with, and the operations that tests ask for, into the archive; return its full name."""
    listed = [line.split(maxsplit=3) for line in _git("ls-tree", commit).decode().splitlines()]
    folders = [name for _, kind, _, name in listed if kind == "tree" and name[0] != "." and name not in _NOT_SERVED]
    programs = [name for _, _, _, name in listed if name.endswith(".py")]
    archived = _git("archive", "--format=tar", commit, *folders, *programs, *_FOR_TESTS)
    ARCHIVE.write_bytes(lzma.compress(archived, preset=9 | lzma.PRESET_EXTREME))
    with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
        # git writes there which commit it is.
        return archive.pax_headers["comment"]


def _git(*words: str) -> bytes:
    # The git on the PATH, with our own words.
    return subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603, S607


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Say which release to keep, by its tag or commit: make previous ARGS=v0.1.0")
    sys.stdout.write(f"{ARCHIVE.relative_to(ROOT)} holds {keep(sys.argv[1])}.\n")
