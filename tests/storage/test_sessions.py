"""Sessions: in force until their time is over, or somebody ends them; links: good once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, text

from assent.models import AuditEvent, Role
from domain.people import Proof, Session, SessionEnd, Way
from domain.principal import Principal
from storage.audit import read_events
from tests.storage.builders import A_MOMENT, RECORDED, STARTED, make_person
from tests.storage.record import Record, open_record

HASH, OLDER_HASH = "$argon2id$one", "$argon2id$older"
TOKEN, OTHER_TOKEN = "a5" * 32, "b6" * 32
BY_LINK = Proof(name="ada", way=Way.LINK)
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def house(empty_record: Record) -> Record:
    """A record with Ada and Bob in it."""
    empty_record.people.add(make_person("ada"), HASH)
    empty_record.people.add(make_person("bob", Role.ADMIN), HASH)
    return empty_record


def start(
    record: Record, proof: Proof = BY_LINK, token: str = TOKEN, session_id: str = "s-1", at: datetime = STARTED
) -> Session | None:
    return record.sessions.start(proof, token, session_id=session_id, client="Firefox", at=at)


def events(record: Record) -> list[AuditEvent]:
    with record.database.read() as connection:
        return [line for _, line in read_events(connection, limit=1_000) if line.action.startswith("session.")]


@pytest.mark.parametrize("way", list(Way))
def test_a_session_is_found_by_its_token(house: Record, way: Way) -> None:
    """It says who decides; its start is told with how it was proven, and without the token's hash."""
    session = start(house, Proof(name="ada", way=way))
    assert session == Session(
        session_id="s-1",
        principal=Principal(name="ada", role=Role.REVIEWER),
        client="Firefox",
        created_at=STARTED,
        seen_at=STARTED,
    )
    assert house.sessions.find(TOKEN, at=STARTED) == session
    assert house.sessions.find(OTHER_TOKEN, at=STARTED) is None
    (told,) = events(house)
    assert (told.action, told.actor, told.at) == ("session.started", "reviewer:ada", STARTED)
    assert told.details == {"session_id": "s-1", "by": way.value}


def test_a_session_has_the_role_of_now(house: Record) -> None:
    """Whoever is made an auditor decides no more, without signing in again."""
    start(house)
    house.people.change_role("ada", Role.AUDITOR, by="admin:bob", at=RECORDED)
    found = house.sessions.find(TOKEN, at=STARTED)
    assert found is not None
    assert found.principal == Principal(name="ada", role=Role.AUDITOR)


def test_a_session_that_is_not_used_ends(house: Record) -> None:
    """After the idle time, to the moment; one that is used goes on."""
    session = start(house)
    assert session is not None
    assert house.sessions.find(TOKEN, at=STARTED + AN_HOUR - A_MOMENT) is not None
    assert house.sessions.find(TOKEN, at=STARTED + AN_HOUR) is None
    half = STARTED + AN_HOUR / 2
    house.sessions.touch(session, at=half)
    assert house.sessions.find(TOKEN, at=STARTED + AN_HOUR) is not None
    assert house.sessions.find(TOKEN, at=half + AN_HOUR) is None


def test_a_session_ends_in_any_case(house: Record) -> None:
    """However much it is used, after its longest time it is over."""
    session = start(house)
    assert session is not None
    house.sessions.touch(session, at=STARTED + A_DAY - A_MOMENT)
    assert house.sessions.find(TOKEN, at=STARTED + A_DAY - A_MOMENT) is not None
    assert house.sessions.find(TOKEN, at=STARTED + A_DAY) is None


def test_a_use_is_written_once_a_minute(house: Record) -> None:
    """A page loads many things at once, and a write costs more than a read."""
    session = start(house)
    assert session is not None
    before = house.rows()
    house.sessions.touch(session, at=STARTED + timedelta(seconds=59))
    assert house.rows() == before
    house.sessions.touch(session, at=STARTED + timedelta(seconds=60))
    found = house.sessions.find(TOKEN, at=STARTED + timedelta(seconds=60))
    assert found is not None
    assert found.seen_at == STARTED + timedelta(seconds=60)


def test_a_use_never_counts_backwards(house: Record) -> None:
    """Two processes' clocks differ; the later one stays."""
    session = start(house)
    assert session is not None
    later = STARTED + timedelta(minutes=30)
    house.sessions.touch(session, at=later)
    house.sessions.touch(session, at=later - timedelta(minutes=5))
    found = house.sessions.find(TOKEN, at=later)
    assert found is not None
    assert found.seen_at == later


def test_a_busy_database_ends_no_session(house: Record) -> None:
    """That a use could not be written is nobody's concern: the session was found, and goes on."""
    session = start(house)
    assert session is not None
    later = STARTED + timedelta(minutes=30)
    with open_record(house.database.url) as other, other.database.write() as connection:
        connection.execute(text("UPDATE sessions SET client = 'locked'"))
        house.sessions.touch(session, at=later)
        assert house.sessions.find(TOKEN, at=later) == session


def test_ones_sessions_are_listed_the_newest_first(house: Record) -> None:
    """Those in force, and nobody else's."""
    for number, at in enumerate((STARTED, STARTED + A_MOMENT, STARTED + 2 * A_MOMENT)):
        start(house, token=f"{number}" * 64, session_id=f"s-{number}", at=at)
    start(house, Proof(name="bob", way=Way.LINK), OTHER_TOKEN, "bobs")
    start(house, token="f" * 64, session_id="idle", at=STARTED - AN_HOUR)
    house.sessions.end("s-1", "ada", SessionEnd.REVOKED, by="reviewer:ada", at=RECORDED)
    assert [session.session_id for session in house.sessions.of_person("ada", at=STARTED)] == ["s-2", "s-0"]


def test_a_session_is_ended_once_by_its_person(house: Record) -> None:
    """It is not found from then on; another person's end, and a second one, change and tell nothing."""
    start(house)
    before = house.rows()
    assert not house.sessions.end("s-1", "bob", SessionEnd.REVOKED, by="admin:bob", at=RECORDED)
    assert not house.sessions.end("s-2", "ada", SessionEnd.REVOKED, by="reviewer:ada", at=RECORDED)
    assert house.rows() == before
    assert house.sessions.end("s-1", "ada", SessionEnd.SIGNED_OUT, by="reviewer:ada", at=RECORDED)
    assert house.sessions.find(TOKEN, at=STARTED) is None
    told = events(house)[-1]
    assert (told.action, told.actor, told.at) == ("session.ended", "reviewer:ada", RECORDED)
    assert told.details == {"session_id": "s-1", "person": "ada", "why": "signed_out"}
    before = house.rows()
    assert not house.sessions.end("s-1", "ada", SessionEnd.REVOKED, by="reviewer:ada", at=RECORDED)
    assert house.rows() == before


def test_who_may_not_sign_in_has_no_session(house: Record) -> None:
    """Somebody who is disabled, whose password was changed since it was checked, or who is nobody."""
    house.people.disable("ada", by="admin:bob", at=RECORDED)
    before = house.rows()
    assert start(house) is None
    assert start(house, Proof(name="bob", way=Way.PASSWORD, password_hash=OLDER_HASH)) is None
    assert start(house, Proof(name="nobody", way=Way.LINK)) is None
    assert house.rows() == before
    assert start(house, Proof(name="bob", way=Way.PASSWORD, password_hash=HASH)) is not None


def test_no_session_survives_a_disabling(house: Record) -> None:
    """Whoever is disabled while they sign in, in another process, is signed out by it."""
    in_the_middle = threading.Event()

    def linger(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO sessions"):
            in_the_middle.set()
            time.sleep(0.3)

    def disable() -> None:
        assert in_the_middle.wait(30)
        house.people.disable("ada", by="admin:bob", at=RECORDED)

    with open_record(house.database.url) as other, ThreadPoolExecutor(1) as threads:
        event.listen(other.database.engine, "before_cursor_execute", linger)
        disabling = threads.submit(disable)
        assert start(other) is not None
        disabling.result()
    assert [row["ended_at"] for row in house.rows()["sessions"]] == [RECORDED]


def test_a_refusal_is_told(house: Record) -> None:
    """With the name when it is a person's: what somebody else types there may be their password."""
    house.sessions.tell_refused(Way.PASSWORD, "ada", at=RECORDED)
    house.sessions.tell_refused(Way.PASSWORD, None, at=RECORDED)
    house.sessions.tell_refused(Way.PASSWORD, None, at=RECORDED)
    assert [(event.action, event.actor) for event in events(house)] == [("session.refused", "unknown")] * 3
    assert [event.details for event in events(house)] == [
        {"by": "password", "name": "ada"},
        {"by": "password"},
        {"by": "password"},
    ]


def test_a_link_is_good_once_and_not_for_long(house: Record) -> None:
    """Until its end, to the moment."""
    house.links.add(TOKEN, "ada", at=STARTED, expires_at=STARTED + AN_HOUR)
    house.links.add(OTHER_TOKEN, "ada", at=STARTED, expires_at=STARTED + AN_HOUR)
    proof = Proof(name="ada", way=Way.LINK, password_hash=HASH)
    assert house.links.use("c7" * 32, at=STARTED) is None
    assert house.links.use(TOKEN, at=STARTED + AN_HOUR) is None
    assert house.links.use(TOKEN, at=STARTED + AN_HOUR - A_MOMENT) == proof
    assert house.links.use(TOKEN, at=STARTED) is None
    assert house.links.use(OTHER_TOKEN, at=STARTED) == proof


def test_a_link_that_was_used_before_a_new_password_lets_nobody_in(house: Record) -> None:
    """The password was given to keep somebody out, who may have pressed the button a moment before."""
    house.links.add(TOKEN, "ada", at=STARTED, expires_at=STARTED + AN_HOUR)
    proof = house.links.use(TOKEN, at=STARTED)
    assert proof is not None
    house.people.set_password("ada", "another", by="admin:iris", at=STARTED)
    assert house.sessions.start(proof, OTHER_TOKEN, session_id="s", client="", at=STARTED) is None


def test_of_racing_uses_of_a_link_one_is_let_in(database_url: str) -> None:
    """A link that two people have is one person's."""
    with open_record(database_url) as one, open_record(database_url) as two:
        one.people.add(make_person("ada"), None)
        one.links.add(TOKEN, "ada", at=STARTED, expires_at=STARTED + AN_HOUR)
        line = threading.Barrier(8)

        def use(racer: int) -> str | None:
            line.wait(30)
            proof = (one, two)[racer % 2].links.use(TOKEN, at=STARTED)
            return None if proof is None else proof.name

        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(use, range(8)), key=str) == [*([None] * 7), "ada"]
