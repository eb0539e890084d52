"""What a line of the log tells of an audit event, and how loudly."""

from datetime import UTC, datetime

from structlog.testing import capture_logs

from domain.approval import BY_RECONCILE
from domain.audit import Action, AuditEvent, event_id
from storage.appended import Appended
from telemetry.log_lines import log_events

AT = datetime(2030, 1, 1, tzinfo=UTC)
CAUSE = "The workers' code fails in this workflow."


def _stuck(action: Action) -> Appended:
    details = {"since": AT.isoformat(), "cause": CAUSE}
    return Appended(
        AuditEvent(
            event_id=event_id(action, "0193", "since"),
            at=AT,
            actor=BY_RECONCILE,
            action=action,
            approval_id="0193",
            digest=None,
            details=details,
        )
    )


def test_a_stuck_workflow_is_an_error_with_its_cause() -> None:
    """An engineer has to look at it, and finds why in the line; that it goes on is news like any other."""
    with capture_logs() as lines:
        log_events([_stuck(Action.APPROVAL_STUCK), _stuck(Action.APPROVAL_UNSTUCK)])

    about = {"approval_id": "0193", "actor": BY_RECONCILE, "since": AT.isoformat()}
    assert lines == [
        {"event": "approval.stuck", "log_level": "error", "cause": CAUSE} | about,
        {"event": "approval.unstuck", "log_level": "info"} | about,
    ]
