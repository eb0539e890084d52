"""What browsers call themselves, made short."""

import pytest

from dashboard.views.browsers import browser_name
from tests.dashboard.visitors import FIREFOX

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLES = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/139.0.0.0 Safari/537.36", "Chromium on Linux"),
        (f"{WINDOWS} {WEBKIT} Chrome/139.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} {WEBKIT} Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} {WEBKIT} Chrome/139.0.0.0 Safari/537.36 OPR/120.0.0.0", "Opera on Windows"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/139.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLES} Version/18.5 Safari/605.1.15",
            "Safari on macOS",
        ),
        (f"{IPHONE} {APPLES} Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE} {APPLES} CriOS/139.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{IPHONE} {APPLES} FxiOS/139.0 Mobile/15E148 Safari/604.1", "Firefox on iPhone"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/139.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.14.1", None),
        ("Firefox on Linux", None),
        ("Mozilla/5.0 (X11; Linux x86_64)", None),
        ("Firefox/140.0", None),
        ("", None),
    ],
)
def test_what_a_browser_calls_itself_is_made_short(client: str, name: str | None) -> None:
    """Known browsers on known systems get their names; whatever is not understood whole gets none."""
    assert browser_name(client) == name
