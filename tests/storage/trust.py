"""Approvals that trusted patterns may let through, and the patterns that do."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from assent.models import AuditEvent, Verdict
from domain.operation import ApprovalRequest
from domain.patterns import PatternMatch, TrustedPattern
from storage.audit import read_events
from storage.opening import Opening, Sealed, Trust
from storage.patterns import PatternStore
from tests.domain.trusted import pattern
from tests.storage.builders import STARTED, make_assessment, make_opening, make_request, seal_of
from tests.storage.record import Record

TIME_TO_DECIDE = timedelta(hours=4)


def patterns_of(record: Record) -> PatternStore:
    """Return what keeps patterns, as a process has it that has just started."""
    return PatternStore(record.database)


def deletes(pattern_id: str = "p-1", **fields: Any) -> TrustedPattern:  # noqa: ANN401  any field's value
    """Return a pattern for the agent's deletions of users, with `fields` changed."""
    of_requests = {"agent_id": "agent", "operation_type": "user.delete", "resource_type": "user", "condition": None}
    return pattern(pattern_id, **{**of_requests, "max_risk": "high", **fields})


def add_pattern(record: Record, pattern_id: str = "p-1", **fields: Any) -> TrustedPattern:  # noqa: ANN401  as above
    """Make such a pattern in the record."""
    added = deletes(pattern_id, **fields)
    patterns_of(record).add(added)
    return added


def to(**fields: Any) -> Callable[[TrustedPattern], TrustedPattern]:  # noqa: ANN401  as above
    """Return what makes the next revision of a pattern, with `fields` changed."""
    return lambda old: old.model_copy(update={"revision": old.revision + 1, **fields})


def trusting(
    request: ApprovalRequest, *matches: TrustedPattern | PatternMatch, amount: float = 0, at: datetime = STARTED
) -> Opening:
    """Return the first record of an approval that these patterns would let through, tried in this order."""
    deadline = at + TIME_TO_DECIDE
    allowed = make_assessment(request, verdict=Verdict.ALLOW, expires_at=deadline)
    tried = tuple(
        PatternMatch(pattern=each, amount=amount) if isinstance(each, TrustedPattern) else each for each in matches
    )
    return make_opening(
        request,
        make_assessment(request, expires_at=deadline),
        started_at=at,
        trust=Trust(matches=tried, sealed=Sealed(assessment=allowed, seal=seal_of(allowed))),
        open_to_patterns=True,
    )


def open_trusting(
    record: Record, *matches: TrustedPattern | PatternMatch, amount: float = 0, at: datetime = STARTED
) -> ApprovalRequest:
    """Open an approval that these patterns would let through, and return its request."""
    request = make_request()
    record.store.open(trusting(request, *matches, amount=amount, at=at))
    return request


def pattern_events(record: Record) -> list[AuditEvent]:
    """Return what the log tells of patterns, in order."""
    with record.database.read() as connection:
        events = [line for _, line in read_events(connection, limit=1_000)]
    return [event for event in events if event.action.startswith("pattern.")]
