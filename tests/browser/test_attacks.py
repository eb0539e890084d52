"""What an attacker sends or shows: a reviewer sees all of it, marked, and nothing is decided but by a person's hand."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.reviewing import SETTLED, open_approval, reviewer, status
from tests.browser.small_site import serving
from tests.support.browser import Visit
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HEAD = '<!doctype html><link rel="icon" href="data:,"><title>x</title>'

HOSTILE = {
    "bidi": "pay \u202e00.001\u202c to me",
    "ansi": "\x1b[2J\x1b[1;32mAPPROVED\x1b[0m",
    "zero width": "de\u200blete nothing\ufeff",
    "homoglyphs": "p\u0430yp\u0430l.com",
    "markup": "<h1>Approved</h1><img src=//evil.example/x.png onerror=alert(1)><style>*{display:none}</style>",
    "links": "javascript:alert(1) [click](javascript:alert(1)) https://evil.example/",
    "template": "{{ 7*7 }} {% raw %} ${7*7}",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def elsewhere(served: Stack) -> AsyncIterator[str]:
    """Another origin of the same machine, so that browsers send our cookies along with what its pages send."""
    here = str(served.http.base_url).rstrip("/")

    async def frame(_request: Request) -> Response:
        return HTMLResponse(f'{_HEAD}<iframe src="{here}/"></iframe>')

    async def form(_request: Request) -> Response:
        return HTMLResponse(f'{_HEAD}<form id="f" method="post"><button>Go</button></form>')

    async with serving(Starlette(routes=[Route("/frame", frame), Route("/form", form)])) as address:
        yield address


async def _hostile(served: Stack, text: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  fields of a submission
    return await served.pending(
        "note.high", reason=text, context={"note": text, text[:40]: 1}, parameters={"text": text}, **fields
    )


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_text_is_shown_and_marked(served: Stack, visit: Visit, kind: str) -> None:
    """It is stored as it came, and shown escaped: no element of its own, no link, no image, nothing that hides."""
    text = HOSTILE[kind]
    approval = await _hostile(served, text)
    visitor = await reviewer(visit)
    page = visitor.page
    await open_approval(page, approval)

    assert (await served.get(f"/v1/approvals/{approval['id']}")).json()["reason"] == text
    says = page.locator("#says")
    assert await says.locator("a, img, h1, style, script, iframe").count() == 0
    assert await page.locator("#what a, #what img, #what h1").count() == 0
    shown = await says.inner_text()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x1b]", await page.content())
    for mark in {"bidi": ["U+202E"], "ansi": ["U+001B"], "zero width": ["U+200B", "U+FEFF"]}.get(kind, []):
        assert mark in shown
    if kind == "homoglyphs":
        assert await says.locator("mark.lookalike").count() == 2
    if kind in {"markup", "links", "template"}:
        assert text in shown
    await expect(page.locator("h1")).to_have_text("High note 7")
    await visitor.shoot(f"hostile-{kind.replace(' ', '-')}")


async def test_a_flood_of_line_breaks_hides_nothing(served: Stack, visit: Visit) -> None:
    """What comes after 200 KB of them (each is two bytes of JSON) is on the screen, and all of it can be reached."""
    text = "first" + "\n" * 100_000 + "and then delete everything"
    approval = await served.pending("note.high", parameters={"text": text})
    visitor = await reviewer(visit)
    await open_approval(visitor.page, approval)

    what = visitor.page.locator("#what")
    await expect(what).to_contain_text("99,999 empty lines")
    await expect(what.get_by_text("and then delete everything").first).to_be_visible()
    await visitor.shoot("hostile-line-breaks")


async def test_claimed_authority_changes_nothing(served: Stack, visit: Visit) -> None:
    """«Already approved by the CISO» stands among the agent's words, apart from the facts, and nowhere else."""
    claim = "Already approved by the CISO. Risk: low."
    approval = await served.pending("note.critical", reason=claim, context={"approved_by": "CISO", "risk": "low"})
    visitor = await reviewer(visit)
    page = visitor.page
    await open_approval(page, approval)

    await expect(page.locator("#says")).to_contain_text(claim)
    await expect(page.locator("#claims")).to_contain_text("Claimed by the agent, not verified.")
    for place in ("#topic", "#what", "#why", "#timeline", "#bar"):
        assert "CISO" not in await page.locator(place).inner_text()
    await expect(page.locator("#topic .badge")).to_have_text("Critical")
    await page.click("#bar [data-approve]")
    await expect(page.locator("[data-word]")).to_be_visible()
    await visitor.shoot("claimed-authority")


async def test_another_site_cannot_frame_a_page(visit: Visit, elsewhere: str) -> None:
    """The browser shows nothing of it there."""
    visitor = await reviewer(visit)
    visitor.foresee("frame-ancestors")
    visitor.foresee("elsewhere")
    page = visitor.page
    await page.goto(f"{elsewhere}/frame")
    await eventually("the frame is refused", lambda: any("frame-ancestors" in each for each in visitor.troubles))

    framed = next(frame for frame in page.frames if frame != page.main_frame)
    assert "waiting" not in await framed.content()
    await visitor.shoot("framed")


async def test_another_sites_form_decides_nothing(served: Stack, visit: Visit, elsewhere: str) -> None:
    """Even with a proof that was shown to the reviewer, and whatever the form calls its content."""
    approval = await served.pending("note.low")
    visitor = await reviewer(visit)
    visitor.foresee("403|elsewhere")
    page = visitor.page
    await page.goto(f"/approvals/{approval['id']}/approve")
    fields = await page.evaluate(
        "() => Object.fromEntries(new FormData(document.querySelector('form[data-decision]')))"
    )
    here = str(served.http.base_url).rstrip("/")
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        await page.goto(f"{elsewhere}/form")
        await page.evaluate(
            """([action, kind, fields]) => {
                const form = document.getElementById("f");
                form.action = action;
                form.enctype = kind;
                for (const [name, value] of Object.entries(fields)) {
                    const input = document.createElement("input");
                    input.name = name; input.value = value;
                    form.append(input);
                }
            }""",
            [f"{here}/approvals/{approval['id']}/decisions", kind, fields],
        )
        async with page.expect_navigation() as navigation:
            await page.click("button")
        answer = await navigation.value
        assert answer is not None
        assert answer.status == 403
        assert await status(served, approval) == "pending"
    await visitor.shoot("cross-site-form")


async def test_looking_decides_nothing(served: Stack, visit: Visit) -> None:
    """A link in a mail may be opened by a program: pages are shown, and the approval is as it was."""
    approval = await served.pending("note.low")
    visitor = await reviewer(visit)
    page = visitor.page
    for path in ("", "/approve", "/reject"):
        await page.goto(f"/approvals/{approval['id']}{path}")
    await page.goto(f"/bulk?approval={approval['id']}")
    await page.wait_for_timeout(SETTLED)
    await visitor.shoot("looking")
    for method in ("GET", "HEAD"):
        answer = await page.request.fetch(f"/approvals/{approval['id']}/decisions", method=method)
        assert answer.status in {404, 405}

    assert await status(served, approval) == "pending"
