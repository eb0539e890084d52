"""The history that a pattern is tried on: what policy left to patterns, each approval once, the oldest first."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from assent.models import ApprovalStatus, Operation, Outcome, RiskLevel, Verdict
from domain.approval import BY_POLICY
from domain.backtest import PastApproval
from domain.operation import ApprovalRequest
from storage import backtest_reads
from storage.backtest_reads import BacktestReads, History
from storage.opening import Ending
from tests.storage.builders import (
    DEADLINE,
    RECORDED,
    STARTED,
    make_assessment,
    make_decision,
    make_opening,
    make_request,
)
from tests.storage.record import Record
from tests.storage.trust import add_pattern, deletes, open_trusting

MINUTE = timedelta(minutes=1)
EVERYTHING = {"agent_id": "*", "operation_type": "*", "resource_type": "*", "max_risk": "critical"}


def add(  # noqa: PLR0913  each is one fact of the approval
    record: Record,
    minute: float = 0,
    *,
    operation_type: str = "user.delete",
    resource_type: str = "user",
    agent_id: str = "agent",
    risk: RiskLevel = RiskLevel.HIGH,
    required_approvals: int = 1,
    verdict: Verdict = Verdict.ASK,
    open_to_patterns: bool = True,
) -> ApprovalRequest:
    """Open an approval so many minutes after the first, and return its request."""
    operation = Operation(type=operation_type, resource_type=resource_type, resource_id="42", parameters={"limit": 7})
    request = make_request(operation, agent_id=agent_id, agent_owner="ana", context={"ticket": 7})
    sealed = make_assessment(
        request, risk_level=risk, required_approvals=required_approvals, verdict=verdict, expires_at=DEADLINE
    )
    started = STARTED + minute * MINUTE
    record.store.open(make_opening(request, sealed, started_at=started, open_to_patterns=open_to_patterns))
    return request


def add_from_before(record: Record, **fields: Any) -> ApprovalRequest:  # noqa: ANN401  any field's value
    """Open an approval as the first release recorded it, and return its request."""
    request = add(record, **fields)
    record.execute_sql(
        "UPDATE approvals SET rules = NULL, policy_version = NULL, open_to_patterns = NULL WHERE id = :approval_id",
        approval_id=request.approval_id,
    )
    return request


def read(record: Record, begins: datetime = STARTED, **fields: Any) -> list[PastApproval]:  # noqa: ANN401  as above
    """Return all that a pattern is tried on; of everything, unless `fields` say otherwise."""
    trusted = deletes(**{**EVERYTHING, **fields})
    return [approval for page in BacktestReads(record.database).pages(trusted, begins) for approval in page]


def ids(requests: list[ApprovalRequest]) -> list[str]:
    return [request.approval_id for request in requests]


def found(record: Record, begins: datetime = STARTED, **fields: Any) -> list[str]:  # noqa: ANN401  as above
    return [approval.id for approval in read(record, begins, **fields)]


def test_an_empty_record_has_no_history(record: Record) -> None:
    """There is no first moment to begin at, and nothing to try."""
    assert BacktestReads(record.database).history(10) == History(size=0, begins=None)
    assert read(record) == []


def test_the_newest_approvals_are_the_history(record: Record) -> None:
    """As many as were asked for, whatever policy made of them; it begins with the oldest of those."""
    for minute in range(4):
        add(record, minute, open_to_patterns=minute % 2 == 0)
    reads = BacktestReads(record.database)
    for most, size in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (100, 4)):
        assert reads.history(most) == History(size=size, begins=STARTED + (4 - size) * MINUTE)


def test_only_the_newest_are_tried(record: Record) -> None:
    """From the moment at which the history begins, that moment included."""
    requests = [add(record, minute) for minute in range(4)]
    for first in range(4):
        assert found(record, STARTED + first * MINUTE) == ids(requests[first:])
    assert found(record, STARTED + timedelta(minutes=3, microseconds=1)) == []


def test_only_what_policy_left_to_patterns_is_tried(record: Record) -> None:
    """What is kept for people, denied or allowed by policy stays so with any pattern."""
    left = add(record)
    add(record, 1, open_to_patterns=False)
    add(record, 2, open_to_patterns=False, verdict=Verdict.ALLOW, risk=RiskLevel.LOW)
    critical = add(record, 3, risk=RiskLevel.CRITICAL)
    ending = Ending(status=ApprovalStatus.REJECTED, by=(BY_POLICY,), reason="Never.")
    denied = make_request()
    record.open(denied, make_assessment(denied, verdict=Verdict.DENY), ending=ending)
    assert found(record) == ids([left, critical])


def test_what_a_pattern_let_through_is_tried(record: Record) -> None:
    """Though it is sealed as allowed: policy had left it to patterns."""
    request = open_trusting(record, add_pattern(record))
    (approval,) = read(record)
    assert (approval.id, approval.decided_by) == (request.approval_id, ("pattern:p-1@1",))


def test_rows_from_before_patterns_are_tried_where_one_person_was_asked(record: Record) -> None:
    """They do not say what was left to patterns; the first release left nothing to anybody but people."""
    asked = add_from_before(record)
    add_from_before(record, minute=1, required_approvals=2)
    add_from_before(record, minute=2, risk=RiskLevel.CRITICAL)
    add_from_before(record, minute=3, verdict=Verdict.DENY)
    add_from_before(record, minute=4, verdict=Verdict.ALLOW)
    low = add_from_before(record, minute=5, risk=RiskLevel.LOW)
    assert found(record) == ids([asked, low])


def test_all_that_a_pattern_looks_at_is_read(record: Record) -> None:
    """With what became of it, and who decided."""
    request = add(record, 1)
    record.store.decide(make_decision(request, Outcome.REJECT), at=RECORDED)
    assert read(record) == [
        PastApproval(
            id=request.approval_id,
            status=ApprovalStatus.REJECTED,
            risk_level=RiskLevel.HIGH,
            agent_id="agent",
            agent_owner="ana",
            operation=request.operation,
            reason=request.reason,
            context={"ticket": 7},
            created_at=STARTED + MINUTE,
            decided_by=("reviewer:ada",),
        )
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"agent_id": "agent"}, [0, 2, 3]),
        ({"agent_id": "other-agent"}, [1]),
        ({"agent_id": "agen"}, []),
        ({"agent_id": "Agent"}, []),
        ({"agent_id": "*agent"}, [0, 1, 2, 3]),
        ({"operation_type": "user.delete"}, [0, 1, 3]),
        ({"operation_type": "user.%"}, []),
        ({"operation_type": "user_delete"}, []),
        ({"operation_type": "data.*"}, [0, 1, 2, 3]),
        ({"resource_type": "user"}, [0, 1, 2]),
        ({"resource_type": "Order"}, []),
        ({"agent_id": "agent", "operation_type": "user.delete", "resource_type": "user"}, [0]),
        ({"agent_id": "agent", "operation_type": "*", "resource_type": "order"}, [3]),
    ],
)
def test_exact_names_are_looked_up_and_wildcards_are_not(
    record: Record, fields: dict[str, Any], expected: list[int]
) -> None:
    """SQL leaves out what surely does not fit; the rules hold every wildcard against the rest themselves."""
    add(record, 0)
    add(record, 1, agent_id="other-agent")
    add(record, 2, operation_type="data.export")
    add(record, 3, resource_type="order")
    minutes = [(approval.created_at - STARTED) // MINUTE for approval in read(record, **fields)]
    assert minutes == expected


@pytest.mark.parametrize(("max_risk", "expected"), [("low", 1), ("medium", 2), ("high", 3), ("critical", 4), (None, 2)])
def test_what_is_above_the_allowed_risk_is_left_out(record: Record, max_risk: str | None, expected: int) -> None:
    """The pattern would not let it through; without a word of its own, medium is the most."""
    added = [add(record, minute, risk=level) for minute, level in enumerate(RiskLevel)]
    assert found(record, max_risk=max_risk) == ids(added[:expected])


@pytest.mark.parametrize("page", [1, 2, 3, 6, 7])
def test_the_history_is_read_in_pages(record: Record, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """Each approval once, the oldest first; those of one moment by their id, across the ends of pages."""
    monkeypatch.setattr(backtest_reads, "PAGE", page)
    added = sorted((minute, add(record, minute).approval_id) for minute in (0, 1, 1, 1, 1, 2))
    add(record, 1, open_to_patterns=False)
    pages = [
        [approval.id for approval in read_page]
        for read_page in BacktestReads(record.database).pages(deletes(**EVERYTHING), STARTED)
    ]
    assert [approval_id for read_page in pages for approval_id in read_page] == [each for _, each in added]
    assert all(len(read_page) == page for read_page in pages[:-1])
    assert len(pages[-1]) < page


def test_what_is_added_meanwhile_is_read_once(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is open between two pages: others write, and nothing is skipped or read again."""
    monkeypatch.setattr(backtest_reads, "PAGE", 2)
    requests = [add(record, minute) for minute in range(4)]
    pages = BacktestReads(record.database).pages(deletes(**EVERYTHING), STARTED)
    first = [approval.id for approval in next(pages)]
    earlier, later = add(record, 0.5), add(record, 5)
    rest = [approval.id for read_page in pages for approval in read_page]
    assert first + rest == ids([*requests, later])
    assert earlier.approval_id not in rest
