"""The page about oneself: one's sessions, and one's password."""

import re
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import update

from assent.models import Role
from services.people import make_person
from services.wiring import system_clock
from storage.people import PeopleStore
from storage.tables import sessions
from tests.dashboard.visitors import FROM_HERE, Enter, add_quickly, text_of
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

END = re.compile(r'action="/you/sessions/([0-9a-f]{16})/end"')
OLD = "the old one 1"
NEW = "the new one 2"


def add_with_password(stack: Stack, name: str) -> None:
    """Make a person with the password OLD."""
    make_person(
        PeopleStore(stack.database),
        name,
        Role.REVIEWER,
        created_by="system:test",
        clock=system_clock,
        password=OLD,
    )


async def is_in(client: httpx2.AsyncClient) -> bool:
    """Whether the client's session is in force."""
    return (await client.get("/you")).status_code == httpx2.codes.OK


async def test_it_says_who_one_is_and_lists_ones_sessions(served: Stack, enter: Enter) -> None:
    """Name, role, and each session of one's own with its browser and times; this one first and marked."""
    add_quickly(served, "vera", Role.AUDITOR)
    add_quickly(served, "else")
    await enter("else", browser="somebody else's")
    here, _ = await enter("vera"), await enter("vera", browser="curl/8 <b>\u202e")
    page = await here.get("/you")
    text = text_of(page)
    assert "vera auditor" in text
    assert text.index("Firefox on Linux this one signed in") < text.index("curl/8 <b> U+202E signed in")
    assert "<b>\u202e" not in page.text
    assert "somebody else's" not in text
    assert len(END.findall(page.text)) == 1


async def test_when_a_session_was_used_is_right_to_the_minute(served: Stack, enter: Enter) -> None:
    """Signed in an hour ago and last seen half an hour ago, it says so; looking makes it seen now."""
    add_quickly(served, "tina")
    here, there = await enter("tina"), await enter("tina", browser="there")
    now = system_clock()
    with served.database.write() as connection:
        connection.execute(
            update(sessions)
            .where(sessions.c.client == "there")
            .values(created_at=now - timedelta(hours=1, seconds=1), seen_at=now - timedelta(minutes=30, seconds=1))
        )
    assert "there signed in 1 h ago , last seen 30 min ago" in text_of(await here.get("/you"))
    assert await is_in(there)
    assert re.search(r"there signed in 1 h ago , last seen \d s ago", text_of(await here.get("/you")))


async def test_one_session_is_ended(served: Stack, enter: Enter) -> None:
    """It is over at once; the others go on, and ending it again is no error."""
    add_quickly(served, "kurt")
    here, there, third = await enter("kurt"), await enter("kurt"), await enter("kurt")
    (of_there,) = set(END.findall((await here.get("/you")).text)) & set(END.findall((await third.get("/you")).text))
    for _ in range(2):
        answer = await here.post(f"/you/sessions/{of_there}/end")
        assert (answer.status_code, answer.headers["location"]) == (httpx2.codes.SEE_OTHER, "/you")
    assert [await is_in(each) for each in (here, there, third)] == [True, False, True]


async def test_nobody_ends_anothers_session(served: Stack, enter: Enter) -> None:
    """Whatever id is sent, only one's own sessions end."""
    for name in ("ines", "jill"):
        add_quickly(served, name)
    ines, jill, there = await enter("ines"), await enter("jill"), await enter("jill")
    (of_jill,) = END.findall((await jill.get("/you")).text)
    assert (await ines.post(f"/you/sessions/{of_jill}/end")).status_code == httpx2.codes.SEE_OTHER
    await ines.post("/you/sessions/end-others")
    assert [await is_in(each) for each in (ines, jill, there)] == [True, True, True]


async def test_all_other_sessions_are_ended(served: Stack, enter: Enter) -> None:
    """This one goes on; then there is nothing to end."""
    add_quickly(served, "olaf")
    here, others = await enter("olaf"), [await enter("olaf") for _ in range(3)]
    assert "End all others" in text_of(await here.get("/you"))
    assert (await here.post("/you/sessions/end-others")).headers["location"] == "/you"
    assert [await is_in(each) for each in others] == [False] * 3
    page = await here.get("/you")
    assert page.status_code == httpx2.codes.OK
    assert "End all others" not in text_of(page)


async def test_this_session_can_be_ended_too(served: Stack, enter: Enter) -> None:
    """Sent by hand, as the page does not offer it: one is signed out."""
    add_quickly(served, "nora")
    here, there = await enter("nora"), await enter("nora")
    (of_here,) = END.findall((await there.get("/you")).text)
    await here.post(f"/you/sessions/{of_here}/end")
    assert [await is_in(here), await is_in(there)] == [False, True]


async def test_the_password_is_changed(served: Stack, enter: Enter) -> None:
    """The new one signs in and the old one does not; this session goes on, the others are over."""
    add_with_password(served, "gail")
    here, there = await enter("gail"), await enter("gail")
    changed = await here.post("/you/password", data={"old": OLD, "new": NEW})
    assert (changed.status_code, changed.headers["location"]) == (httpx2.codes.SEE_OTHER, "/you?changed")
    assert "Your password is changed" in text_of(await here.get("/you?changed"))
    assert not await is_in(there)
    for password, status in ((OLD, 401), (NEW, 303)):
        answer = await served.http.post("/sign-in", data={"name": "gail", "password": password}, headers=FROM_HERE)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("wrong", NEW, (401, "The password that you have now is another one.")),
        ("", NEW, (401, "The password that you have now is another one.")),
        (OLD, "short", (422, "8 characters or more")),
        (OLD, "x" * 257, (422, "at most 256 characters")),
        (OLD, "", (422, "8 characters or more")),
    ],
)
async def test_a_password_that_cannot_be_changed_says_why(
    served: Stack, enter: Enter, old: str, new: str, answer: tuple[int, str]
) -> None:
    """The page again with the sentence, without what was typed; the old password stays, and so do the sessions."""
    name = f"p{answer[0]}-{len(new)}-{len(old)}"
    add_with_password(served, name)
    here, there = await enter(name), await enter(name)
    page = await here.post("/you/password", data={"old": old, "new": new})
    assert page.status_code == answer[0]
    assert 'role="alert"' in page.text
    assert answer[1] in text_of(page)
    assert 'type="password" value' not in page.text
    assert await is_in(there)
    signed = await served.http.post("/sign-in", data={"name": name, "password": OLD}, headers=FROM_HERE)
    assert signed.status_code == httpx2.codes.SEE_OTHER
