"""Signing in: one answer for everything that is wrong, in the same words and with the same work."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from assent.models import Role
from domain.errors import InvalidPersonError, SessionNotFoundError, SignInFailedError, TooManySignInsError
from domain.principal import Principal
from services.sign_in import SignInLimits
from storage.database import Database
from tests.services.front_door import ADDRESS, CLIENT, PASSWORD, FrontDoor
from tests.storage.builders import make_person

OTHER_PASSWORD = "battery staple"  # noqa: S105  of nobody


@pytest.fixture
def door(sqlite_url: str) -> Iterator[FrontDoor]:
    """A way in, for Ada, and for Bob the admin."""
    database = Database(sqlite_url)
    door = FrontDoor(database)
    door.add("ada")
    door.add("bob", Role.ADMIN)
    yield door
    database.close()


class Hands:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


def wait_of(limits: SignInLimits, name: str, *, address: str = ADDRESS) -> int | None:
    """Try once; return the seconds to wait, None when the try is allowed."""
    try:
        limits.take(name, address)
    except TooManySignInsError as error:
        return error.retry_after
    return None


async def test_a_person_signs_in_by_name_and_password(door: FrontDoor) -> None:
    """The token is the session's; in the database and the log there is nothing that could stand for it."""
    signed_in = await door.enter()
    session = signed_in.session
    assert session.principal == Principal(name="ada", role=Role.REVIEWER)
    assert (session.client, session.created_at) == (CLIENT, door.now)
    assert await door.sign_in.session(signed_in.token) == session
    assert len(signed_in.token) == 43
    assert signed_in.token not in repr(signed_in)
    with door.database.read() as connection:
        kept = repr(connection.exec_driver_sql("SELECT * FROM sessions").all())
    assert signed_in.token not in kept
    (told,) = door.events("session.started")
    assert told.details == {"session_id": session.session_id, "by": "password"}


async def test_a_name_may_be_typed_as_a_phone_does(door: FrontDoor) -> None:
    """With a capital and a space at its end; a password is taken as it is."""
    assert (await door.enter(" Ada ")).session.principal.name == "ada"
    with pytest.raises(SignInFailedError):
        await door.enter(password=f"{PASSWORD} ")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", OTHER_PASSWORD),
        ("ada", ""),
        ("ada", PASSWORD + "x" * 256),
        ("ada", "x" * 100_000),
        ("ada", "\ud800\x00"),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a\x00\ud800", PASSWORD),
        ("a" * 100_000, PASSWORD),
        ("gone", PASSWORD),
        ("no-password", ""),
        ("no-password", PASSWORD),
    ],
)
async def test_whatever_is_wrong_is_answered_alike(door: FrontDoor, name: str, password: str) -> None:
    """In the same words, after one hashing; nobody is signed in, and the log has one line."""
    door.add("gone")
    door.store.disable("gone", by="admin:bob", at=door.now)
    door.store.add(make_person("no-password"), None)
    with pytest.raises(SignInFailedError) as refused:
        await door.enter(name, password)
    assert refused.value.detail == "The name or the password is wrong. Try again, or ask an admin for a new password."
    assert door.passwords.times == 1
    assert door.events("session.started") == []
    (told,) = door.events("session.refused")
    known = {"name": name} if name in {"ada", "gone", "no-password"} else {}
    assert (told.actor, told.details) == ("unknown", {"by": "password"} | known)


async def test_an_unknown_name_takes_as_long_as_a_known_one(door: FrontDoor) -> None:
    """Hashing is most of the time, and is done for both: a stopwatch does not tell who works here."""

    async def seconds(name: str) -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(SignInFailedError):
            await door.enter(name, OTHER_PASSWORD)
        return asyncio.get_running_loop().time() - began

    known = min([await seconds("ada") for _ in range(4)])
    unknown = min([await seconds("nobody") for _ in range(4)])
    assert unknown > known / 3


async def test_a_link_signs_in_once(door: FrontDoor) -> None:
    """Within 15 minutes."""
    token, late = door.link("ada"), door.link("ada")
    signed_in = await door.sign_in.by_link(token, client=CLIENT, address=ADDRESS)
    assert await door.sign_in.session(signed_in.token) == signed_in.session
    assert door.events("session.started")[0].details["by"] == "link"
    door.now += timedelta(minutes=15)
    for useless in (token, late, "", "\ud800\x00", "x" * 100_000):
        with pytest.raises(SignInFailedError) as refused:
            await door.sign_in.by_link(useless, client=CLIENT, address=ADDRESS)
        assert refused.value.detail.startswith("This link has been used, or its time is over.")
    assert {event.details["by"] for event in door.events("session.refused")} == {"link"}


async def test_a_link_of_somebody_disabled_lets_nobody_in(door: FrontDoor) -> None:
    """Also when it was made before."""
    token = door.link("ada")
    door.store.disable("ada", by="admin:bob", at=door.now)
    with pytest.raises(SignInFailedError):
        await door.sign_in.by_link(token, client=CLIENT, address=ADDRESS)


async def test_what_the_browser_calls_itself_is_kept_as_far_as_it_can_be(door: FrontDoor) -> None:
    """Cut to 255 characters, without what a database refuses."""
    signed_in = await door.sign_in.by_password("ada", PASSWORD, client="\x00\ud800" + "x" * 1_000, address=ADDRESS)
    (session,) = await door.sign_in.sessions_of(signed_in.session.principal)
    assert session == signed_in.session
    assert (len(session.client), session.client[2:-1]) == (255, "x" * 252)


async def test_a_session_is_used_and_looked_at(door: FrontDoor) -> None:
    """A use counts, to the minute; what a page asks by itself does not keep it alive."""
    signed_in = await door.enter()
    for _ in range(3):
        door.now += timedelta(minutes=40)
        assert await door.sign_in.session(signed_in.token) is not None
    door.now += timedelta(minutes=40)
    assert await door.sign_in.session(signed_in.token, used=False) is not None
    door.now += timedelta(minutes=20)
    assert await door.sign_in.session(signed_in.token) is None


@pytest.mark.parametrize("token", ["", "nobody's", "\ud800\x00", "x" * 100_000])
async def test_what_is_no_token_is_no_session(door: FrontDoor, token: str) -> None:
    """A cookie may hold anything."""
    assert await door.sign_in.session(token) is None


async def test_whoever_signs_out_is_out(door: FrontDoor) -> None:
    """In this session, not in the others; twice is once."""
    first, second = await door.enter(), await door.enter()
    for _ in range(2):
        await door.sign_in.sign_out(first.session)
    assert await door.sign_in.session(first.token) is None
    assert await door.sign_in.session(second.token) is not None
    (told,) = door.events("session.ended")
    assert (told.actor, told.details["why"]) == ("reviewer:ada", "signed_out")


async def test_people_end_their_own_sessions(door: FrontDoor) -> None:
    """Nobody else's, not even an admin; and what is not there is said to be so."""
    ada, bob = await door.enter("ada"), await door.enter("bob")
    with pytest.raises(SessionNotFoundError):
        await door.sign_in.end(bob.session.principal, ada.session.session_id)
    for nothing in ("", "0" * 16, "\ud800\x00"):
        with pytest.raises(SessionNotFoundError):
            await door.sign_in.end(ada.session.principal, nothing)
    await door.sign_in.end(ada.session.principal, ada.session.session_id)
    assert await door.sign_in.session(ada.token) is None
    assert await door.sign_in.session(bob.token) is not None
    assert [event.details["why"] for event in door.events("session.ended")] == ["revoked"]
    with pytest.raises(SessionNotFoundError):
        await door.sign_in.end(ada.session.principal, ada.session.session_id)


async def test_a_changed_password_ends_the_other_sessions(door: FrontDoor) -> None:
    """The old one is good for nothing, and the log has neither."""
    here, elsewhere = await door.enter(), await door.enter()
    await door.sign_in.change_password(here.session, PASSWORD, OTHER_PASSWORD)
    assert await door.sign_in.session(here.token) is not None
    assert await door.sign_in.session(elsewhere.token) is None
    with pytest.raises(SignInFailedError):
        await door.enter()
    await door.enter(password=OTHER_PASSWORD)
    (told,) = door.events("person.changed")
    assert (told.actor, told.details) == (
        "reviewer:ada",
        {"name": "ada", "role": "reviewer", "changed": "password"},
    )


async def test_a_password_counts_as_it_is_kept(door: FrontDoor) -> None:
    """Typed in twice as many characters as are kept, it is the same password, at the door and in a session."""
    session = (await door.enter()).session
    long = "e\u0301" * 150
    await door.sign_in.change_password(session, PASSWORD, long)
    session = (await door.enter(password=long)).session
    await door.sign_in.change_password(session, long, OTHER_PASSWORD)
    await door.enter(password=OTHER_PASSWORD)


async def test_a_password_is_changed_by_whoever_knows_it(door: FrontDoor) -> None:
    """Somebody else at an open screen does not, and may not try for long; a bad new one is refused as well."""
    session = (await door.enter()).session
    with pytest.raises(InvalidPersonError):
        await door.sign_in.change_password(session, PASSWORD, "short")
    for _ in range(9):
        with pytest.raises(SignInFailedError, match="The password that you have now is another one"):
            await door.sign_in.change_password(session, OTHER_PASSWORD, "a new one")
    assert [told.details for told in door.events("session.refused")] == [{"by": "password", "name": "ada"}] * 9
    with pytest.raises(TooManySignInsError):
        await door.sign_in.change_password(session, PASSWORD, OTHER_PASSWORD)
    await door.enter()


def test_an_address_tries_thirty_a_minute(hands: Hands) -> None:
    """Whatever the names; then one every two seconds. Another address is let alone."""
    limits = SignInLimits(hands)
    assert [wait_of(limits, f"name-{number}") for number in range(31)] == [*([None] * 30), 2]
    assert wait_of(limits, "other", address="192.0.2.2") is None
    hands.seconds += 2
    assert [wait_of(limits, "other") for _ in range(2)] == [None, 2]


def test_an_address_tries_one_name_ten_times_a_minute(hands: Hands) -> None:
    """Another name, and the same name from elsewhere, are let alone."""
    limits = SignInLimits(hands)
    assert [wait_of(limits, "ada") for _ in range(11)] == [*([None] * 10), 6]
    assert wait_of(limits, "bob") is None
    assert wait_of(limits, "ada", address="192.0.2.2") is None


def test_a_name_is_tried_sixty_times_a_minute(hands: Hands) -> None:
    """From wherever. Whoever is sent away by their own address uses up nothing of what is left for the others."""
    limits = SignInLimits(hands)
    assert [wait_of(limits, "ada") for _ in range(20)] == [*([None] * 10), *([6] * 10)]
    others = [f"192.0.2.{number}" for number in range(2, 7)]
    assert [wait_of(limits, "ada", address=address) for address in others for _ in range(10)] == [None] * 50
    assert wait_of(limits, "ada", address="192.0.2.7") == 1
    assert wait_of(limits, "bob", address="192.0.2.7") is None


def test_an_ipv6_subscriber_is_one_address(hands: Hands) -> None:
    """Whoever has a /64 to themselves has as many addresses as they like. IPv4 written as IPv6 is that address."""
    limits = SignInLimits(hands)
    for number in range(30):
        assert wait_of(limits, f"name-{number}", address=f"2001:db8:1:2:{number:x}::1") is None
    assert wait_of(limits, "other", address="2001:db8:1:2::ffff") == 2
    assert wait_of(limits, "other", address="2001:db8:1:3::1") is None
    assert [wait_of(limits, f"name-{number}", address="::ffff:192.0.2.9") for number in range(31)][-1] == 2
    assert wait_of(limits, "other", address="::ffff:192.0.2.8") is None


async def test_whoever_tries_too_often_is_sent_away(door: FrontDoor) -> None:
    """Known or not; the right password is no way in either until the time is over. The log is not filled by it."""
    for name in ("ada", "nobody"):
        for _ in range(10):
            with pytest.raises(SignInFailedError):
                await door.enter(name, OTHER_PASSWORD)
    for _ in range(5):
        with pytest.raises(TooManySignInsError, match=r"Try again in 6 s") as refused:
            await door.enter("ada")
        assert refused.value.retry_after == 6
    assert len(door.events("session.refused")) == door.passwords.times == 20
    door.seconds += 6
    await door.enter("ada")


async def test_links_are_tried_thirty_times_a_minute(door: FrontDoor) -> None:
    """By one address."""
    for _ in range(30):
        with pytest.raises(SignInFailedError):
            await door.sign_in.by_link("nobody's", client=CLIENT, address=ADDRESS)
    token = door.link("ada")
    with pytest.raises(TooManySignInsError):
        await door.sign_in.by_link(token, client=CLIENT, address=ADDRESS)
    await door.sign_in.by_link(token, client=CLIENT, address="192.0.2.2")


async def test_the_machine_is_not_taken_by_sign_ins(door: FrontDoor) -> None:
    """Two hash at once, twenty wait, and whoever comes then is told when to try again; then there is room again."""
    at_once: list[int] = []
    inside = 0

    def hashing() -> str:
        nonlocal inside
        inside += 1
        at_once.append(inside)
        time.sleep(0.01)
        inside -= 1
        return "hashed"

    turns = await asyncio.gather(*(door.passwords.in_turn(hashing) for _ in range(25)), return_exceptions=True)
    sent_away = [turn for turn in turns if isinstance(turn, TooManySignInsError)]
    assert [error.retry_after for error in sent_away] == [5] * 3
    assert turns.count("hashed") == 22
    assert max(at_once) == 2
    assert await door.passwords.in_turn(hashing) == "hashed"
