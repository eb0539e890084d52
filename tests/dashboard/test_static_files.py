"""Static files are named by their content, compressed once, and cached for ever under that name."""

import gzip
from pathlib import Path

import httpx2
import pytest

from config.errors import ConfigurationError
from dashboard.static_files import StaticFiles

VENDOR = ("htmx.min.js", "hx-sse.min.js", "inter.woff2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vendor" / "icons").mkdir(parents=True)
    for name in VENDOR:
        (tmp_path / "vendor" / name).write_bytes(b"brought by set-up")
    (tmp_path / "vendor" / "icons" / "check.svg").write_text(
        '<!-- a licence -->\n<svg xmlns="http://www.w3.org/2000/svg" width="24">\n  <path d="M1 1" />\n</svg>\n'
    )
    (tmp_path / "style.css").write_text("p { color: red }\n" * 50)
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


async def get(files: StaticFiles, address: str, **headers: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(files)
    async with httpx2.AsyncClient(transport=transport, base_url="http://assent") as client:
        return await client.get(address, headers={"Accept-Encoding": "identity"} | headers)


async def test_a_versioned_address_is_cached_for_ever(folder: Path) -> None:
    """Its name changes with its content; any other address is asked for again."""
    files = StaticFiles(folder)
    named = await get(files, files.address("style.css"))
    plain = await get(files, "/static/style.css")

    assert "immutable" in named.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "no-cache"
    before = files.address("style.css")
    (folder / "style.css").write_text("p { color: blue }")
    assert StaticFiles(folder).address("style.css") != before


async def test_a_style_names_a_file_as_pages_do(folder: Path) -> None:
    """One file under two addresses would be fetched twice; a new font is a new style, and what is not ours stays."""
    (folder / "style.css").write_text('@font-face { src: url("vendor/inter.woff2") } p { mask: url("#elsewhere") }')
    files = StaticFiles(folder)
    style = (await get(files, files.address("style.css"))).text
    font = files.address("vendor/inter.woff2").removeprefix("/static/")
    (folder / "vendor" / "inter.woff2").write_bytes(b"another font")

    assert style == f'@font-face {{ src: url("{font}") }} p {{ mask: url("#elsewhere") }}'
    assert StaticFiles(folder).address("style.css") != files.address("style.css")


async def test_what_a_browser_has_is_not_sent_again(folder: Path) -> None:
    """304, without a body."""
    files = StaticFiles(folder)
    etag = (await get(files, "/static/style.css")).headers["ETag"]
    again = await get(files, "/static/style.css", **{"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


async def test_text_is_compressed_for_whoever_takes_it(folder: Path) -> None:
    """And only for them; a font is compressed already."""
    files = StaticFiles(folder)
    small = await get(files, "/static/style.css", **{"Accept-Encoding": "gzip"})
    font = await get(files, "/static/vendor/inter.woff2", **{"Accept-Encoding": "gzip"})

    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) == len(gzip.compress((folder / "style.css").read_bytes(), 9, mtime=0))
    assert "Content-Encoding" not in font.headers


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("vendor/htmx.min.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("vendor/inter.woff2", "font/woff2"),
        ("vendor/icons/check.svg", "image/svg+xml"),
    ],
)
async def test_a_files_type_does_not_depend_on_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, media_type: str
) -> None:
    """A small container image has no table of types; scripts are compressed there too, and the font is one."""
    monkeypatch.setattr("mimetypes.knownfiles", [])
    monkeypatch.setattr("mimetypes._db", None)
    file = await get(StaticFiles(folder), f"/static/{name}", **{"Accept-Encoding": "gzip"})

    assert file.headers["Content-Type"] == media_type
    assert ("Content-Encoding" in file.headers) == (not name.endswith("woff2"))


@pytest.mark.parametrize(
    "path", ["/static/nothing.css", "/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/"]
)
async def test_nothing_else_is_reachable(folder: Path, path: str) -> None:
    """Only what was read at the start is there."""
    assert (await get(StaticFiles(folder), path)).status_code == 404


def test_an_icon_is_the_drawing_alone(folder: Path) -> None:
    """Sized and coloured by the page, and silent to a screen reader."""
    icon = StaticFiles(folder).icon("check")

    assert '<path d="M1 1" />' in icon
    assert 'aria-hidden="true"' in icon
    assert "licence" not in icon


def test_without_what_set_up_brings_it_does_not_start(folder: Path) -> None:
    """It says what to run."""
    (folder / "vendor" / "htmx.min.js").unlink()

    with pytest.raises(ConfigurationError, match="make setup"):
        StaticFiles(folder)
