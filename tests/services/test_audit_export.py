"""The log as a file: whole, in order, and harmless in a spreadsheet."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from assent.models import AuditEvent as AuditLine
from assent.models import Role
from domain.audit import Action, AuditEvent
from domain.errors import InvalidQueryError, RoleNotAllowedError
from domain.principal import Principal
from services import audit_log
from services.approvals import Approvals
from services.audit_export import CSV_COLUMNS, csv_lines, jsonl_lines
from services.audit_log import AuditFilter, AuditLog
from services.temporal import ApprovalWorkflows
from services.watch import ApprovalWatch
from services.wiring import system_clock
from tests.services.waiters import Queries
from tests.storage.builders import SIGNING_KEYS, STARTED
from tests.storage.record import Record, open_record

AUDITOR = Principal(name="audra", role=Role.AUDITOR)
AGENT = Principal(name="billing", role=Role.AGENT)
EVERYTHING = AuditFilter()
MINUTE = timedelta(minutes=1)


@pytest.fixture
def record(database_url: str) -> Iterator[Record]:
    """The record as this process has it."""
    with open_record(database_url) as record:
        yield record


@pytest.fixture
def log(record: Record, temporal_client: Client) -> AuditLog:
    """The log as people read it."""
    workflows = ApprovalWorkflows(temporal_client, SIGNING_KEYS, "nobody")
    watch = ApprovalWatch(record.database, record.reads)
    approvals = Approvals(record.reads, workflows, watch, system_clock, None)
    return AuditLog(record.database, approvals, system_clock)


def tell(record: Record, *numbers: int, action: Action = Action.DECISION_REFUSED) -> list[str]:
    """Write events of one minute after the other, and return their ids."""
    for number in numbers:
        record.store.append(
            AuditEvent(event_id=f"event-{number}", at=STARTED + number * MINUTE, actor="reviewer:ada", action=action)
        )
    return [f"event-{number}" for number in numbers]


def line(**fields: object) -> AuditLine:
    return AuditLine.model_validate(
        {"id": "event-1", "at": STARTED, "actor": "reviewer:ada", "action": "decision.refused", **fields}
    )


async def paged(*pages: list[AuditLine]) -> AsyncIterator[list[AuditLine]]:
    for page in pages:
        yield page


async def exported(log: AuditLog, wanted: AuditFilter = EVERYTHING) -> list[list[str]]:
    """Return the ids of an export, page by page."""
    return [[each.id for each in page] async for page in log.export(AUDITOR, wanted)]


async def cells(*lines: AuditLine) -> list[list[str]]:
    """Return the table as a program reads it, without its heading."""
    written = "".join([chunk async for chunk in csv_lines(paged(list(lines)))])
    return list(csv.reader(io.StringIO(written, newline=""), strict=True))[1:]


async def test_an_export_is_the_whole_log(record: Record, log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event once, the oldest first, in pages of a bounded size."""
    monkeypatch.setattr(audit_log, "_EXPORT_PAGE", 3)
    assert await exported(log) == []
    ids = tell(record, *range(6))
    assert await exported(log) == [ids[:3], ids[3:]]
    ids += tell(record, 6)
    assert await exported(log) == [ids[:3], ids[3:6], ids[6:]]


async def test_a_page_is_read_when_it_is_asked_for(
    record: Record, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a log of any size fits into memory, however slowly somebody downloads it."""
    monkeypatch.setattr(audit_log, "_EXPORT_PAGE", 3)
    tell(record, *range(9))
    queries = Queries(record.database)
    pages = log.export(AUDITOR, EVERYTHING)
    for number in (1, 2, 3):
        assert len(await anext(pages)) == 3
        assert len(queries.statements) == number


async def test_an_export_is_of_what_is_wanted(record: Record, log: AuditLog) -> None:
    """The filters of a page hold for it: the first moment belongs to it, the last one does not."""
    tell(record, 0, action=Action.KEY_CREATED)
    ids = tell(record, *range(1, 6))
    assert await exported(log, AuditFilter(action="decision.refused")) == [ids]
    since, until = STARTED + 2 * MINUTE, STARTED + 4 * MINUTE
    assert await exported(log, AuditFilter(since=since)) == [ids[1:]]
    assert await exported(log, AuditFilter(until=until, action="decision.refused")) == [ids[:3]]
    assert await exported(log, AuditFilter(since=since, until=until)) == [ids[1:3]]


async def test_an_agent_exports_nothing(log: AuditLog) -> None:
    """And is told so before anything is sent, while an answer can still be a 403."""
    with pytest.raises(RoleNotAllowedError):
        log.export(AGENT, EVERYTHING)


async def test_pages_go_back_from_the_newest(record: Record, log: AuditLog) -> None:
    """Every event once, whatever is written meanwhile; a page of the other order may follow from where one stopped."""
    ids = tell(record, *range(5))
    first = await log.page(AUDITOR, EVERYTHING, limit=2, cursor=None, newest_first=True)
    tell(record, 5)
    second = await log.page(AUDITOR, EVERYTHING, limit=2, cursor=first.next_cursor, newest_first=True)
    last = await log.page(AUDITOR, EVERYTHING, limit=2, cursor=second.next_cursor, newest_first=True)
    assert [each.id for page in (first, second, last) for each in page.items] == ids[::-1]
    assert last.next_cursor is None
    back = await log.page(AUDITOR, EVERYTHING, limit=1, cursor=second.next_cursor)
    assert [each.id for each in back.items] == ids[2:3]
    with pytest.raises(RoleNotAllowedError):
        await log.page(AGENT, EVERYTHING, limit=2, cursor=None, newest_first=True)
    with pytest.raises(InvalidQueryError):
        await log.page(AUDITOR, EVERYTHING, limit=2, cursor="newest", newest_first=True)


async def test_csv_has_a_heading_and_every_field() -> None:
    """Each cell quoted; times in UTC; details as JSON; nothing where there is nothing."""
    events = [
        line(approval_id="a-1", digest="ab", details={"z": 'says "no", loudly', "a": ["ü", None, 1.5]}),
        line(id="event-2"),
    ]
    chunks = [chunk async for chunk in csv_lines(paged(events[:1], events[1:]))]
    assert len(chunks) == 3
    rows = list(csv.reader(io.StringIO("".join(chunks), newline=""), strict=True))
    assert tuple(rows[0]) == CSV_COLUMNS
    at = "2026-03-02T09:30:00.123456Z"
    details = '{"a":["ü",null,1.5],"z":"says \\"no\\", loudly"}'
    assert rows[1] == ["event-1", at, "reviewer:ada", "decision.refused", "a-1", "ab", details]
    assert rows[2] == ["event-2", at, "reviewer:ada", "decision.refused", "", "", "{}"]
    assert "".join(chunks).count('"event-2"') == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
async def test_no_cell_is_a_formula(start: str) -> None:
    """Not even behind blanks, and whichever field it is; what is none stays as it was."""
    for said in (f"{start}cmd|' /C calc'!A0", f"  {start}=1+1"):
        ((*before, actor, action, approval_id, digest, _),) = await cells(
            line(actor=said, action=said, approval_id=said, digest=said)
        )
        assert [actor, action, approval_id, digest] == [f"'{said}"] * 4
        assert before == ["event-1", "2026-03-02T09:30:00.123456Z"]
    ((*_, digest, _),) = await cells(line(digest=f"no{start}formula"))
    assert digest == f"no{start}formula"


async def test_jsonl_has_one_canonical_object_a_line() -> None:
    """The same fields as the API gives, in an order that anybody can make again."""
    events = [line(details={"z": "line\nline", "a": 1}), line(id="event-2", approval_id="a-1")]
    chunks = [chunk async for chunk in jsonl_lines(paged(events[:1], events[1:]))]
    assert len(chunks) == 2
    lines = "".join(chunks).splitlines(keepends=True)
    assert [json.loads(each) for each in lines] == [event.model_dump(mode="json") for event in events]
    for each in lines:
        told = json.loads(each)
        assert each == json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n"
