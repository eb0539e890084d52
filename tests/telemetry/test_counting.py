"""What is counted: each audit event once, when it is committed, on both databases."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from assent.models import ApprovalStatus, Outcome
from domain.approval import ExecutionOutcome
from domain.audit import Action
from storage.appended import Appended
from storage.database import Database
from storage.rows import locked_row, move
from telemetry.metrics import Metrics
from tests.storage.builders import DEADLINE, RECORDED, STARTED, make_decision, make_request
from tests.storage.record import Record
from tests.telemetry.pages import Page


class Counted(Record):
    """A record whose events are counted, and kept in order."""

    def __init__(self, url: str) -> None:
        self.told: list[Appended] = []
        self.metrics = Metrics("test")
        super().__init__(Database(url, observer=self._take))

    def _take(self, appended: Sequence[Appended]) -> None:
        self.told.extend(appended)
        self.metrics.count(appended)

    @property
    def page(self) -> Page:
        return Page(generate_latest(self.metrics.registry).decode())


@pytest.fixture
def counted(database_url: str) -> Iterator[Counted]:
    record = Counted(database_url)
    record.add_team()
    yield record
    record.database.close()


def test_an_event_is_told_once_however_often_it_is_recorded(counted: Counted) -> None:
    """A record that runs again, after a kill or a lost reply, writes no event and counts none."""
    request = counted.open()
    decision = make_decision(request)
    for _ in range(2):
        counted.open(request)
        counted.store.decide(decision, at=RECORDED)

    assert [appended.event.action for appended in counted.told] == [
        Action.APPROVAL_REQUESTED,
        Action.DECISION_RECORDED,
        Action.APPROVAL_APPROVED,
    ]
    assert counted.page.value("assent_decided_total", status="approved", by="person") == 1


def test_what_is_not_committed_is_not_told(counted: Counted) -> None:
    """A transaction that fails after its events has written none of them."""
    request = counted.open()
    counted.told.clear()

    def expire_and_fail() -> None:
        with counted.database.write() as connection:
            row = locked_row(connection, request.approval_id)
            move(connection, row, ApprovalStatus.EXPIRED, by="system:timeout", at=DEADLINE)
            raise LookupError

    with pytest.raises(LookupError):
        expire_and_fail()
    assert counted.told == []
    counted.store.expire(request.approval_id, at=DEADLINE)
    assert [appended.event.action for appended in counted.told] == [Action.APPROVAL_EXPIRED]


def test_the_time_to_a_decision_is_that_of_people(counted: Counted) -> None:
    """From the request to the record that closes it; neither an expiry nor a policy is anybody's decision."""
    counted.store.decide(make_decision(counted.open(), Outcome.REJECT), at=STARTED + timedelta(minutes=3))
    counted.store.expire(counted.open().approval_id, at=DEADLINE)

    page = counted.page
    assert page.value("assent_decision_seconds_sum", risk="high", status="rejected") == 180
    assert page.value("assent_decision_seconds_count", risk="high", status="rejected") == 1
    assert page.value("assent_decision_seconds_bucket", risk="high", status="rejected", le="120.0") == 0
    assert page.value("assent_decision_seconds_bucket", risk="high", status="rejected", le="300.0") == 1
    assert page.by("assent_expired_total", "risk") == {"high": 1}
    assert page.by("assent_decision_seconds_count", "status") == {"rejected": 1}


@pytest.mark.parametrize(
    ("outcome", "counted_as"),
    [
        (ExecutionOutcome(result="1", result_digest="0" * 64, result_bytes=1), "executed"),
        (ExecutionOutcome(error="It said no."), "failed"),
        (ExecutionOutcome(outcome_unknown=True), "outcome_unknown"),
    ],
)
def test_executions_are_counted_by_how_they_ended(counted: Counted, outcome: ExecutionOutcome, counted_as: str) -> None:
    """Also those of which nobody knows."""
    request = counted.approved()
    counted.claim(request)
    counted.store.finish(request.approval_id, outcome, at=RECORDED)

    assert counted.page.by("assent_executions_total", "outcome") == {counted_as: 1}


def test_an_execution_that_is_refused_is_counted_as_that(counted: Counted) -> None:
    """It never started, which is no failure of the operation."""
    request = counted.approved()
    counted.claim(request, worker_refuses="It must not.")
    counted.store.finish(request.approval_id, ExecutionOutcome(refused="It must not."), at=RECORDED)

    assert counted.page.by("assent_executions_total", "outcome") == {"refused": 1}
    assert counted.page.value("assent_refusals_total", what="execution", reason="") == 1


def test_refused_decisions_are_counted_by_reason(counted: Counted) -> None:
    """The reasons are words of ours, so there are few."""
    request = make_request()
    counted.open(request)
    counted.store.decide(make_decision(request, digest="0" * 64), at=RECORDED)
    counted.store.decide(make_decision(request, reviewer="agent"), at=RECORDED)

    assert counted.page.value("assent_refusals_total", what="decision", reason="wrong_digest") == 1
    assert counted.page.value("assent_refusals_total", what="decision", reason="own_request") == 1
