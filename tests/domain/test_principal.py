"""Principals: what each role may do, and which person answers for a key."""

import re

import pytest

from assent.models import NAME_PATTERN, Role
from domain.principal import AUTOMATION, Principal, person_of


@pytest.mark.parametrize(
    ("role", "may_decide", "reads_all"),
    [
        (Role.AGENT, False, False),
        (Role.REVIEWER, True, True),
        (Role.ADMIN, True, True),
        (Role.AUDITOR, False, True),
    ],
)
def test_a_role_decides_what_its_holder_may_do(role: Role, *, may_decide: bool, reads_all: bool) -> None:
    """Agents see their own approvals; reviewers and admins decide; auditors only read."""
    principal = Principal(name="ana", role=role)
    assert (principal.may_decide, principal.reads_all) == (may_decide, reads_all)


@pytest.mark.parametrize(
    ("name", "owner", "person"),
    [("ana", None, "ana"), ("ana-phone", "ana", "ana"), ("ana", "ana", "ana"), ("ana", "", "ana")],
)
def test_the_person_is_the_owner_or_the_key_itself(name: str, owner: str | None, person: str) -> None:
    """A key that nobody else answers for is its own person."""
    assert person_of(name, owner) == person
    assert Principal(name=name, role=Role.REVIEWER, owner=owner).person == person


@pytest.mark.parametrize("role", list(Role))
def test_an_actor_is_written_as_role_and_name(role: Role) -> None:
    """So the audit log tells apart who did something and in which part; the owner is not part of it."""
    assert str(Principal(name="billing", role=role, owner="ana")) == f"{role.value}:billing"


def test_the_platforms_own_key_has_a_name_that_a_stored_key_could_have() -> None:
    """That is why the name is kept free: the log must never confuse the two."""
    assert re.fullmatch(NAME_PATTERN, AUTOMATION)
    assert str(Principal(name=AUTOMATION, role=Role.ADMIN)) == "admin:automation"
