"""What a browser loads that has seen nothing of Assent yet: the page, and all that it names, as sent."""

import gzip
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2
from typing_extensions import override

from bench.measure import verdict
from domain.frozen import Frozen

MOST_BYTES = 100_000

_IMPORTS = re.compile(r"""^\s*(?:import|export)\b[^"'();]*["']([^"']+)["']""", re.MULTILINE)
_STYLE_NAMES = re.compile(r"""(?:url\(|@import\s+)\s*["']?([^"')\s;]+)""")
_FONT = ".woff2"


class Answer(Frozen):
    """One answer: its content, and the bytes that came for it, headers among them."""

    address: str
    media_type: str
    text: str
    weight: int


async def weigh(http: httpx2.AsyncClient, path: str, headers: Mapping[str, str]) -> str:
    """Return in words what one page weighs. Fonts are left out."""
    answers: dict[str, Answer] = {}
    wanted = [path]
    while wanted:
        address = wanted.pop()
        if address not in answers and _FONT not in address:
            answers[address] = answer = await _load(http, address, headers)
            wanted += [urljoin(address, name) for name in _names(answer)]
    whole = sum(answer.weight for answer in answers.values())
    page = answers[path].weight
    kept = verdict(whole / 1000, MOST_BYTES / 1000, "KB")
    return f"{whole / 1000:5.1f} KB in {len(answers)} requests, the page itself {page / 1000:.1f} KB ({kept})"


async def _load(http: httpx2.AsyncClient, address: str, headers: Mapping[str, str]) -> Answer:
    async with http.stream("GET", address, headers=headers) as response:
        body = b"".join([part async for part in response.aiter_raw()])
    response.raise_for_status()
    # As HTTP/1.1 sends them: the line of the status, "name: value" lines, and an empty one.
    sent_before = len("HTTP/1.1 200 OK\r\n\r\n") + sum(
        len(name) + len(value) + len(": \r\n") for name, value in response.headers.raw
    )
    content = gzip.decompress(body) if response.headers.get("content-encoding") == "gzip" else body
    return Answer(
        address=address,
        media_type=response.headers["content-type"].partition(";")[0],
        text=content.decode(),
        weight=sent_before + len(body),
    )


def _names(answer: Answer) -> Iterator[str]:
    """Yield what a browser goes on to load."""
    if answer.media_type == "text/html":
        page = _Page()
        page.feed(answer.text)
        yield from page.names
    elif answer.media_type == "text/javascript":
        yield from _IMPORTS.findall(answer.text)
    elif answer.media_type == "text/css":
        yield from _STYLE_NAMES.findall(answer.text)


class _Page(HTMLParser):
    """Collects what a page names to be loaded at once."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("href") if tag == "link" else given.get("src")
        if tag in {"link", "script", "img"} and name:
            self.names.append(name)
