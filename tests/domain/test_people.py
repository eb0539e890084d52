"""Who may be a person, and what may be a password."""

from datetime import UTC, datetime

import pytest

from assent.models import Role
from domain.errors import InvalidPersonError
from domain.people import Person, check_password, check_role, new_person, normalized

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN, Role.AUDITOR])
def test_a_person_has_a_name_and_a_role(role: Role) -> None:
    """With who made them, and when."""
    person = new_person("ada.l-2", role, by="admin:root", at=NOW)
    assert person == Person(name="ada.l-2", role=role, created_at=NOW, created_by="admin:root", disabled_at=None)


@pytest.mark.parametrize("name", ["", "Ada", "-ada", "ada l", "ada\n", "ad\u0430", "a" * 64, "operator:cli", "a\x00"])
def test_a_name_is_one_that_a_key_could_have(name: str) -> None:
    """People and keys share their names, so they share the rule for them."""
    with pytest.raises(InvalidPersonError, match="A name begins with a-z or 0-9"):
        new_person(name, Role.REVIEWER, by="admin:root", at=NOW)


def test_nobody_is_called_as_the_platforms_admin() -> None:
    """Its votes count without a row, and a person of that name would have them."""
    with pytest.raises(InvalidPersonError, match="belongs to the platform's own admin key"):
        new_person("automation", Role.ADMIN, by="admin:root", at=NOW)


def test_a_person_is_no_agent() -> None:
    """Neither from the start nor by a change of role."""
    with pytest.raises(InvalidPersonError, match="An agent is a program"):
        new_person("ada", Role.AGENT, by="admin:root", at=NOW)
    with pytest.raises(InvalidPersonError, match="An agent is a program"):
        check_role(Role.AGENT)


@pytest.mark.parametrize("password", ["12345678", "x" * 256, "correct horse", "пароль-длинный", "        "])
def test_a_password_is_any_text_of_its_length(password: str) -> None:
    """Of 8 to 256 characters, in any script, with spaces."""
    check_password(password, "ada")


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "8 characters or more"),
        ("1234567", "8 characters or more"),
        ("x" * 257, "at most 256 characters"),
        ("adalovelace", "The password is the name"),
        ("AdaLovelace", "The password is the name"),
        ("\uff41dalovelace", "The password is the name"),
    ],
)
def test_a_password_that_is_refused_says_why(password: str, words: str) -> None:
    """Too short, too long, or the name, however it is written; the sentence does not repeat it."""
    with pytest.raises(InvalidPersonError, match=words) as refused:
        check_password(password, "adalovelace")
    assert not password or password not in refused.value.detail


def test_the_same_characters_are_the_same_password() -> None:
    """Keyboards write an accent in more than one way, and people can't see which."""
    assert normalized("re\u0301sume\u0301") == normalized("r\u00e9sum\u00e9")
    assert normalized("resume") != normalized("r\u00e9sum\u00e9")
