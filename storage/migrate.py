"""Bring a database to this release's tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run every migration up to `revision` that the database has not seen; all of them unless one is named.

    Safe to run again, and while the previous release runs.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, revision)
