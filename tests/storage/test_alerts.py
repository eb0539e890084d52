"""The outbox of alerts: what is written with which change, and that each alert is one sender's at a time."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from assent.alerts import AlertType
from assent.models import ApprovalStatus, Outcome, RiskLevel
from domain.alerts import GIVEN_UP_AFTER, DueAlert, alert_id
from domain.approval import ExecutionOutcome
from domain.operation import ApprovalRequest
from storage.alerts import AlertStore
from storage.approvals import ApprovalStore
from storage.opening import Ending
from storage.tables import alerts
from tests.storage.builders import (
    A_MOMENT,
    DEADLINE,
    RECORDED,
    STARTED,
    make_assessment,
    make_cancel,
    make_decision,
    make_opening,
    make_outcome,
    make_request,
)
from tests.storage.record import Record
from tests.storage.trust import add_pattern, trusting

HALF = STARTED + (DEADLINE - STARTED) / 2
LEASE = timedelta(seconds=30)


@pytest.fixture
def store(record: Record) -> ApprovalStore:
    """What writes approvals in a worker that alerts."""
    return ApprovalStore(record.database, alerts=True)


@pytest.fixture
def outbox(record: Record) -> AlertStore:
    """What hands alerts out."""
    return AlertStore(record.database)


def opened(store: ApprovalStore, *, ending: Ending | None = None) -> ApprovalRequest:
    request = make_request()
    store.open(make_opening(request, make_assessment(request), ending=ending))
    return request


def rows(record: Record) -> list[dict[str, Any]]:
    with record.database.read() as connection:
        found = connection.execute(select(alerts).order_by(alerts.c.due_at, alerts.c.type)).mappings()
        return [dict(row) for row in found]


def planned(record: Record) -> list[tuple[str, datetime]]:
    return [(row["type"], row["next_try_at"]) for row in rows(record)]


def taken(outbox: AlertStore, *, now: datetime, limit: int = 100) -> list[DueAlert]:
    return outbox.take(limit, now=now, until=now + LEASE)


def types(found: Iterable[DueAlert]) -> list[AlertType]:
    return [alert.type for alert in found]


def test_whatever_waits_for_people_is_told_now_and_at_half_its_time(store: ApprovalStore, record: Record) -> None:
    """With the approval's row, under ids of their own; a second run of the record writes none again."""
    request = make_request()
    for _ in range(2):
        store.open(make_opening(request, make_assessment(request)))
    assert planned(record) == [("approval.requested", STARTED), ("approval.half_time", HALF)]
    assert {row["id"] for row in rows(record)} == {
        alert_id(each, request.approval_id) for each in (AlertType.REQUESTED, AlertType.HALF_TIME)
    }


@pytest.mark.parametrize("status", [each for each in ApprovalStatus if each.is_terminal])
def test_each_end_is_told(store: ApprovalStore, record: Record, outbox: AlertStore, status: ApprovalStatus) -> None:
    """Whichever it is, once, with the change itself; by a worker that itself alerts nobody, too."""
    request = opened(store)
    if status in (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED):
        record.store.decide(make_decision(request), at=RECORDED)
        assert types(taken(outbox, now=RECORDED)) == [AlertType.REQUESTED]
        record.claim(request)
    match status:
        case ApprovalStatus.REJECTED:
            store.decide(make_decision(request, Outcome.REJECT), at=RECORDED)
        case ApprovalStatus.EXPIRED:
            store.expire(request.approval_id, at=DEADLINE)
        case ApprovalStatus.CANCELLED:
            store.cancel(make_cancel(request), at=RECORDED)
        case ApprovalStatus.EXECUTED:
            record.store.finish(request.approval_id, make_outcome(), at=RECORDED)
        case _:
            store.finish(request.approval_id, ExecutionOutcome(outcome_unknown=True), at=RECORDED)
    assert record.status(request) is status
    found = [alert for alert in taken(outbox, now=DEADLINE) if alert.type is AlertType.ENDED]
    assert [alert.approval.status for alert in found] == [status]
    assert found[0].approval.outcome_unknown == (status is ApprovalStatus.FAILED)
    assert found[0].due_at == found[0].approval.closed_at == record.rows_of(request)["approvals"][0]["closed_at"]


def test_what_a_rule_decides_is_not_told(store: ApprovalStore, record: Record) -> None:
    """Nobody was asked: neither of its opening nor of its end."""
    allowed = Ending(status=ApprovalStatus.APPROVED, by=("policy:allowed",), reason="Allowed.")
    denied = Ending(status=ApprovalStatus.REJECTED, by=("policy:denied",), reason="Denied.")
    request = opened(store, ending=allowed)
    opened(store, ending=denied)
    store.finish(request.approval_id, ExecutionOutcome(refused="It was refused."), at=RECORDED)
    assert record.status(request) is ApprovalStatus.FAILED
    assert planned(record) == []


def test_what_a_pattern_lets_through_is_not_told(store: ApprovalStore, record: Record) -> None:
    """The same holds for trusted patterns."""
    request = make_request()
    store.open(trusting(request, add_pattern(record)))
    assert record.status(request) is ApprovalStatus.APPROVED
    store.finish(request.approval_id, ExecutionOutcome(refused="It was refused."), at=RECORDED)
    assert planned(record) == []


def test_a_worker_without_alerts_writes_none(record: Record) -> None:
    """Neither at the opening nor at the end."""
    record.in_status(ApprovalStatus.REJECTED)
    assert planned(record) == []


def test_what_the_release_before_wrote_is_not_told(store: ApprovalStore, record: Record) -> None:
    """Its rows do not say whether anybody was asked, and their end is told to nobody."""
    request = record.open()
    record.execute_sql("UPDATE approvals SET alerted = NULL")
    store.cancel(make_cancel(request), at=RECORDED)
    assert planned(record) == []


def test_an_alert_says_nothing_that_an_agent_wrote(store: ApprovalStore, outbox: AlertStore) -> None:
    """Names, times and our own words, as the approval is now; no resource id, parameters, reason or context."""
    request = opened(store)
    store.decide(make_decision(request), at=RECORDED)
    (alert,) = taken(outbox, now=RECORDED)
    assert alert.approval.model_dump() == {
        "id": request.approval_id,
        "status": ApprovalStatus.APPROVED,
        "title": "delete user",
        "operation_type": "user.delete",
        "resource_type": "user",
        "agent_id": "agent",
        "risk_level": RiskLevel.HIGH,
        "required_approvals": 1,
        "created_at": STARTED,
        "expires_at": DEADLINE,
        "closed_at": None,
        "decided_by": ["reviewer:ada"],
        "outcome_unknown": False,
        "url": None,
    }


def test_an_alert_is_not_handed_out_before_its_moment(store: ApprovalStore, outbox: AlertStore) -> None:
    """Half of the time has to be over."""
    opened(store)
    assert types(taken(outbox, now=HALF - A_MOMENT)) == [AlertType.REQUESTED]
    assert types(taken(outbox, now=HALF)) == [AlertType.HALF_TIME]


def test_whoever_takes_an_alert_has_it_for_a_while(store: ApprovalStore, outbox: AlertStore) -> None:
    """Nobody else gets it meanwhile; a sender that was lost leaves it to the next one, under the same id."""
    opened(store)
    (first,) = taken(outbox, now=RECORDED)
    assert taken(outbox, now=RECORDED + LEASE - A_MOMENT) == []
    (second,) = taken(outbox, now=RECORDED + LEASE)
    assert (first.attempts, second.attempts) == (1, 2)
    assert first.alert_id == second.alert_id


def test_what_is_settled_is_gone_or_comes_back(store: ApprovalStore, outbox: AlertStore) -> None:
    """What was sent is forgotten, and what failed is due again when its sender said."""
    opened(store)
    opened(store)
    sent, failed = taken(outbox, now=RECORDED)
    outbox.settle([sent], [(failed, RECORDED + LEASE * 2)])
    assert taken(outbox, now=RECORDED + LEASE * 2 - A_MOMENT) == []
    assert [alert.alert_id for alert in taken(outbox, now=RECORDED + LEASE * 2)] == [failed.alert_id]


def test_a_late_sender_does_not_postpone_the_next_ones(store: ApprovalStore, outbox: AlertStore) -> None:
    """Its time was over, and the alert is somebody else's by then."""
    opened(store)
    (late,) = taken(outbox, now=RECORDED)
    (_,) = taken(outbox, now=RECORDED + LEASE)
    outbox.settle([], [(late, DEADLINE)])
    assert len(taken(outbox, now=RECORDED + LEASE * 2)) == 1


def test_the_one_that_has_waited_longest_comes_first(store: ApprovalStore, outbox: AlertStore) -> None:
    """And no more than are asked for."""
    for minutes in (2, 0, 1):
        request = make_request()
        started = STARTED + timedelta(minutes=minutes)
        store.open(make_opening(request, make_assessment(request), started_at=started))
    found = taken(outbox, now=RECORDED, limit=2)
    assert [alert.due_at - STARTED for alert in found] == [timedelta(0), timedelta(minutes=1)]


def test_senders_at_the_same_time_share_the_alerts(store: ApprovalStore, outbox: AlertStore) -> None:
    """Each alert is handed out once."""
    for _ in range(24):
        opened(store)
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda _: taken(outbox, now=RECORDED, limit=4), range(6)))
    ids = [alert.alert_id for part in parts for alert in part]
    assert len(ids) == len(set(ids))
    # Whoever meets another's locks on all that it asked for gets less; what is left is there for the next one.
    assert len(ids) + len(taken(outbox, now=RECORDED)) == 24


def test_what_nobody_could_send_for_a_day_is_given_up(store: ApprovalStore, outbox: AlertStore, record: Record) -> None:
    """Counted from the moment that it tells of; what is still to come stays."""
    opened(store)
    (alert,) = taken(outbox, now=RECORDED)
    late = STARTED + GIVEN_UP_AFTER
    outbox.settle([], [(alert, late + timedelta(minutes=10))])
    assert outbox.give_up(now=late) == 0
    assert outbox.give_up(now=late + A_MOMENT) == 1
    assert [row["type"] for row in rows(record)] == ["approval.half_time"]
    assert outbox.give_up(now=HALF + GIVEN_UP_AFTER + A_MOMENT) == 1


def test_waiting_counts_what_should_have_been_sent(store: ApprovalStore, outbox: AlertStore) -> None:
    """Also while it is being sent or waits for its next try; not what is still to come."""
    opened(store)
    assert outbox.waiting(now=RECORDED) == 1
    (alert,) = taken(outbox, now=RECORDED)
    assert outbox.waiting(now=RECORDED) == 1
    outbox.settle([alert], [])
    assert outbox.waiting(now=RECORDED) == 0
    assert outbox.waiting(now=HALF) == 1
