"""Signing in and out, and how long that lasts."""

import itertools
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import select, update

from assent.models import Role
from dashboard.session import safe_next
from services.people import make_person
from services.sign_in import make_link
from services.wiring import system_clock
from storage.people import PeopleStore
from storage.sign_in_links import SignInLinkStore
from storage.tables import sessions
from tests.dashboard.visitors import COOKIE, FIREFOX, FROM_HERE, Enter, add_quickly, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, PASSWORD, REVIEWER

_ADDRESSES = itertools.count(1)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def browser_of(stack: Stack) -> httpx2.AsyncClient:
    """Return a browser in which nobody is signed in, at an address of its own: only so many tries come from one."""
    headers = FROM_HERE | {"User-Agent": FIREFOX, "X-Forwarded-For": f"10.0.0.{next(_ADDRESSES)}"}
    return httpx2.AsyncClient(base_url=stack.http.base_url, headers=headers, timeout=40, trust_env=False)


def add_with_password(stack: Stack, name: str) -> None:
    """Make a reviewer with the tests' password."""
    make_person(PeopleStore(stack.database), name, Role.REVIEWER, created_by="x", clock=system_clock, password=PASSWORD)


async def sign_in(browser: httpx2.AsyncClient, name: str, password: str = PASSWORD, **more: str) -> httpx2.Response:
    """Send the form of the sign-in page."""
    return await browser.post("/sign-in", data={"name": name, "password": password, **more})


def set_back(stack: Stack, name: str, *, column: str, by: timedelta) -> None:
    """Let time go by for every session of somebody, since it began or since it was used."""
    with stack.database.write() as connection:
        rows = connection.execute(select(sessions).where(sessions.c.person == name)).all()
        for one in rows:
            moment: datetime = getattr(one, column)
            connection.execute(update(sessions).where(sessions.c.id == one.id).values({column: moment - by}))


async def test_it_leads_there_and_back(served: Stack) -> None:
    """A signed-out visit leads to the sign-in page, which leads to where it was going; the queue is the default."""
    add_with_password(served, "anna")
    async with browser_of(served) as browser:
        for path in ("/history?status=executed&q=a+b", "/you", "/approvals/x"):
            sent = await browser.get(path)
            assert sent.status_code == httpx2.codes.SEE_OTHER
            where = urlsplit(sent.headers["location"])
            assert (where.path, parse_qs(where.query)["next"]) == ("/sign-in", [path])
            page = await browser.get(sent.headers["location"])
            assert f'name="next" value="{path.replace("&", "&amp;")}"' in page.text
            assert sent.headers["location"] == f"/sign-in?{where.query}"
        assert (await browser.get("/")).headers["location"] == "/sign-in"
        back = await sign_in(browser, "anna", next="/history?status=executed&q=a+b")
        assert (back.status_code, back.headers["location"]) == (303, "/history?status=executed&q=a+b")
        assert (await browser.get("/")).status_code == httpx2.codes.OK
        # Whoever is signed in already goes on.
        assert (await browser.get("/sign-in?next=/you")).headers["location"] == "/you"
        assert (await browser.get("/sign-in?next=//evil.test")).headers["location"] == "/"


async def test_what_a_page_sends_leads_back_to_the_page(served: Stack) -> None:
    """A script that asks for a part is told where to go by htmx's header; a form that is sent leads there as well."""
    async with browser_of(served) as browser:
        page = {"Referer": str(browser.base_url.join("/history?q=a"))}
        part = await browser.get("/banners", headers={"HX-Request": "true"} | page)
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fhistory%3Fq%3Da")
        posted = await browser.post("/bulk", data={"item": "x"}, headers=page)
        assert (posted.status_code, posted.headers["location"]) == (303, "/sign-in?next=%2Fhistory%3Fq%3Da")
        for referer in ({}, {"Referer": "https://evil.test"}, {"Referer": "https://evil.test//evil.test"}):
            posted = await browser.post("/sign-out", headers=referer)
            page_of = await browser.get(posted.headers["location"])
            assert '<input type="hidden" name="next" value="/">' in page_of.text


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "https:evil.test",
        "javascript:alert(1)",
        "evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        "\t//evil.test",
        " //evil.test",
        "",
        "@evil.test",
    ],
)
async def test_it_never_leads_to_another_site(served: Stack, wanted: str) -> None:
    """`next` is a path of ours or the queue, when the form is shown and when it is sent."""
    assert safe_next(wanted) == "/"
    name = f"next-{abs(hash(wanted))}"
    add_with_password(served, name)
    async with browser_of(served) as browser:
        page = await browser.get("/sign-in", params={"next": wanted})
        assert '<input type="hidden" name="next" value="/">' in page.text
        answer = await sign_in(browser, name, next=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_whatever_is_wrong_is_said_in_the_same_words(served: Stack) -> None:
    """An unknown name, a wrong password and a disabled person: the same page but for the name, 401, and no cookie."""
    add_with_password(served, "carl")
    add_with_password(served, "dora")
    PeopleStore(served.database).disable("dora", by="system:test", at=system_clock())
    pages = set()
    async with browser_of(served) as browser:
        for name, password in (
            ("nobody", PASSWORD),
            ("carl", "w.r.o.n.g"),
            ("dora", PASSWORD),
            ("<i>", "w.r.o.n.g"),
            ("carl", "\x7f"),
        ):
            answer = await sign_in(browser, name, password)
            assert answer.status_code == httpx2.codes.UNAUTHORIZED
            assert "set-cookie" not in answer.headers
            assert password not in answer.text
            escaped = name.replace("<", "&lt;").replace(">", "&gt;")
            assert f'name="name" value="{escaped}"' in answer.text
            pages.add(answer.text.replace(f'value="{escaped}"', ""))
    assert len(pages) == 1
    assert "The name or the password is wrong." in pages.pop()


async def test_a_name_is_taken_as_it_is_typed_on_a_phone(served: Stack) -> None:
    """With a capital and a space around it, it is the same name."""
    add_with_password(served, "emma")
    async with browser_of(served) as browser:
        assert (await sign_in(browser, " Emma ")).status_code == httpx2.codes.SEE_OTHER


async def test_too_many_tries_are_sent_away(served: Stack) -> None:
    """429 with Retry-After and a sentence, also for the right password; others still get in."""
    for name in ("hans", "berta"):
        add_with_password(served, name)
    async with browser_of(served) as browser:
        tries = [await sign_in(browser, "hans", "wrong", next="/you") for _ in range(11)]
        assert [each.status_code for each in tries] == [401] * 10 + [429]
        late = await sign_in(browser, "hans")
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 60
        assert "Too many sign-ins were tried." in text_of(late)
        assert (await sign_in(browser, "berta")).status_code == httpx2.codes.SEE_OTHER


async def test_a_link_signs_in_once(served: Stack) -> None:
    """Opened by GET or HEAD, by programs too, it is not used up; its button uses it, and the second time it says so."""
    token = make_link(SignInLinkStore(served.database), REVIEWER, clock=system_clock)
    async with browser_of(served) as browser, browser_of(served) as another:
        for _ in range(2):
            shown = await browser.get(f"/sign-in/{token}")
            assert (shown.status_code, "set-cookie" in shown.headers) == (200, False)
            assert f'action="/sign-in/{token}"' in shown.text
            await browser.head(f"/sign-in/{token}")
        used = await browser.post(f"/sign-in/{token}")
        assert (used.status_code, used.headers["location"]) == (303, "/")
        assert REVIEWER in text_of(await browser.get("/you"))
        again = await another.post(f"/sign-in/{token}")
        assert (again.status_code, "set-cookie" in again.headers) == (401, False)
        assert "This link has been used, or its time is over." in text_of(again)


async def test_a_link_that_is_tried_too_often_is_not_used_up(served: Stack) -> None:
    """429 with Retry-After, and the button again; from another address the link works meanwhile."""
    token = make_link(SignInLinkStore(served.database), REVIEWER, clock=system_clock)
    async with browser_of(served) as browser, browser_of(served) as another:
        tries = [(await browser.post("/sign-in/nothing")).status_code for _ in range(31)]
        assert tries == [401] * 30 + [429]
        late = await browser.post(f"/sign-in/{token}")
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 60
        assert "Too many sign-ins were tried." in text_of(late)
        assert f'action="/sign-in/{token}"' in late.text
        assert (await another.post(f"/sign-in/{token}")).status_code == httpx2.codes.SEE_OTHER


@pytest.mark.parametrize("token", ["nothing", "x" * 600, "%3Cscript%3E", "%22%3E%3Cscript%3E"])
async def test_a_link_that_is_none(served: Stack, token: str) -> None:
    """It shows the same button, whatever it is, as text; the button says that it is over."""
    async with browser_of(served) as browser:
        page = await browser.get(f"/sign-in/{token}")
        assert page.status_code == httpx2.codes.OK
        assert "<script>" not in page.text
        answer = await browser.post(f"/sign-in/{token}")
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


async def test_signing_out_ends_the_session(served: Stack) -> None:
    """The cookie goes, what the browser keeps goes, and the cookie of before is worth nothing."""
    add_with_password(served, "fred")
    async with browser_of(served) as browser:
        await sign_in(browser, "fred")
        kept = browser.cookies[COOKIE]
        out = await browser.post("/sign-out")
        assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
        assert out.headers["clear-site-data"] == '"storage"'
        assert COOKIE not in browser.cookies
        browser.cookies.set(COOKIE, kept)
        assert (await browser.get("/")).headers["location"] == "/sign-in"


async def test_a_disabled_persons_session_is_over_at_once(served: Stack, enter: Enter) -> None:
    """Nothing that they send after that is read or done, also from a page that is open."""
    add_quickly(served, "gerd")
    gerd = await enter("gerd")
    approval = await served.pending()
    assert (await gerd.get(f"/approvals/{approval['id']}")).status_code == httpx2.codes.OK
    await (await enter(ADMIN)).post("/people/gerd/disable")
    assert (await gerd.get(f"/approvals/{approval['id']}")).status_code == httpx2.codes.SEE_OTHER
    assert (await gerd.post("/you/sessions/end-others")).headers["location"] == "/sign-in"


async def test_a_session_that_is_not_used_ends(served: Stack, enter: Enter) -> None:
    """After the idle time it is over; use before that keeps it."""
    add_quickly(served, "ilse")
    ilse = await enter("ilse")
    idle = timedelta(hours=served.settings.session_idle_hours)
    set_back(served, "ilse", column="seen_at", by=idle - timedelta(minutes=5))
    assert (await ilse.get("/you")).status_code == httpx2.codes.OK
    set_back(served, "ilse", column="seen_at", by=idle - timedelta(minutes=5))
    assert (await ilse.get("/you")).status_code == httpx2.codes.OK
    set_back(served, "ilse", column="seen_at", by=idle)
    assert (await ilse.get("/you")).headers["location"] == "/sign-in?next=%2Fyou"


async def test_an_open_page_hears_nothing_after_its_session(
    served: Stack, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its next news it is told that it is signed out, and its stream is over."""
    monkeypatch.setattr("dashboard.routes.live.CHECKED_EVERY", timedelta(0))
    add_quickly(served, "karl")
    karl = await enter("karl")
    async with karl.stream("GET", "/live") as live:
        lines = live.aiter_lines()
        while await anext(lines) != "event: assent:news":
            pass
        await (await enter(ADMIN)).post("/people/karl/disable")
        await served.pending()
        events = [line async for line in lines if line.startswith("event:")]
    assert events[-1] == "event: assent:signed-out"
    assert len(events) <= 2


async def test_what_a_page_asks_by_itself_keeps_no_session(served: Stack, enter: Enter) -> None:
    """A page that was left open looks at its banners and its news; that is not somebody who is there."""
    add_quickly(served, "jens")
    jens = await enter("jens")
    set_back(served, "jens", column="seen_at", by=timedelta(minutes=30))
    await jens.get("/banners", headers={"Assent-Unattended": "yes"})
    async with jens.stream("GET", "/live") as live:
        assert live.status_code == httpx2.codes.OK
    with served.database.read() as connection:
        (seen_at,) = connection.execute(select(sessions.c.seen_at).where(sessions.c.person == "jens")).one()
    assert system_clock() - seen_at > timedelta(minutes=29)
    await jens.get("/you")
    with served.database.read() as connection:
        (seen_at,) = connection.execute(select(sessions.c.seen_at).where(sessions.c.person == "jens")).one()
    assert system_clock() - seen_at < timedelta(minutes=1)


async def test_a_session_ends_however_much_it_is_used(served: Stack, enter: Enter) -> None:
    """After the longest time it is over, used a moment ago or not."""
    add_quickly(served, "kira")
    kira = await enter("kira")
    set_back(served, "kira", column="created_at", by=timedelta(hours=served.settings.session_hours))
    assert (await kira.get("/you")).headers["location"] == "/sign-in?next=%2Fyou"


async def test_a_session_is_listed_and_can_be_revoked(served: Stack) -> None:
    """Signed in twice, one browser ends the other, which the log tells with how each of them came in."""
    add_with_password(served, "lisa")
    async with browser_of(served) as here, browser_of(served) as there:
        await sign_in(here, "lisa")
        await sign_in(there, "lisa")
        page = await here.get("/you")
        assert text_of(page).count("Firefox on Linux") == 2 + 1  # the button to end it names it too
        assert (await here.post("/you/sessions/end-others")).status_code == httpx2.codes.SEE_OTHER
        assert (await there.get("/")).headers["location"] == "/sign-in"
        assert (await here.get("/")).status_code == httpx2.codes.OK
    log = (await served.get("/v1/audit", by="auditor", actor="reviewer:lisa")).json()["items"]
    told = [(event["action"], event["details"].get("by"), event["details"].get("why")) for event in log]
    assert told == [
        ("session.started", "password", None),
        ("session.started", "password", None),
        ("session.ended", None, "revoked"),
    ]


async def test_a_cookie_that_is_none_is_nobodys(served: Stack) -> None:
    """Whatever stands in it: signed out, and no error."""
    for value in ("", "x", "0" * 43, "a" * 4000, "%00", "\u00e9"):
        async with browser_of(served) as browser:
            answer = await browser.get("/you", headers={b"Cookie": f"{COOKIE}={value}".encode()})
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fyou"), value
