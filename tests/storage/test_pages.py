"""Lists: every approval once, in order, whatever happens between two pages."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from assent.models import Approval, ApprovalStatus, Operation, RiskLevel
from domain.approval import BY_POLICY
from domain.listing import ApprovalFilter, Position, Sort
from storage.opening import Ending
from tests.storage.builders import (
    DEADLINE,
    LATER,
    RECORDED,
    STARTED,
    make_assessment,
    make_opening,
    make_operation,
    make_request,
)
from tests.storage.record import Record

EVERYTHING = ApprovalFilter()
MINUTE = timedelta(minutes=1)


def add(record: Record, minute: int) -> str:
    """Add an approval that is asked for, and expires, so many minutes after the first; return its id."""
    request = make_request()
    assessment = make_assessment(request, expires_at=DEADLINE + minute * MINUTE)
    record.store.open(make_opening(request, assessment, started_at=STARTED + minute * MINUTE))
    return request.approval_id


def time_of(approval: Approval, sort: Sort) -> Position:
    at = approval.created_at if sort is Sort.NEWEST else approval.expires_at
    assert at is not None
    assert approval.risk is not None
    return Position(at=at, approval_id=approval.id, risk_level=approval.risk.level if sort is Sort.RISK else None)


def pages(record: Record, sort: Sort, limit: int, wanted: ApprovalFilter = EVERYTHING) -> Iterator[list[str]]:
    """Read page after page until there is none; between two pages, the caller may change the record."""
    after = None
    while page := record.reads.page(wanted, sort=sort, after=after, limit=limit, now=RECORDED):
        assert len(page) <= limit
        after = time_of(page[-1], sort)
        yield [approval.id for approval in page]


@pytest.mark.parametrize("sort", Sort)
def test_every_approval_is_listed_once_and_in_order(record: Record, sort: Sort) -> None:
    """The nearest deadline first or the newest first; those of one moment by their id, across the ends of pages."""
    minutes = [0, 1, 1, 1, 1, 1, 2, 2, 3]
    added = sorted((minute, add(record, minute)) for minute in minutes)
    expected = [approval_id for _, approval_id in (reversed(added) if sort is Sort.NEWEST else added)]
    for limit in (1, 2, 4, 9):
        listed = [approval_id for page in pages(record, sort, limit) for approval_id in page]
        assert listed == expected


@pytest.mark.parametrize("sort", Sort)
def test_pages_are_stable_under_inserts(record: Record, sort: Sort) -> None:
    """Whatever is added before or behind the reader: nothing twice, and nothing that was there is left out."""
    there = [add(record, minute) for minute in (10, 20, 20, 20, 30, 40)]
    listed: list[str] = []
    added: list[str] = []
    for page in pages(record, sort, 2):
        listed += page
        if len(added) < 9:
            added += [add(record, minute) for minute in (0, 20, 50)]
    assert len(listed) == len(set(listed))
    assert set(there) <= set(listed) <= {*there, *added}
    times = {approval_id: time_of(found(record, approval_id), sort) for approval_id in listed}
    in_order = sorted(listed, key=lambda listed_id: (times[listed_id].at, listed_id), reverse=sort is Sort.NEWEST)
    assert listed == in_order


def found(record: Record, approval_id: str) -> Approval:
    approval = record.reads.get(approval_id, now=RECORDED)
    assert approval is not None
    return approval


def matches(wanted: ApprovalFilter) -> Callable[[Approval], bool]:
    def match(approval: Approval) -> bool:
        seen = {
            "status": approval.status,
            "risk_level": approval.risk and approval.risk.level,
            "agent_id": approval.agent_id,
            "operation_type": approval.operation.type,
            "resource_type": approval.operation.resource_type,
        }
        return all(value is None or seen[name] == value for name, value in wanted)

    return match


FILTERS = (
    ApprovalFilter(status=ApprovalStatus.PENDING),
    ApprovalFilter(status=ApprovalStatus.REJECTED),
    ApprovalFilter(risk_level=RiskLevel.LOW),
    ApprovalFilter(agent_id="agent"),
    ApprovalFilter(operation_type="user.delete"),
    ApprovalFilter(resource_type="customer"),
    ApprovalFilter(status=ApprovalStatus.PENDING, risk_level=RiskLevel.HIGH, agent_id="other"),
    ApprovalFilter(
        status=ApprovalStatus.REJECTED,
        risk_level=RiskLevel.LOW,
        agent_id="agent",
        operation_type="data.export",
        resource_type="customer",
    ),
)


def test_a_filter_lists_what_it_says_and_nothing_else(record: Record, subtests: pytest.Subtests) -> None:
    """Each field alone and together, page by page."""
    denied = Ending(status=ApprovalStatus.REJECTED, by=(BY_POLICY,), reason="No.")
    operations = (make_operation(), Operation(type="data.export", resource_type="customer"))
    for number in range(16):
        request = make_request(operations[number % 2], agent_id=("agent", "other")[number // 2 % 2])
        level = (RiskLevel.LOW, RiskLevel.HIGH)[number // 4 % 2]
        record.open(request, make_assessment(request, risk_level=level), ending=denied if number >= 8 else None)
    everything = record.reads.page(EVERYTHING, sort=Sort.NEWEST, after=None, limit=50, now=RECORDED)
    assert len(everything) == 16
    for wanted in FILTERS:
        with subtests.test(wanted=str(wanted)):
            expected = [approval.id for approval in everything if matches(wanted)(approval)]
            assert 0 < len(expected) < 16
            listed = [approval_id for page in pages(record, Sort.NEWEST, 3, wanted) for approval_id in page]
            assert listed == expected


def test_a_filter_is_compared_and_never_read_as_a_pattern(record: Record) -> None:
    """What a caller sends is a value: no wildcard, no SQL, no other case."""
    record.open()
    for agent_id in ("%", "agen_", "AGENT", "agent' OR '1'='1", "agent "):
        wanted = ApprovalFilter(agent_id=agent_id)
        assert record.reads.page(wanted, sort=Sort.NEWEST, after=None, limit=5, now=RECORDED) == []


def test_a_page_shows_approvals_as_they_are_read_alone(record: Record) -> None:
    """With votes, runs and what is overdue at this moment."""
    requests = [record.in_status(status) for status in ApprovalStatus]
    page = record.reads.page(EVERYTHING, sort=Sort.EXPIRES_AT, after=None, limit=50, now=LATER)
    assert {approval.id: approval for approval in page} == {
        request.approval_id: record.reads.get(request.approval_id, now=LATER) for request in requests
    }
    assert [approval.overdue for approval in page].count(True) == 1
