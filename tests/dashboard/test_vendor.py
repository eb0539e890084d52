"""Rules of what set-up copies from npm packages, on small packages of the same shape."""

import json
from pathlib import Path

import pytest

from dashboard import vendor

FILES = {
    "@fontsource-variable/inter": ["files/inter-latin-wght-normal.woff2"],
    "htmx.org": ["dist/htmx.min.js", "dist/ext/hx-sse.min.js", "dist/htmx.js"],
    "lucide-static": ["icons/check.svg", "icons/x.svg", "icons/bot.svg"],
}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "node_modules"
    for package, names in FILES.items():
        about = {"name": package, "version": "1.2.3", "license": "ISC"}
        for name, text in {
            "package.json": json.dumps(about),
            "LICENSE": f"Use {package}.",
            **dict.fromkeys(names, ""),
        }.items():
            path = folder / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text or f"{package}/{name}", encoding="utf-8")
    return folder


def test_only_what_pages_use_is_copied(packages: Path, tmp_path: Path) -> None:
    """The scripts, the font, the icons that are listed, and nothing that was there before."""
    folder = tmp_path / "static" / "vendor"
    folder.mkdir(parents=True)
    (folder / "old.js").touch()
    vendor.copy(packages, folder, ["check", "x"])

    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "LICENSES.txt",
        "htmx.min.js",
        "hx-sse.min.js",
        "icons/check.svg",
        "icons/x.svg",
        "inter.woff2",
    }
    assert (folder / "hx-sse.min.js").read_text(encoding="utf-8") == "htmx.org/dist/ext/hx-sse.min.js"


def test_each_licence_goes_along(packages: Path, tmp_path: Path) -> None:
    """Whoever gets the files gets the terms of each package that they come from."""
    vendor.copy(packages, tmp_path / "vendor", [])
    told = (tmp_path / "vendor" / vendor.LICENSES).read_text(encoding="utf-8")

    assert [f"=== {name} 1.2.3 (ISC) ===\n\nUse {name}.\n" in told for name in FILES] == [True, True, True]


def test_what_is_missing_is_named_and_the_copy_is_not_taken_for_whole(packages: Path, tmp_path: Path) -> None:
    """A misspelt icon stops the set-up with a sentence, and the next one starts again."""
    told = vendor.main([str(packages), str(tmp_path / "vendor")])

    assert told is not None
    assert f"There is no {packages}/lucide-static/icons/" in told
    assert not (tmp_path / "vendor" / vendor.LICENSES).exists()
