"""People, as an admin looks after them in the dashboard."""

import re

import httpx2
import pytest

from assent.models import NewKey, Role
from services.people import make_person
from services.wiring import system_clock
from storage.people import PeopleStore
from tests.dashboard.visitors import COOKIE, FROM_HERE, Enter, add_quickly, row, secret_on, secrets_on, text_of
from tests.support.stack import Stack
from tests.support.team import ADMIN, AUDITOR, REVIEWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = re.compile(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}")


async def signs_in(stack: Stack, name: str, password: str) -> bool:
    """Whether this password opens a session."""
    answer = await stack.http.post("/sign-in", data={"name": name, "password": password}, headers=FROM_HERE)
    return answer.status_code == httpx2.codes.SEE_OTHER


async def test_an_admin_sees_everybody_and_may_change_them(enter: Enter) -> None:
    """Name, role, since when and by whom; one's own row says so, and the forms are there."""
    page = await (await enter(ADMIN)).get("/people")
    assert page.status_code == httpx2.codes.OK
    assert row(page, REVIEWER) == f"{REVIEWER} reviewer {_ago(page)} test Change… {REVIEWER}"
    assert row(page, ADMIN).startswith(f"{ADMIN} you admin ")
    assert 'action="/people"' in page.text
    assert 'href="/people" aria-current="page"' in page.text


async def test_an_auditor_reads_and_changes_nothing(served: Stack, enter: Enter) -> None:
    """The same rows without a form or a link to one; what is sent all the same is a 403, and in the log."""
    auditor = await enter(AUDITOR)
    page = await auditor.get("/people")
    assert page.status_code == httpx2.codes.OK
    assert row(page, REVIEWER).startswith(f"{REVIEWER} reviewer ")
    main = page.text[page.text.index('<main id="main"') : page.text.index("</main>")]
    assert "<form" not in main
    assert "Change…" not in main
    for path, fields in (
        ("/people", {"name": "by-otto", "role": "admin"}),
        (f"/people/{REVIEWER}/role", {"role": "admin"}),
        (f"/people/{REVIEWER}/password", {}),
        (f"/people/{REVIEWER}/disable", {}),
    ):
        assert (await auditor.post(path, data=fields)).status_code == httpx2.codes.FORBIDDEN, path
    for path in (f"/people/{REVIEWER}", f"/people/{REVIEWER}/disable"):
        assert (await auditor.get(path)).status_code == httpx2.codes.FORBIDDEN, path
    people = {each.name: each for each in PeopleStore(served.database).all()}
    assert (people[REVIEWER].role, people[REVIEWER].disabled_at) == (Role.REVIEWER, None)
    assert "by-otto" not in people
    log = (await served.get("/v1/audit", by="auditor", actor=f"auditor:{AUDITOR}", action="access.refused")).json()
    assert {"method": "POST", "path": f"/people/{REVIEWER}/role"} in [event["details"] for event in log["items"]]


async def test_a_reviewer_does_not_see_the_page(enter: Enter) -> None:
    """403 as a page, and no link in the frame leads there."""
    reviewer = await enter(REVIEWER)
    page = await reviewer.get("/people")
    assert page.status_code == httpx2.codes.FORBIDDEN
    assert "does not list people" in text_of(page)
    assert 'href="/people"' not in (await reviewer.get("/")).text


async def test_a_new_persons_password_is_shown_once(served: Stack, enter: Enter) -> None:
    """The answer to the form has it, it signs them in, and no page has it again."""
    admin = await enter(ADMIN)
    made = await admin.post("/people", data={"name": " nina ", "role": "auditor"})
    password = secret_on(made)
    assert made.status_code == httpx2.codes.OK
    assert made.headers["cache-control"] == "no-store"
    assert PASSWORD.fullmatch(password)
    assert await signs_in(served, "nina", password)
    page = await admin.get("/people")
    assert row(page, "nina").startswith("nina auditor ")
    assert ADMIN in row(page, "nina")
    for path in ("/people", "/people/nina", "/", "/you"):
        assert password not in (await admin.get(path)).text


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("Nina", 422, "A name begins with a-z"),
        ("", 422, "A name begins with a-z"),
        ("<b>", 422, "A name begins with a-z"),
        ("automation", 422, "belongs to the platform's own admin key"),
        (REVIEWER, 409, "is or was in use by a person"),
        ("agent", 409, "is or was in use by a key"),
    ],
)
async def test_who_cannot_be_added_is_told_why(served: Stack, enter: Enter, name: str, status: int, told: str) -> None:
    """The page again with the sentence and what was typed, escaped; nobody is added."""
    before = PeopleStore(served.database).count()
    page = await (await enter(ADMIN)).post("/people", data={"name": name, "role": "auditor"})
    assert page.status_code == status
    assert told in text_of(page)
    assert f'name="name" value="{name.replace("<b>", "&lt;b&gt;")}"' in page.text
    assert 'value="auditor" checked' in page.text
    assert secrets_on(page) == []
    assert PeopleStore(served.database).count() == before


async def test_a_person_is_no_agent(served: Stack, enter: Enter) -> None:
    """A form that asks for a role that people do not have is refused with a sentence."""
    page = await (await enter(ADMIN)).post("/people", data={"name": "robot", "role": "agent"})
    assert page.status_code == 422
    assert "An agent is a program: make a key for it." in text_of(page)
    assert PeopleStore(served.database).find("robot") is None


async def test_another_role_holds_at_once_in_open_sessions(served: Stack, enter: Enter) -> None:
    """Who was an auditor a moment ago adds people, in the session that was open."""
    add_quickly(served, "rosa", Role.AUDITOR)
    rosa = await enter("rosa")
    assert (await rosa.post("/people", data={"name": "by-rosa"})).status_code == httpx2.codes.FORBIDDEN
    changed = await (await enter(ADMIN)).post("/people/rosa/role", data={"role": "admin"})
    assert (changed.status_code, changed.headers["location"]) == (httpx2.codes.SEE_OTHER, "/people")
    assert (await rosa.post("/people", data={"name": "by-rosa"})).status_code == httpx2.codes.OK


async def test_a_new_password_replaces_the_old_one(served: Stack, enter: Enter) -> None:
    """It is shown once; the old one and the sessions that it opened are over."""
    old = make_person(
        PeopleStore(served.database), "lena", Role.REVIEWER, created_by="system:test", clock=system_clock
    ).password
    lena = await enter("lena")
    new = secret_on(await (await enter(ADMIN)).post("/people/lena/password"))
    assert (await lena.get("/")).headers["location"] == "/sign-in"
    assert not await signs_in(served, "lena", old)
    assert await signs_in(served, "lena", new)


async def test_disabling_asks_first(served: Stack, enter: Enter) -> None:
    """The link shows what it does and disables nobody; the button does, and the sessions are over at once."""
    add_quickly(served, "paul")
    admin, paul = await enter(ADMIN), await enter("paul")
    asked = await admin.get("/people/paul/disable")
    assert "Every session of theirs ends at once." in text_of(asked)
    assert (await paul.get("/")).status_code == httpx2.codes.OK
    done = await admin.post("/people/paul/disable")
    assert (done.status_code, done.headers["location"]) == (httpx2.codes.SEE_OTHER, "/people")
    assert (await paul.get("/")).headers["location"] == "/sign-in"
    assert "disabled" in row(await admin.get("/people"), "paul")
    # Who is disabled stays so: their page offers nothing, and what is sent all the same is refused.
    assert (await admin.get("/people/paul/disable")).headers["location"] == "/people/paul"
    page = await admin.get("/people/paul")
    assert "for good" in text_of(page)
    assert 'action="/people/paul' not in page.text
    for path, fields in (("/people/paul/role", {"role": "admin"}), ("/people/paul/password", {})):
        refused = await admin.post(path, data=fields)
        assert refused.status_code == 422, path
        assert secrets_on(refused) == []


async def test_disabling_takes_back_what_their_keys_have_pending(served: Stack, enter: Enter) -> None:
    """An admin's key may ask as well; nobody is asked any more about what would be refused at its start."""
    add_quickly(served, "tilda", Role.ADMIN)
    served.add_key(NewKey(name="tilda-script", role=Role.ADMIN, owner="tilda"))
    approval = await served.pending(by="tilda-script")
    assert (await (await enter(ADMIN)).post("/people/tilda/disable")).status_code == httpx2.codes.SEE_OTHER
    ended = await served.ended(approval)
    assert (ended["status"], ended["decided_by"]) == ("cancelled", ["system:revoked-key"])


async def test_the_only_admin_stays_one(served: Stack, enter: Enter) -> None:
    """Neither another role nor an end: the sentence says what to do first."""
    store = PeopleStore(served.database)
    admin = await enter(ADMIN)
    for each in store.all():
        if each.role is Role.ADMIN and each.name != ADMIN and each.disabled_at is None:
            store.change_role(each.name, Role.REVIEWER, by="system:test", at=system_clock())
    for path, fields in ((f"/people/{ADMIN}/role", {"role": "reviewer"}), (f"/people/{ADMIN}/disable", {})):
        page = await admin.post(path, data=fields)
        assert page.status_code == 422, path
        assert f"{ADMIN} is the only admin. Make another person an admin first." in text_of(page)
    assert "This is you: you are signed out" in text_of(await admin.get(f"/people/{ADMIN}/disable"))
    assert (await admin.get("/people")).status_code == httpx2.codes.OK
    assert COOKIE in admin.cookies


async def test_nobody_is_not_found(enter: Enter) -> None:
    """404 as a page for a person who is not there, whatever is asked."""
    admin = await enter(ADMIN)
    for answer in (
        await admin.get("/people/nobody"),
        await admin.get("/people/nobody/disable"),
        await admin.post("/people/nobody/disable"),
        await admin.post("/people/nobody/password"),
        await admin.post("/people/nobody/role", data={"role": "admin"}),
        await admin.get("/people/%3Cscript%3E"),
    ):
        assert answer.status_code == httpx2.codes.NOT_FOUND
        assert "There is no" in text_of(answer)
        assert "<script>" not in answer.text


def _ago(page: httpx2.Response) -> str:
    (first, *_) = re.findall(r"\d+ (?:s|min) ago", text_of(page))
    return str(first)
