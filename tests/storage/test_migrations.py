"""The migrations make exactly the tables that the code knows."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, select
from sqlalchemy.engine import make_url

from assent.models import ApprovalStatus
from domain.listing import ApprovalFilter, Sort
from storage import migrate
from storage.migrate import upgrade
from storage.tables import approvals, filed_texts, metadata
from tests.storage.builders import RECORDED, make_decision
from tests.storage.record import open_record
from tests.support.eventually import wait_until
from tests.support.processes import Programs


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


# On SQLite a virtual table with what it keeps its words in; on PostgreSQL an index on an expression.
OF_SEARCHES = {"filed_trigrams", "filed_trigram_words", "ix_filed_texts_trigrams"} | {
    f"filed_trigrams_{kept}" for kept in ("data", "idx", "config")
}


def is_in_metadata(_: object, name: str | None, _kind: str, reflected: bool, _compared: object) -> bool:  # noqa: FBT001
    return not (reflected and name in OF_SEARCHES)


def differences(url: str) -> list[Any]:
    """Return what would have to change for the database to have our tables, and the index of what is searched."""
    with connected(url) as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_in_metadata}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found


def upgrade_to_first_release(url: str) -> None:
    if url.startswith("sqlite"):
        Path(str(make_url(url).database)).parent.mkdir(parents=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["database_url"] = url
    command.upgrade(config, "0001")


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> str:
    """A database without a table, in a folder that is not there yet."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/new/folder/assent.db"
    url: str = request.getfixturevalue("postgres_url")
    with connected(url) as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    return url


ON_BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@ON_BOTH
def test_an_empty_database_gets_exactly_our_tables(empty_url: str) -> None:
    """Columns, types, indexes and constraints; running it again changes nothing."""
    upgrade(empty_url)
    assert differences(empty_url) == []
    upgrade(empty_url)
    assert differences(empty_url) == []


@ON_BOTH
def test_a_difference_is_found(empty_url: str) -> None:
    """The comparison above sees what is missing and what is too much."""
    upgrade(empty_url)
    with connected(empty_url) as connection:
        connection.exec_driver_sql("DROP INDEX ix_approvals_created_at_id")
        connection.exec_driver_sql("ALTER TABLE keys ADD COLUMN note TEXT")
    assert [difference[0] for difference in differences(empty_url)] == ["add_index", "remove_column"]


@ON_BOTH
def test_the_release_before_goes_on_writing(empty_url: str, sqlite_url: str) -> None:
    """What it wrote before the migration and what it writes after it are read, decided and run as all others."""
    with open_record(sqlite_url) as elsewhere:
        requests = [elsewhere.open() for _ in range(2)]
        rows = [elsewhere.rows_of(request)["approvals"][0] for request in requests]
    upgrade_to_first_release(empty_url)
    with connected(empty_url) as connection:
        known = {column["name"] for column in inspect(connection).get_columns("approvals")}
        # In the statement there are the columns that it knew, and no others.
        before, after = (approvals.insert().values({name: row[name] for name in known}) for row in rows)
        connection.execute(before)
    upgrade(empty_url)
    with connected(empty_url) as connection:
        connection.execute(after)
    assert set(approvals.c.keys()) - known == {"rules", "policy_version", "open_to_patterns", "pattern", "alerted"}
    with open_record(empty_url) as record:
        record.add_team()
        for request in requests:
            read = record.get(request)
            assert (read.rules, read.pattern, read.policy_version) == ([], None, None)
            assert record.rows_of(request)["approvals"][0]["open_to_patterns"] is None
            wanted = ApprovalFilter(q=request.approval_id)
            found = record.reads.page(wanted, sort=Sort.NEWEST, after=None, limit=5, now=RECORDED)
            assert [each.id for each in found] == [request.approval_id]
            record.store.decide(make_decision(request), at=RECORDED)
            assert record.claim(request).refused is None


@ON_BOTH
def test_what_was_there_before_is_searched(empty_url: str, sqlite_url: str) -> None:
    """What waited and what had ended: both are found, by risk and by words, and only what had ended is filed."""
    with open_record(sqlite_url) as elsewhere:
        elsewhere.add_team()
        requests = {status: elsewhere.in_status(status) for status in ApprovalStatus}
        rows = [elsewhere.rows_of(request)["approvals"][0] for request in requests.values()]
    upgrade(empty_url, "0003")
    with connected(empty_url) as connection:
        known = {column["name"] for column in inspect(connection).get_columns("approvals")}
        connection.execute(approvals.insert(), [{name: row[name] for name in known} for row in rows])
    upgrade(empty_url)
    with open_record(empty_url) as record:
        with record.database.read() as connection:
            filed = set(connection.execute(select(filed_texts.c.id)).scalars())
        assert filed == {request.approval_id for status, request in requests.items() if status.is_terminal}
        for status, request in requests.items():
            for q in (None, "ERASURE", request.approval_id[-9:]):
                wanted = ApprovalFilter(status=status, q=q)
                page = record.reads.page(wanted, sort=Sort.RISK, after=None, limit=5, now=RECORDED)
                assert [each.id for each in page] == [request.approval_id]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_processes_may_upgrade_at_once(empty_url: str, programs: Programs) -> None:
    """As two replicas do that start together: one makes the tables, the other finds them."""
    with connected(empty_url) as connection:
        # Nobody gets past the first table before both have begun.
        begun = connection.begin_nested()
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num integer)")
        upgrade_it = f"from storage.migrate import upgrade; upgrade({empty_url!r})"
        started = [programs.start("upgrade", [sys.executable, "-c", upgrade_it]) for _ in range(2)]
        held = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until("both are held up", lambda: connection.exec_driver_sql(held).scalar_one(), until=lambda n: n == 2)
        begun.rollback()
    assert [program.wait() for program in started] == [0, 0]
    assert differences(empty_url) == []
