"""Keys: names for ever, revoked once."""

import pytest

from assent.models import Role
from domain.errors import InvalidPersonError, KeyNotFoundError, NameTakenError
from tests.storage.builders import LATER, RECORDED, STARTED, make_key, make_person
from tests.storage.record import Record

HASH = "a5" * 32


def test_a_key_is_found_by_its_id(empty_record: Record) -> None:
    """With the hash of its secret, to compare; its making is told without the hash."""
    keys = empty_record.keys
    key = make_key("ada-laptop", Role.REVIEWER, owner="ada")
    keys.add(key, HASH)
    assert keys.find(key.id) == (key, HASH)
    assert keys.find("0" * 16) is None
    (event,) = empty_record.rows()["audit_events"]
    assert (event["action"], event["actor"], event["at"]) == ("key.created", "admin:automation", STARTED)
    assert event["details"] == {"key_id": key.id, "name": "ada-laptop", "role": "reviewer", "owner": "ada"}


def test_a_name_is_never_used_again(empty_record: Record) -> None:
    """Not by another role, and not after it was revoked: whoever is named in the log is one key."""
    keys = empty_record.keys
    key = make_key("billing", Role.AGENT)
    keys.add(key, HASH)
    before = empty_record.rows()
    with pytest.raises(NameTakenError, match="'billing' is or was in use"):
        keys.add(make_key("billing", Role.ADMIN), HASH)
    assert empty_record.rows() == before
    keys.revoke(key.id, by="admin:root", at=RECORDED)
    with pytest.raises(NameTakenError):
        keys.add(make_key("billing", Role.AGENT), HASH)
    assert keys.count() == 1


def test_somebody_disabled_gets_no_key(empty_record: Record) -> None:
    """Disabling revokes the keys that they own, and is for good. An agent's key goes on, so one may also begin."""
    empty_record.people.add(make_person("jana"), HASH)
    empty_record.people.disable("jana", by="admin:root", at=RECORDED)
    before = empty_record.rows()
    with pytest.raises(InvalidPersonError, match="jana is disabled, for good, and gets no key"):
        empty_record.keys.add(make_key("jana-laptop", Role.REVIEWER, owner="jana"), HASH)
    assert empty_record.rows() == before
    empty_record.keys.add(make_key("billing", Role.AGENT, owner="jana"), HASH)


def test_a_key_is_revoked_once(empty_record: Record) -> None:
    """From then on it is not found; a second revocation changes and tells nothing."""
    keys = empty_record.keys
    key = make_key("ada")
    keys.add(key, HASH)
    revoked = keys.revoke(key.id, by="admin:root", at=RECORDED)
    assert revoked == key.model_copy(update={"revoked_at": RECORDED})
    assert keys.find(key.id) is None
    before = empty_record.rows()
    assert keys.revoke(key.id, by="admin:other", at=LATER) == revoked
    assert empty_record.rows() == before
    event = before["audit_events"][-1]
    assert (event["action"], event["actor"], event["at"]) == ("key.revoked", "admin:root", RECORDED)
    assert event["details"] == {"key_id": key.id, "name": "ada", "role": "reviewer", "owner": None}


def test_what_is_not_there_is_not_revoked(empty_record: Record) -> None:
    """The caller is told, and the log is silent."""
    with pytest.raises(KeyNotFoundError, match="no key 0123456789abcdef"):
        empty_record.keys.revoke("0123456789abcdef", by="admin:root", at=RECORDED)
    assert not any(empty_record.rows().values())


def test_a_name_is_active_while_its_key_is(empty_record: Record) -> None:
    """The platform's own admin always is: its key is in the settings."""
    keys = empty_record.keys
    key = make_key("ada")
    assert not keys.is_active("ada")
    keys.add(key, HASH)
    assert keys.is_active("ada")
    keys.revoke(key.id, by="admin:root", at=RECORDED)
    assert not keys.is_active("ada")
    assert keys.is_active("automation")


def test_all_keys_are_listed_by_name(empty_record: Record) -> None:
    """Revoked ones too: they are the history of their names."""
    keys = empty_record.keys
    made = [make_key(name) for name in ("cyd", "ada", "bob")]
    for key in made:
        keys.add(key, HASH)
    revoked = keys.revoke(made[2].id, by="admin:root", at=RECORDED)
    assert keys.all() == [made[1], revoked, made[0]]
    assert keys.count() == 3


def test_the_agents_are_those_whose_key_is_not_revoked(empty_record: Record) -> None:
    """With whoever owns each: what a trusted pattern is held against when it is made."""
    keys = empty_record.keys
    agents = [make_key("mine", Role.AGENT, owner="ana"), make_key("nobodys", Role.AGENT), make_key("gone", Role.AGENT)]
    for key in (*agents, make_key("ada"), make_key("root", Role.ADMIN)):
        keys.add(key, HASH)
    keys.revoke(agents[2].id, by="admin:root", at=RECORDED)
    assert sorted(keys.agents()) == [("mine", "ana"), ("nobodys", None)]


def test_the_owner_of_a_key_is_found_by_its_name(empty_record: Record) -> None:
    """Also once it is revoked; a name without a key has no owner."""
    keys = empty_record.keys
    key = make_key("mine", Role.AGENT, owner="ana")
    keys.add(key, HASH)
    keys.add(make_key("nobodys", Role.AGENT), HASH)
    keys.revoke(key.id, by="admin:root", at=RECORDED)
    assert [keys.owner_of(name) for name in ("mine", "nobodys", "unknown")] == ["ana", None, None]


def test_only_pending_approvals_of_revoked_agents_are_to_be_cancelled(record: Record) -> None:
    """What is approved, or ended, or another agent's, is left to the other rules."""
    (agent,) = [key for key in record.keys.all() if key.name == "agent"]
    pending = {record.open().approval_id for _ in range(3)}
    record.approved()
    assert record.reads.pending_of_revoked_agents(after="", limit=10) == []
    record.keys.revoke(agent.id, by="admin:root", at=RECORDED)
    assert set(record.reads.pending_of_revoked_agents(after="", limit=10)) == pending
    first = record.reads.pending_of_revoked_agents(after="", limit=2)
    assert len(first) == 2
    assert set(record.reads.pending_of_revoked_agents(after=first[-1], limit=10)) == pending - set(first)
