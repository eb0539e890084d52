"""Sign-in links: each lets one person in, once, for a short time. Only the hash of its token is kept."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from domain.people import Proof, Way
from storage.database import Database
from storage.tables import people, sign_in_links


class SignInLinkStore:
    """Reads and writes sign-in links. Raises StorageUnavailableError when there is no database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def add(self, token_hash: str, person: str, *, at: datetime, expires_at: datetime) -> None:
        """Write a new link for a person who exists."""
        values = {"token_hash": token_hash, "person": person, "created_at": at, "expires_at": expires_at}
        with self._database.write() as connection:
            connection.execute(insert(sign_in_links).values(values))

    def use(self, token_hash: str, *, at: datetime) -> Proof | None:
        """Use a link up, and return what it proves; None when it is unknown, used or over.

        A password that is given meanwhile makes the proof void, as it does the links that were not used.
        """
        used = (
            update(sign_in_links)
            .where(
                sign_in_links.c.token_hash == token_hash,
                sign_in_links.c.used_at.is_(None),
                sign_in_links.c.expires_at > at,
            )
            .values(used_at=at)
            .returning(sign_in_links.c.person)
        )
        with self._database.write() as connection:
            name = connection.execute(used).scalar_one_or_none()
            if name is None:
                return None
            password_hash = connection.execute(select(people.c.password_hash).where(people.c.name == name)).scalar_one()
            return Proof(name=name, way=Way.LINK, password_hash=password_hash)


def void_links(connection: Connection, person: str, *, at: datetime) -> None:
    """Use up every link of a person."""
    unused = (sign_in_links.c.person == person, sign_in_links.c.used_at.is_(None))
    connection.execute(update(sign_in_links).where(*unused).values(used_at=at))
