"""How many rows a PostgreSQL database has been given, changed and deleted, by its own account."""

import psycopg

_WRITTEN = """
    SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()
"""


def rows_written(url: str) -> int:
    """Return the rows written since the database was made; connections that are in use report with a delay."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute(_WRITTEN).fetchone()
    return 0 if found is None else int(found[0])
