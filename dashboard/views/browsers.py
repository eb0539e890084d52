"""What a browser calls itself, made short enough for a list. It is only a claim, and only its owner reads it."""

import re

# The first that fits: each of these also names those after it, to be taken for one of them.
_BROWSERS = (
    (re.compile(r"\bEdgA?/\d"), "Edge"),
    (re.compile(r"\bOPR/\d"), "Opera"),
    (re.compile(r"\bSamsungBrowser/\d"), "Samsung Internet"),
    (re.compile(r"\b(?:Firefox|FxiOS)/\d"), "Firefox"),
    (re.compile(r"\bHeadlessChrome/\d"), "Chromium"),
    (re.compile(r"\b(?:Chrome|CriOS)/\d"), "Chrome"),
    (re.compile(r"\bVersion/\d[\d.]* (?:Mobile/\w+ )?Safari/\d"), "Safari"),
)
_SYSTEMS = (
    (re.compile(r"\biPhone\b"), "iPhone"),
    (re.compile(r"\biPad\b"), "iPad"),
    (re.compile(r"\bAndroid\b"), "Android"),
    (re.compile(r"\bWindows NT\b"), "Windows"),
    (re.compile(r"\bMac OS X\b"), "macOS"),
    (re.compile(r"\bCrOS\b"), "ChromeOS"),
    (re.compile(r"\bLinux\b"), "Linux"),
)


def browser_name(client: str) -> str | None:
    """Return `Firefox on Linux` for such a User-Agent, or None for one that is not understood whole."""
    browser = _first(_BROWSERS, client)
    system = _first(_SYSTEMS, client)
    return None if browser is None or system is None else f"{browser} on {system}"


def _first(known: tuple[tuple[re.Pattern[str], str], ...], client: str) -> str | None:
    return next((name for pattern, name in known if pattern.search(client)), None)
