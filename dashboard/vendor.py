"""Copy what the pages use of installed npm packages: `python dashboard/vendor.py PACKAGES FOLDER`.

Set-up and the image's build run it, before anything of Assent is installed: the standard library is all it may import.
"""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

ICON_NAMES = Path(__file__).with_name("icons.txt")
"""The icons that pages may name, one a line."""

LICENSES = "LICENSES.txt"
"""Names each package that was copied from, with its version and licence. It is written last: with it, all is there."""

_FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
}
_ICONS = "lucide-static/icons"
_PACKAGES = ("@fontsource-variable/inter", "htmx.org", "lucide-static")


def copy(packages: Path, folder: Path, icons: Iterable[str]) -> None:
    """Make `folder` anew from `packages`, a `node_modules`. Raises FileNotFoundError when a file is not in there."""
    wanted = _FILES | {f"icons/{name}.svg": f"{_ICONS}/{name}.svg" for name in icons}
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "icons").mkdir(parents=True)
    for name, source in wanted.items():
        shutil.copyfile(packages / source, folder / name)
    licenses = "\n\n".join(_license(packages / name) for name in _PACKAGES)
    (folder / LICENSES).write_text(licenses, encoding="utf-8")


def icon_names(listed: Path = ICON_NAMES) -> list[str]:
    """Return the names of the icons that the pages use."""
    return listed.read_text(encoding="utf-8").split()


def _license(package: Path) -> str:
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    text = (package / "LICENSE").read_text(encoding="utf-8").strip()
    return f"=== {about['name']} {about['version']} ({about['license']}) ===\n\n{text}\n"


def main(arguments: list[str]) -> str | None:
    """Copy, and return what is missing as a sentence, or None when all is there."""
    packages, folder = map(Path, arguments)
    try:
        copy(packages, folder, icon_names())
    except FileNotFoundError as error:
        return f"There is no {error.filename}. Correct dashboard/icons.txt or dashboard/vendor.py, and run make again."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
