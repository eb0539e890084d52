"""The first keys of a development data folder, so that the first approval needs no set-up."""

from assent.models import CreatedKey, NewKey, Role
from services.keys import make_key
from services.wiring import system_clock
from storage.database import Database
from storage.keys import KeyStore

_WANTED = (NewKey(name="dev-agent", role=Role.AGENT), NewKey(name="dev-reviewer", role=Role.REVIEWER))


def ensure(database_url: str) -> list[CreatedKey]:
    """Make an agent's and a reviewer's key when no key was ever made; return them, or an empty list."""
    database = Database(database_url)
    try:
        store = KeyStore(database)
        if store.count():
            return []
        return [make_key(store, wanted, created_by="system:dev", clock=system_clock) for wanted in _WANTED]
    finally:
        database.close()
