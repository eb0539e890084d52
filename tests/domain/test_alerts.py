"""Alerts: their ids, their moments, and how long they are tried again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from assent.alerts import Alert, AlertedApproval, AlertType
from assent.models import ApprovalStatus, RiskLevel
from domain.alerts import DueAlert, alert_id, delay_after, half_time

CREATED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EXPIRES = CREATED + timedelta(hours=4)
APPROVAL = AlertedApproval(
    id="a-1",
    status=ApprovalStatus.PENDING,
    title="delete user",
    operation_type="user.delete",
    resource_type="user",
    agent_id="agent",
    risk_level=RiskLevel.HIGH,
    required_approvals=2,
    created_at=CREATED,
    expires_at=EXPIRES,
    decided_by=[],
)


def due(alert_type: AlertType, status: ApprovalStatus = ApprovalStatus.PENDING) -> DueAlert:
    approval = APPROVAL.model_copy(update={"status": status})
    return DueAlert(alert_id="i", type=alert_type, due_at=CREATED, attempts=1, approval=approval)


def test_an_id_stays_and_is_nobody_elses() -> None:
    """The same for each try of one alert, another for each other one."""
    ids = {alert_id(each, approval) for each in AlertType for approval in ("a-1", "a-2")}
    assert len(ids) == 6
    assert alert_id(AlertType.ENDED, "a-1") in ids


def test_half_of_the_time_is_over_in_the_middle() -> None:
    """Of the time that reviewers were given."""
    assert half_time(CREATED, EXPIRES) == CREATED + timedelta(hours=2)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (10, 900), (10_000, 900)]
)
def test_the_delay_doubles_up_to_a_quarter_of_an_hour(attempts: int, seconds: float) -> None:
    """And chance takes up to half of it away."""
    assert delay_after(attempts, 0) == timedelta(seconds=seconds)
    assert delay_after(attempts, 1) == timedelta(seconds=seconds / 2)


def test_half_time_says_something_while_people_can_decide() -> None:
    """Not once they have decided, and not after the deadline; the other alerts always do."""
    before = EXPIRES - timedelta(microseconds=1)
    assert due(AlertType.HALF_TIME).is_wanted(before)
    assert not due(AlertType.HALF_TIME).is_wanted(EXPIRES)
    assert not due(AlertType.HALF_TIME, ApprovalStatus.APPROVED).is_wanted(before)
    for each in (AlertType.REQUESTED, AlertType.ENDED):
        assert due(each, ApprovalStatus.EXECUTED).is_wanted(EXPIRES + timedelta(days=1))


def test_a_body_is_what_clients_read() -> None:
    """The type, the moment that it tells of, and the approval with a link to its page."""
    body = due(AlertType.REQUESTED).body("https://assent.example.com/")
    assert Alert.model_validate_json(body).data.url == "https://assent.example.com/approvals/a-1"
    assert (json.loads(body)["type"], json.loads(body)["timestamp"]) == ("approval.requested", "2026-03-02T09:00:00Z")
    assert json.loads(due(AlertType.REQUESTED).body(None))["data"]["url"] is None
