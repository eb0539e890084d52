"""What Alembic runs: one transaction on the database that `storage.migrate` names."""

from alembic import context

from storage.database import Database
from storage.tables import metadata

_ONE_AT_A_TIME = 7_263_548_101
"""The PostgreSQL advisory lock that keeps two migrations apart."""

database = Database(context.config.attributes["database_url"])
try:
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.close()
