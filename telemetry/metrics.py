"""What has happened, counted from the audit events that this process writes, and the requests that it answers.

No label is anybody's word: risks, outcomes and routes are few and known, where the names of agents would grow for ever.
"""

from collections.abc import Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from assent.models import ApprovalStatus, RiskLevel
from domain.audit import Action, AuditEvent
from storage.appended import Appended, Wait

_SECOND, _MINUTE, _HOUR = 1.0, 60.0, 3600.0

DECISION_BUCKETS = (
    _SECOND,
    5 * _SECOND,
    15 * _SECOND,
    30 * _SECOND,
    _MINUTE,
    2 * _MINUTE,
    5 * _MINUTE,
    15 * _MINUTE,
    30 * _MINUTE,
    _HOUR,
    2 * _HOUR,
    4 * _HOUR,
    8 * _HOUR,
    12 * _HOUR,
    24 * _HOUR,
)
"""People answer within seconds or within a day, which is the longest time that a risk level gives them."""

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_DECIDED = {
    Action.APPROVAL_APPROVED: ApprovalStatus.APPROVED,
    Action.APPROVAL_REJECTED: ApprovalStatus.REJECTED,
    Action.APPROVAL_CANCELLED: ApprovalStatus.CANCELLED,
}
_REFUSED = {
    Action.DECISION_REFUSED: "decision",
    Action.CANCEL_REFUSED: "cancel",
    Action.EXECUTION_REFUSED: "execution",
    Action.ACCESS_REFUSED: "access",
    Action.SUBMISSION_REFUSED: "submission",
    Action.SUBMISSION_CONFLICT: "submission",
    Action.SESSION_REFUSED: "sign_in",
}
# Those whose `refusal` is a word of ours, and not a sentence.
_CODED = frozenset({Action.DECISION_REFUSED, Action.CANCEL_REFUSED, Action.SUBMISSION_REFUSED})
_OUTCOMES = ("executed", "failed", "refused", "outcome_unknown")
_ALERT_RESULTS = ("sent", "failed", "dropped", "given_up")


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self, process: str) -> None:
        """Take the process's name, such as `worker`."""
        # Each would double the number of series, to tell when this process was started.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge(
            "assent_build_info", "The release that runs, always 1.", ["process", "version"], registry=registry
        )
        build.labels(process, version("assent-server")).set(1)
        self._events = Counter("assent_audit_events", "Audit events written.", ["action"], registry=registry)
        self._submissions = Counter(
            "assent_submissions", "Operations assessed.", ["risk", "verdict"], registry=registry
        )
        self._decided = Counter(
            "assent_decided", "Approvals approved, rejected or cancelled.", ["status", "by"], registry=registry
        )
        self._seconds = Histogram(
            "assent_decision_seconds",
            "From the request to the decision of people.",
            ["risk", "status"],
            buckets=DECISION_BUCKETS,
            registry=registry,
        )
        self._expired = Counter("assent_expired", "Approvals that nobody decided in time.", ["risk"], registry=registry)
        self._executions = Counter("assent_executions", "Executions that ended.", ["outcome"], registry=registry)
        self._refusals = Counter("assent_refusals", "What was refused.", ["what", "reason"], registry=registry)
        self._requests = Histogram(
            "assent_http_request_seconds",
            "Until the first byte of an answer.",
            ["route", "method", "status"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._alerts = Counter(
            "assent_alerts", "Attempts to send an alert, by their result.", ["result"], registry=registry
        )
        # A rate needs a value to start from.
        for risk in RiskLevel:
            self._expired.labels(risk.value)
        for outcome in _OUTCOMES:
            self._executions.labels(outcome)
        for result in _ALERT_RESULTS:
            self._alerts.labels(result)

    def count(self, appended: Sequence[Appended]) -> None:
        """Count what a transaction has written."""
        for event, wait in appended:
            self._events.labels(event.action.value).inc()
            self._count(event, wait)

    def alerted(self, result: str) -> None:
        """Count what became of an alert, such as `sent`."""
        self._alerts.labels(result).inc()

    def answered(self, route: str, method: str, status: str, seconds: float) -> None:
        """Count a request: the template of its route, and the class of its status, such as `2xx`."""
        self._requests.labels(route, method, status).observe(seconds)

    def _count(self, event: AuditEvent, wait: Wait | None) -> None:
        action, details = event.action, event.details
        if action is Action.APPROVAL_REQUESTED:
            self._submissions.labels(details["risk"], details["verdict"]).inc()
        elif action in _DECIDED:
            self._count_decided(_DECIDED[action], _kind(event.actor), wait)
        elif action is Action.APPROVAL_EXPIRED and wait is not None:
            self._expired.labels(wait.risk).inc()
        elif action is Action.APPROVAL_EXECUTED:
            self._executions.labels("executed").inc()
        elif action is Action.APPROVAL_FAILED:
            self._executions.labels(_failure(event)).inc()
        elif action in _REFUSED:
            self._refusals.labels(_REFUSED[action], _reason(event)).inc()

    def _count_decided(self, status: ApprovalStatus, by: str, wait: Wait | None) -> None:
        self._decided.labels(status.value, by).inc()
        if by == "person" and status is not ApprovalStatus.CANCELLED and wait is not None:
            self._seconds.labels(wait.risk, status.value).observe(wait.lasted.total_seconds())


def _kind(actor: str) -> str:
    """Return who that is: `person`, `agent`, `policy`, `pattern`, or `system` for Assent itself."""
    kind = actor.partition(":")[0]
    if kind in ("reviewer", "admin", "operator"):
        return "person"
    return kind if kind in ("agent", "policy", "pattern") else "system"


def _failure(event: AuditEvent) -> str:
    if event.details.get("outcome_unknown"):
        return "outcome_unknown"
    return "refused" if "refusal" in event.details else "failed"


def _reason(event: AuditEvent) -> str:
    if event.action is Action.SUBMISSION_CONFLICT:
        return "conflict"
    if event.action is Action.SESSION_REFUSED:
        return str(event.details["by"])
    return str(event.details["refusal"]) if event.action in _CODED else ""
