"""What the other tests here lean on: a visitor sees what a person would, and notices what goes wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.small_site import serving, small_site
from tests.support import browser as harness
from tests.support.browser import Visit, Visitor, axe_violations, visiting
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[str]:
    async with serving(small_site()) as url:
        yield url


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("/complains", "console: I complain"),
        ("/throws", "error: I throw"),
        ("/rejects", "error: I reject"),
        ("/breaks-the-policy", "console: .*Content Security Policy"),
        ("/asks-elsewhere", "elsewhere: http://elsewhere.test/picture.png"),
        ("/connects-elsewhere", "elsewhere: ws://elsewhere.test/socket"),
        ("/nowhere", "console: .*404"),
    ],
)
async def test_trouble_in_the_browser_fails_the_test(browser: Browser, site: str, path: str, trouble: str) -> None:
    """A visitor who leaves tells what went wrong, though the page looked well."""

    async def visit() -> None:
        async with visiting(browser, site) as visitor:
            await visitor.page.goto(path)
            # Some of it is told only after the page has been loaded.
            await eventually("it is noticed", lambda: bool(visitor.troubles))

    with pytest.raises(AssertionError, match=trouble):
        await visit()


async def test_a_page_without_fault_is_no_trouble(browser: Browser, site: str) -> None:
    """What is said above is said of faults alone."""
    async with visiting(browser, site) as visitor:
        await visitor.page.goto("/")

    assert visitor.troubles == []


async def test_trouble_that_a_test_foresees_is_part_of_it(browser: Browser, site: str) -> None:
    """A test of a refusal may have the browser's own complaint about it."""
    async with visiting(browser, site) as visitor:
        visitor.foresee("I complain")
        await visitor.page.goto("/complains")

    assert len(visitor.troubles) == 1


async def test_trouble_that_is_foreseen_must_come(browser: Browser, site: str) -> None:
    """What a test announces does not stay there when its reason has gone."""
    with pytest.raises(AssertionError, match=r"did not come: .*I complain"):
        async with visiting(browser, site) as visitor:
            visitor.foresee("I complain")


async def test_a_window_that_the_page_opens_is_watched(browser: Browser, site: str) -> None:
    """Trouble in a second window is trouble."""
    with pytest.raises(AssertionError, match="I throw"):
        async with visiting(browser, site) as visitor, visitor.context.expect_event("weberror"):
            await visitor.page.evaluate("(url) => { open(url) }", f"{site}/throws")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_what_is_planted_and_nothing_else(visit: Visit, *, dark: bool) -> None:
    """The audit runs under the dashboard's own policy, and sees the colours that the visitor sees."""
    page = (await visit(dark=dark)).page
    await page.goto("/")
    clean = await axe_violations(page)
    await page.goto("/pale")
    pale = await axe_violations(page)

    assert clean == []
    assert [each.split(":")[0] for each in pale] == ([] if dark else ["color-contrast"])


async def test_a_visitor_by_night_sees_the_dark_page(visit: Visit) -> None:
    """Each visitor has a preference of their own."""
    by_day, by_night = await visit(), await visit(dark=True)

    assert await _background(by_day) == "rgb(255, 255, 255)"
    assert await _background(by_night) == "rgb(0, 0, 0)"


async def test_a_phone_is_narrow_and_touched(visit: Visit) -> None:
    """The phone is as wide as one, and has no mouse to hover with."""
    page = (await visit(phone=True)).page
    await page.goto("/")

    assert await page.evaluate("[innerWidth, innerHeight]") == [390, 844]
    assert await page.evaluate("matchMedia('(hover: none) and (pointer: coarse)').matches")


async def test_without_scripts_none_runs(visit: Visit) -> None:
    """What a page must do by itself can be seen by itself."""
    words = []
    for scripts in (True, False):
        page = (await visit(scripts=scripts)).page
        await page.goto("/with-script")
        words.append(await page.inner_text("#word"))

    assert words == ["After", "Before"]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_visitor_signs_in_through_the_page(visit: Visit, *, scripts: bool) -> None:
    """The form is filled in and sent as a person does it."""
    visitor = await visit(scripts=scripts)
    await visitor.sign_in("ada", "secret")

    assert await visitor.page.inner_text("p") == "All is well."


async def test_pictures_are_kept_when_they_are_asked_for(
    visitor: Visitor, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASSENT_SCREENSHOTS is the switch."""
    monkeypatch.setattr(harness, "SCREENSHOTS", tmp_path)
    await page.goto("/")
    monkeypatch.delenv(harness.SCREENSHOTS_VARIABLE, raising=False)
    await visitor.shoot("unasked")
    monkeypatch.setenv(harness.SCREENSHOTS_VARIABLE, "1")
    await visitor.shoot("asked", whole=True)

    assert _names_in(tmp_path) == ["asked.png"]


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def _background(visitor: Visitor) -> str:
    await visitor.page.goto("/")
    colour: str = await visitor.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return colour
