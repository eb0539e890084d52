"""Lists and searches are read by indexes: what they run is run again here, as a question about its plan."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import event, text

from assent.models import ApprovalStatus
from bench.searched import store_approvals
from domain.listing import ApprovalFilter, Position, Sort
from storage import text_reads
from storage.filing import Filing
from tests.storage.builders import RECORDED
from tests.storage.record import Record, open_record
from tests.support.postgres import PostgresServer
from tests.support.sqlite import SqliteTemplate

SLOW = "SELECT id FROM approvals WHERE length(reason) = 7"
PENDING = ApprovalFilter(status=ApprovalStatus.PENDING)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A record with enough in it that no database prefers to read all of a table."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            template: SqliteTemplate = request.getfixturevalue("sqlite_template")
            url = template.copy(tmp_path_factory.mktemp("plans") / "assent.db")
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = stack.enter_context(server.clone())
        record = stack.enter_context(open_record(url))
        store_approvals(record.database, waiting=600, ended=3_000)
        while Filing(record.database).file_ended(500):
            pass
        with record.database.write() as connection:
            connection.execute(text("ANALYZE"))
        yield record


@pytest.fixture(autouse=True)
def _few_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a record of some thousands as many as in one of a million."""
    monkeypatch.setattr(text_reads, "WALKED", 60)


def plans(record: Record, wanted: ApprovalFilter, sort: Sort, after: Position | None = None) -> list[str]:
    """Return how each statement of a page is run, the first one first."""
    ran: list[tuple[str, Any]] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        ran.append((statement, parameters))

    event.listen(record.database.engine, "before_cursor_execute", remember)
    try:
        record.reads.page(wanted, sort=sort, after=after, limit=51, now=RECORDED)
    finally:
        event.remove(record.database.engine, "before_cursor_execute", remember)
    explain = "EXPLAIN QUERY PLAN" if record.database.is_sqlite else "EXPLAIN"
    with record.database.read() as connection:
        return [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
            for statement, parameters in ran
            if re.search(r"FROM (approvals|\w+_texts)\b", statement)
        ]


def reads_all_of(plan: str, table: str) -> bool:
    return bool(re.search(rf"SCAN {table}(?! USING)|Seq Scan on {table}", plan))


SEARCHES = ("agent", "T-a0000042", "nowhere", "delivered acme-0042", "qx", "Über", "01", "#")


@pytest.mark.parametrize("sort", Sort)
def test_no_search_reads_all_approvals_or_all_that_are_filed(
    large: Record, sort: Sort, subtests: pytest.Subtests
) -> None:
    """Whatever is looked for and however it is narrowed, only the texts of what waits may be read from end to end."""
    narrowed: tuple[dict[str, str], ...] = (
        {},
        {"status": "pending"},
        {"status": "cancelled"},
        {"agent_id": "acme-0042-agent", "risk_level": "low"},
    )
    for q in SEARCHES:
        for more in narrowed:
            with subtests.test(q=q, more=more):
                for plan in plans(large, ApprovalFilter.model_validate({"q": q, **more}), sort):
                    assert not reads_all_of(plan, "approvals"), plan
                    assert not reads_all_of(plan, "filed_texts"), plan


def test_what_is_rare_is_looked_up(large: Record) -> None:
    """By its trigrams; what is common is met in the list's own order before that."""
    looked_up = r"SCAN filed_trigrams VIRTUAL TABLE INDEX" if large.database.is_sqlite else "ix_filed_texts_trigrams"
    for q in ("T-a0000042", "nowhere", "acme-0042", "\u00dcber", "qx"):
        for sort in Sort:
            assert any(re.search(looked_up, plan) for plan in plans(large, ApprovalFilter(q=q), sort)), q
    for sort in Sort:
        ran = plans(large, ApprovalFilter(q="agent"), sort)
        assert not any(re.search(looked_up, plan) for plan in ran)
        (first,) = (plan for plan in ran if "filed_texts" in plan)
        column = {Sort.NEWEST: "created_at", Sort.EXPIRES_AT: "expires_at", Sort.RISK: "urgency_expires_at"}[sort]
        assert f"ix_filed_texts_{column}_id" in first


def test_what_waits_is_read_in_the_order_of_its_risk(large: Record) -> None:
    """From an index, also in the middle of the list: a page is all that is read."""
    some = large.reads.page(PENDING, sort=Sort.RISK, after=None, limit=200, now=RECORDED)[-1]
    assert some.expires_at is not None
    assert some.risk is not None
    for after in (None, Position(at=some.expires_at, approval_id=some.id, risk_level=some.risk.level)):
        first, by_id = plans(large, PENDING, Sort.RISK, after)
        assert "ix_recent_texts_urgency_expires_at_id" in first
        assert not re.search(r"TEMP B-TREE|\bSort\b", first)
        assert not reads_all_of(by_id, "approvals")


# What many have is soon met among all as well.
@pytest.mark.parametrize(
    ("wanted", "sort", "index"),
    [
        (ApprovalFilter(), Sort.NEWEST, "ix_approvals_created_at_id"),
        (ApprovalFilter(), Sort.EXPIRES_AT, "ix_approvals_expires_at_id"),
        (PENDING, Sort.EXPIRES_AT, "ix_approvals_(status_)?expires_at_id"),
        (ApprovalFilter(agent_id="acme-0042-agent"), Sort.NEWEST, "ix_approvals_agent_id_created_at_id"),
        (ApprovalFilter(operation_type="user.delete"), Sort.NEWEST, "ix_approvals_(operation_type_)?created_at_id"),
    ],
    ids=str,
)
def test_a_plain_list_is_read_in_its_order(large: Record, wanted: ApprovalFilter, sort: Sort, index: str) -> None:
    """By an index on approvals, from its beginning on."""
    (plan,) = plans(large, wanted, sort)
    assert re.search(index, plan)
    assert not reads_all_of(plan, "approvals")


def test_a_list_that_reads_all_is_seen(large: Record) -> None:
    """The questions above find out what they ask for."""
    explain = "EXPLAIN QUERY PLAN" if large.database.is_sqlite else "EXPLAIN"
    with large.database.read() as connection:
        asked = connection.exec_driver_sql(f"{explain} {SLOW}")
        assert reads_all_of("\n".join(str(row[-1]) for row in asked), "approvals")
