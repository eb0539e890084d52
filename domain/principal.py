"""Who is asking: the holder of a key, and the person who answers for it."""

from typing_extensions import override

from assent.models import Role
from domain.frozen import Frozen

AUTOMATION = "automation"
"""The name of the admin key that the platform sets by `ASSENT_ADMIN_KEY`; no stored key may take it."""


def person_of(name: str, owner: str | None) -> str:
    """Return the person behind a key: its owner, or the name itself when nobody else answers for it."""
    return owner or name


class Principal(Frozen):
    """An authenticated caller. `name` comes from the key, never from a body."""

    name: str
    role: Role
    owner: str | None = None

    @property
    def person(self) -> str:
        """The person whose vote this is."""
        return person_of(self.name, self.owner)

    @property
    def may_decide(self) -> bool:
        """Whether the role decides approvals."""
        return self.role in (Role.REVIEWER, Role.ADMIN)

    @property
    def reads_all(self) -> bool:
        """Whether the role reads every approval; agents read their own."""
        return self.role is not Role.AGENT

    @override
    def __str__(self) -> str:
        """Return the actor's form in the audit log, such as `agent:billing`."""
        return f"{self.role.value}:{self.name}"


class Operator(Principal):
    """Whoever has direct access to the database, an admin without a key. No key can have this name."""

    name: str = "operator:cli"
    role: Role = Role.ADMIN

    @override
    def __str__(self) -> str:
        """Return the actor's form in the audit log."""
        return self.name
