"""People: one namespace with keys, each change told, and rights that end at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assent.models import AuditEvent, Role
from domain.errors import InvalidPersonError, NameTakenError, PersonNotFoundError
from domain.people import Proof, Way
from storage.audit import read_events
from tests.storage.builders import DECIDED, LATER, RECORDED, STARTED, make_key, make_person
from tests.storage.record import Record, open_record

HASH, OTHER_HASH = "$argon2id$one", "$argon2id$other"
ADMIN = "admin:root"


def events(record: Record) -> list[AuditEvent]:
    with record.database.read() as connection:
        return [line for _, line in read_events(connection, limit=1_000)]


def actions(record: Record) -> list[str]:
    return [event.action for event in events(record)]


def sign_in(record: Record, name: str, number: int = 1) -> str:
    """Start a session, and return the hash of its token."""
    token_hash = f"{name}-{number}".ljust(64, "-")
    session_id = f"{name}-{number}"
    proof = Proof(name=name, way=Way.LINK)
    assert record.sessions.start(proof, token_hash, session_id=session_id, client="", at=DECIDED) is not None
    return token_hash


def test_a_person_is_found_by_name(empty_record: Record) -> None:
    """With the hash of their password, to compare; their making is told without it."""
    ada, bob = make_person("ada"), make_person("bob", Role.ADMIN)
    empty_record.people.add(bob, None)
    empty_record.people.add(ada, HASH)
    assert empty_record.people.find("ada") == (ada, HASH)
    assert empty_record.people.find("bob") == (bob, None)
    assert empty_record.people.all() == [ada, bob]
    assert empty_record.people.count() == 2
    told = events(empty_record)[-1]
    assert (told.action, told.actor, told.at) == ("person.added", "admin:automation", STARTED)
    assert told.details == {"name": "ada", "role": "reviewer"}
    assert "argon2" not in repr(events(empty_record))


@pytest.mark.parametrize("name", ["nobody", "", "a\x00b", "\ud800"])
def test_what_is_nobodys_name_is_not_found(empty_record: Record, name: str) -> None:
    """Also text that a database refuses, which a form may bring."""
    assert empty_record.people.find(name) is None
    with pytest.raises(PersonNotFoundError, match="There is no person named"):
        empty_record.people.disable(name, by=ADMIN, at=RECORDED)
    with pytest.raises(PersonNotFoundError):
        empty_record.people.change_role(name, Role.ADMIN, by=ADMIN, at=RECORDED)
    with pytest.raises(PersonNotFoundError):
        empty_record.people.set_password(name, HASH, by=ADMIN, at=RECORDED)
    assert not any(empty_record.rows().values())


def test_people_and_keys_share_their_names(empty_record: Record) -> None:
    """For ever: a vote is counted by name, and the log names one of them."""
    people, keys = empty_record.people, empty_record.keys
    people.add(make_person("ada"), HASH)
    people.add(make_person("bob"), HASH)
    bobs_agent, revoked = make_key("bobs-agent", Role.AGENT, owner="bob"), make_key("gone")
    keys.add(bobs_agent, "0" * 64)
    keys.add(revoked, "0" * 64)
    keys.revoke(revoked.id, by=ADMIN, at=RECORDED)
    people.disable("ada", by=ADMIN, at=RECORDED)
    before = empty_record.rows()
    for name in ("ada", "bob"):
        with pytest.raises(NameTakenError, match=f"{name!r} is or was in use by a person"):
            keys.add(make_key(name), "0" * 64)
        with pytest.raises(NameTakenError, match="by a person"):
            people.add(make_person(name), HASH)
    for name in ("bobs-agent", "gone"):
        with pytest.raises(NameTakenError, match=f"{name!r} is or was in use by a key"):
            people.add(make_person(name), HASH)
    assert empty_record.rows() == before


def test_of_racing_takers_of_a_name_one_gets_it(database_url: str) -> None:
    """Two processes, each with keys and people at the same moment, in many rounds: never two of one name."""
    with open_record(database_url) as one, open_record(database_url) as two:
        line = threading.Barrier(4)

        def take(racer: int) -> list[bool]:
            record, got = (one, two)[racer % 2], []
            for number in range(15):
                line.wait(30)
                try:
                    if racer < 2:
                        record.people.add(make_person(f"name-{number}"), None)
                    else:
                        record.keys.add(make_key(f"name-{number}"), "0" * 64)
                except NameTakenError:
                    got.append(False)
                else:
                    got.append(True)
            return got

        with ThreadPoolExecutor(4) as threads:
            takers = list(threads.map(take, range(4)))
        assert [sum(round_) for round_ in zip(*takers, strict=True)] == [1] * 15
        names = [person.name for person in one.people.all()] + [key.name for key in one.keys.all()]
        assert len(names) == len(set(names)) == 15


def test_a_role_is_changed(empty_record: Record) -> None:
    """Told with what it was; the same role again changes and tells nothing."""
    people = empty_record.people
    people.add(make_person("ada"), HASH)
    changed = people.change_role("ada", Role.ADMIN, by=ADMIN, at=RECORDED)
    assert changed == make_person("ada", Role.ADMIN)
    assert people.find("ada") == (changed, HASH)
    told = events(empty_record)[-1]
    assert (told.action, told.actor, told.at) == ("person.changed", ADMIN, RECORDED)
    assert told.details == {"name": "ada", "role": "admin", "changed": "role", "from": "reviewer"}
    before = empty_record.rows()
    assert people.change_role("ada", Role.ADMIN, by=ADMIN, at=LATER) == changed
    assert empty_record.rows() == before


def test_a_role_that_comes_back_is_told_again(empty_record: Record) -> None:
    """Each change has its line, also when it says the same as one before."""
    people = empty_record.people
    people.add(make_person("ada"), HASH)
    for role in (Role.AUDITOR, Role.REVIEWER, Role.AUDITOR):
        people.change_role("ada", role, by=ADMIN, at=RECORDED)
    assert actions(empty_record).count("person.changed") == 3


def test_the_only_admin_stays_one(empty_record: Record) -> None:
    """Whoever asks: nobody would be left to manage people. A disabled admin is none."""
    people = empty_record.people
    people.add(make_person("gone", Role.ADMIN), HASH)
    people.add(make_person("ada", Role.ADMIN), HASH)
    people.add(make_person("bob"), HASH)
    people.disable("gone", by=ADMIN, at=RECORDED)
    before = empty_record.rows()
    sentence = r"ada is the only admin\. Make another person an admin first"
    with pytest.raises(InvalidPersonError, match=sentence):
        people.disable("ada", by="admin:ada", at=RECORDED)
    with pytest.raises(InvalidPersonError, match=sentence):
        people.change_role("ada", Role.REVIEWER, by="admin:ada", at=RECORDED)
    assert empty_record.rows() == before
    people.change_role("bob", Role.ADMIN, by=ADMIN, at=RECORDED)
    assert people.disable("ada", by="admin:ada", at=RECORDED).disabled_at == RECORDED


def test_of_racing_admins_one_is_left(database_url: str) -> None:
    """Two who disable each other in the same moment: one of them is too late."""
    with open_record(database_url) as one, open_record(database_url) as two:
        one.people.add(make_person("ada", Role.ADMIN), None)
        for number in range(15):
            other = f"bob-{number}"
            one.people.add(make_person(other, Role.ADMIN), None)
            left = {person.name for person in one.people.all() if person.disabled_at is None}
            first, second = sorted(left)
            line = threading.Barrier(2)

            def disable(record: Record, name: str) -> bool:
                line.wait(30)  # noqa: B023  done before the next round
                try:
                    record.people.disable(name, by=ADMIN, at=RECORDED)
                except InvalidPersonError:
                    return False
                return True

            with ThreadPoolExecutor(2) as threads:
                assert sorted(threads.map(disable, (one, two), (first, second))) == [False, True]


def test_a_disabled_person_is_out(empty_record: Record) -> None:
    """Their sessions, links and own keys end in the same transaction; an agent of theirs goes on. Then never again."""
    people, keys = empty_record.people, empty_record.keys
    for name in ("ada", "bob"):
        people.add(make_person(name), HASH)
    own, agents, bobs = make_key("ada-cli", owner="ada"), make_key("x", Role.AGENT, owner="ada"), make_key("y")
    for key in (own, agents, bobs):
        keys.add(key, "0" * 64)
    tokens = [sign_in(empty_record, "ada", 1), sign_in(empty_record, "ada", 2)]
    bobs_token = sign_in(empty_record, "bob")
    disabled = people.disable("ada", by=ADMIN, at=RECORDED)
    assert disabled == make_person("ada").model_copy(update={"disabled_at": RECORDED})
    assert [empty_record.sessions.find(token, at=RECORDED) for token in tokens] == [None, None]
    assert empty_record.sessions.find(bobs_token, at=RECORDED) is not None
    assert [keys.find(key.id) is None for key in (own, agents, bobs)] == [True, False, False]
    assert actions(empty_record)[-4:] == ["person.disabled", "session.ended", "session.ended", "key.revoked"]
    told = [event for event in events(empty_record) if event.action == "session.ended"]
    assert {event.details["session_id"] for event in told} == {"ada-1", "ada-2"}
    assert {(event.actor, event.details["why"]) for event in told} == {(ADMIN, "disabled")}

    before = empty_record.rows()
    assert people.disable("ada", by=ADMIN, at=LATER) == disabled
    with pytest.raises(InvalidPersonError, match="ada is disabled, for good"):
        people.change_role("ada", Role.ADMIN, by=ADMIN, at=LATER)
    with pytest.raises(InvalidPersonError, match="ada is disabled, for good"):
        people.set_password("ada", OTHER_HASH, by=ADMIN, at=LATER)
    assert empty_record.rows() == before


def test_a_new_password_ends_what_the_old_one_began(empty_record: Record) -> None:
    """Every session, and every link that was not used; the log has no hash."""
    people = empty_record.people
    people.add(make_person("ada"), HASH)
    token = sign_in(empty_record, "ada")
    empty_record.links.add("f" * 64, "ada", at=DECIDED, expires_at=LATER)
    assert people.set_password("ada", OTHER_HASH, by=ADMIN, at=RECORDED)
    assert people.find("ada") == (make_person("ada"), OTHER_HASH)
    assert empty_record.sessions.find(token, at=RECORDED) is None
    assert empty_record.links.use("f" * 64, at=RECORDED) is None
    changed, ended = events(empty_record)[-2:]
    assert (changed.action, changed.details["changed"]) == ("person.changed", "password")
    assert (ended.action, ended.details["why"]) == ("session.ended", "password_changed")
    assert "argon2" not in repr(events(empty_record))


def test_whoever_changes_their_password_stays_signed_in(empty_record: Record) -> None:
    """In the session that it is changed in, and in no other."""
    empty_record.people.add(make_person("ada"), HASH)
    tokens = [sign_in(empty_record, "ada", number) for number in (1, 2, 3)]
    assert empty_record.people.set_password(
        "ada", OTHER_HASH, by="reviewer:ada", at=RECORDED, instead_of=HASH, keep="ada-2"
    )
    found = [empty_record.sessions.find(token, at=RECORDED) for token in tokens]
    assert [session is not None for session in found] == [False, True, False]


def test_a_password_is_changed_only_from_the_one_that_was_checked(empty_record: Record) -> None:
    """An admin's reset in between wins."""
    empty_record.people.add(make_person("ada"), OTHER_HASH)
    before = empty_record.rows()
    assert not empty_record.people.set_password("ada", "new", by="reviewer:ada", at=RECORDED, instead_of=HASH)
    assert empty_record.rows() == before
