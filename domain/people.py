"""People: who signs in to the dashboard, with which role, and what their names and passwords may be."""

import re
import unicodedata
from datetime import datetime
from enum import StrEnum

from assent.models import NAME_PATTERN, Role
from domain.errors import InvalidPersonError
from domain.frozen import Frozen
from domain.principal import AUTOMATION, Principal

FIRST_PERSON = "admin"
"""The name of the person that `assent dev` makes on its first start."""

# NIST SP 800-63B (revision 3), 5.1.1.2: at least 8, and 64 or more must be allowed.
MIN_PASSWORD = 8
MAX_PASSWORD = 256

NAME_RULE = "A name begins with a-z or 0-9, and goes on with those, '.', '_' or '-', up to 63 characters."
"""What a name of a person or of a key that is none is told."""

_NAME = re.compile(NAME_PATTERN)
_ROLES = (Role.REVIEWER, Role.ADMIN, Role.AUDITOR)


class Person(Frozen):
    """Somebody who may sign in. A name is never used again, so a disabled person's stays."""

    name: str
    role: Role
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None


class Session(Frozen):
    """One sign-in that is in force. `client` is what the browser called itself; `seen_at` is right to the minute."""

    session_id: str
    principal: Principal
    client: str
    created_at: datetime
    seen_at: datetime


class Way(StrEnum):
    """How somebody has proven who they are."""

    PASSWORD = "password"  # noqa: S105  the name of a way, not a secret
    LINK = "link"


class Proof(Frozen):
    """That somebody has proven to be the person `name`: all that a session is started from.

    `password_hash` is the one that the person had at that moment: a new password meanwhile makes the proof void.
    """

    name: str
    way: Way
    password_hash: str | None = None


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    DISABLED = "disabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a reason, not a secret


def new_person(name: str, role: Role, *, by: str, at: datetime) -> Person:
    """Return a person to be stored. Raises InvalidPersonError when the name or the role cannot be a person's."""
    if name == AUTOMATION:
        message = f"The name {AUTOMATION!r} belongs to the platform's own admin key. Choose another."
        raise InvalidPersonError(message)
    if not is_name(name):
        raise InvalidPersonError(NAME_RULE)
    check_role(role)
    return Person(name=name, role=role, created_at=at, created_by=by)


def is_name(written: str) -> bool:
    """Whether `written` has the form of a name."""
    return _NAME.fullmatch(written) is not None


def check_role(role: Role) -> None:
    """Raise InvalidPersonError unless a person may have `role`."""
    if role not in _ROLES:
        message = "A person is a reviewer, an admin or an auditor. An agent is a program: make a key for it."
        raise InvalidPersonError(message)


def check_password(password: str, name: str) -> None:
    """Raise InvalidPersonError unless `password` may be that of the person `name`."""
    written = normalized(password)
    if len(written) < MIN_PASSWORD:
        message = f"A password has {MIN_PASSWORD} characters or more. Choose a longer one."
        raise InvalidPersonError(message)
    if len(written) > MAX_PASSWORD:
        message = f"A password has at most {MAX_PASSWORD} characters. Choose a shorter one."
        raise InvalidPersonError(message)
    if written.casefold() == name:
        message = "The password is the name. Choose another password."
        raise InvalidPersonError(message)


def normalized(password: str) -> str:
    """Return the form that is checked and hashed: the same characters typed on another keyboard are the same password.

    Source: NIST SP 800-63B (revision 3), 5.1.1.2.
    """
    return unicodedata.normalize("NFKC", password)
