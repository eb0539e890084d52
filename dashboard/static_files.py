"""Styles, scripts, the font and the icons: read once, named by their content, and compressed once."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from config.errors import ConfigurationError
from domain.frozen import Frozen

STATIC = Path(__file__).with_name("static")
VENDOR = STATIC / "vendor"

# Not the system's own table: a small image has none, and Python's calls scripts otherwise and knows no fonts.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
_COMPRESSED = frozenset({"text/css", "text/javascript", "image/svg+xml"})
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_NAMED = re.compile(rb'url\("([^"]+)"\)')
_NEEDED = ("vendor/htmx.min.js", "vendor/hx-sse.min.js", "vendor/inter.woff2")


class StaticFile(Frozen):
    """One file as it is sent. `version` names its content."""

    content: bytes
    compressed: bytes | None
    media_type: str
    version: str


class StaticFiles:
    """ASGI application: every file of a folder, from memory. An address with the file's version is cached for ever."""

    def __init__(self, folder: Path = STATIC) -> None:
        """Read `folder`. Raises ConfigurationError when what set-up brings is not there."""
        self._files = {
            path.relative_to(folder).as_posix(): _read(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        for name in [name for name in self._files if name.endswith(".css")]:
            self._files[name] = _made(_with_versions(self._files[name].content, self._files), "text/css")
        missing = [name for name in _NEEDED if name not in self._files]
        if missing:
            message = f"The dashboard's {', '.join(missing)} is not there: run `make setup` once."
            raise ConfigurationError(message)
        self._icons = {
            name.removeprefix("vendor/icons/").removesuffix(".svg"): _drawing(file.content)
            for name, file in self._files.items()
            if name.startswith("vendor/icons/") and name.endswith(".svg")
        }

    def address(self, name: str) -> str:
        """Return where a file is, with its version."""
        return f"/static/{name}?v={self._files[name].version}"

    def icon(self, name: str) -> Markup:
        """Return an icon as part of a page. It says nothing by itself: words stand beside it."""
        return self._icons[name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, 304 when the browser has it, or 404."""
        name = str(scope["path"]).removeprefix("/static/")
        file = self._files.get(name)
        if file is None or scope["method"] not in {"GET", "HEAD"}:
            await Response("There is no such file.\n", 404, media_type="text/plain")(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = scope["query_string"].decode("latin-1") == f"v={file.version}"
        given = {
            "Cache-Control": _FOR_EVER if named else _ASK_AGAIN,
            "ETag": f'"{file.version}"',
            "Vary": "Accept-Encoding",
        }
        if headers.get("if-none-match") == given["ETag"]:
            await Response(status_code=304, headers=given)(scope, receive, send)
            return
        content = file.content
        if file.compressed is not None and "gzip" in headers.get("accept-encoding", ""):
            content, given["Content-Encoding"] = file.compressed, "gzip"
        await Response(content, headers=given, media_type=file.media_type)(scope, receive, send)


def _read(path: Path) -> StaticFile:
    return _made(path.read_bytes(), _TYPES.get(path.suffix, "application/octet-stream"))


def _with_versions(style: bytes, files: Mapping[str, StaticFile]) -> bytes:
    """Return a style that names other files as pages do: one file under two addresses would be fetched twice."""

    def address(named: re.Match[bytes]) -> bytes:
        file = files.get(named[1].decode())
        return named[0] if file is None else b'url("%s?v=%s")' % (named[1], file.version.encode())

    return _NAMED.sub(address, style)


def _made(content: bytes, media_type: str) -> StaticFile:
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, 9, mtime=0) if media_type in _COMPRESSED else None,
        media_type=media_type,
        version=hashlib.sha256(content).hexdigest()[:12],
    )


def _drawing(content: bytes) -> Markup:
    """Return the drawing itself, for the page to size and colour."""
    text = content.decode()
    inside = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    drawn = " ".join(inside.split())
    # The file is one of the icons that set-up brings: nothing that anyone has sent.
    return Markup(f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{drawn}</svg>')  # noqa: S704
