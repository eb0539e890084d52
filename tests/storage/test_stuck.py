"""Approvals whose workflows are stuck: told when it begins and when it is over, each once."""

from datetime import timedelta
from uuid import uuid4

import pytest

from assent.models import ApprovalStatus, Stuck
from storage.stuck import StuckStore
from tests.storage.builders import LATER, STARTED, make_request
from tests.storage.record import Record

STUCK = Stuck(since=STARTED, cause="This workflow's tasks keep failing.")


def test_a_stuck_approval_is_told_once_and_shown_until_it_goes_on(record: Record) -> None:
    """However often it is found, and whoever waits for the approval sees both changes."""
    request, store = record.open(), StuckStore(record.database)
    other = record.open()
    revision = record.reads.revisions([request.approval_id])[request.approval_id].number
    for _ in range(2):
        store.begin(request.approval_id, STUCK, at=LATER)
    assert (store.count(), store.ids()) == (1, [request.approval_id])
    assert record.get(request).stuck == STUCK
    assert record.get(other).stuck is None
    assert record.reads.revisions([request.approval_id])[request.approval_id].number == revision + 1
    for _ in range(2):
        store.end(request.approval_id, at=LATER)
    assert (store.count(), store.ids(), record.get(request).stuck) == (0, [], None)
    assert record.reads.revisions([request.approval_id])[request.approval_id].number == revision + 2
    begun, ended = record.events(request)[-2:]
    assert (begun.action, ended.action) == ("approval.stuck", "approval.unstuck")
    for event in (begun, ended):
        assert (event.actor, event.at, event.digest) == ("system:reconcile", LATER, request.digest)
        assert event.details == {"since": STARTED.isoformat(), "cause": STUCK.cause}


def test_each_time_is_told(record: Record) -> None:
    """A workflow that gets stuck again, at another time, is news."""
    request, store = record.open(), StuckStore(record.database)
    for since in (STARTED, STARTED + timedelta(hours=1)):
        store.begin(request.approval_id, STUCK.model_copy(update={"since": since}), at=LATER)
        store.end(request.approval_id, at=LATER)
    assert record.actions(request)[-4:] == ["approval.stuck", "approval.unstuck"] * 2


def test_a_workflow_can_be_stuck_before_its_approval_has_a_row(record: Record) -> None:
    """It is counted and told all the same, and shown as soon as there is a row."""
    request, store = make_request(approval_id=str(uuid4())), StuckStore(record.database)
    store.begin(request.approval_id, STUCK, at=LATER)
    assert store.count() == 1
    (event,) = record.events(request)
    assert (event.action, event.digest) == ("approval.stuck", None)
    record.open(request)
    assert record.get(request).stuck == STUCK


@pytest.mark.parametrize("status", [status for status in ApprovalStatus if status.is_terminal])
def test_what_has_ended_is_not_shown_as_stuck(record: Record, status: ApprovalStatus) -> None:
    """Its workflow may still be: that is counted, and concerns no reviewer."""
    request, store = record.in_status(status), StuckStore(record.database)
    store.begin(request.approval_id, STUCK, at=LATER)
    assert (record.get(request).stuck, store.count()) == (None, 1)
