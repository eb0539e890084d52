"""The log: in order, each event once, never changed."""

from datetime import timedelta
from uuid import UUID

import pytest

from assent.models import AuditEvent as AuditLine
from domain.audit import Action, AuditEvent, event_id
from storage.audit import append_event, read_events
from tests.storage.builders import RECORDED, STARTED
from tests.storage.record import Record

APPROVAL = "0193f1a4-0000-7000-8000-000000000001"
OTHER = "0193f1a4-0000-7000-8000-000000000002"


def make_event(number: int, *, action: Action = Action.DECISION_REFUSED, approval_id: str = APPROVAL) -> AuditEvent:
    # Later events are told with earlier times: the order is that of the record, not of anybody's clock.
    return AuditEvent(
        event_id=event_id(action, approval_id, str(number)),
        at=STARTED - timedelta(minutes=number),
        actor="reviewer:ada" if number % 2 else "agent:billing",
        action=action,
        approval_id=approval_id,
        digest="ab" * 32,
        details={"z": number, "a": ["ü", None, 1.5]},
    )


def append(record: Record, *events: AuditEvent) -> None:
    for event in events:
        record.store.append(event)


def lines(record: Record, *, after: int = 0, limit: int = 100) -> list[tuple[int, AuditLine]]:
    with record.database.read() as connection:
        return read_events(connection, after=after, limit=limit)


def test_an_event_is_kept_as_it_was_told(empty_record: Record) -> None:
    """Every field, to the microsecond, in the order of its details."""
    event = make_event(1)
    append(empty_record, event)
    ((_, line),) = lines(empty_record)
    assert line.model_dump() == {"id": event.event_id} | event.model_dump(exclude={"event_id"})
    assert list(line.details) == ["z", "a"]


def test_an_event_may_be_of_no_approval(empty_record: Record) -> None:
    """Such as a key's, or a refused submission's."""
    event = AuditEvent(
        event_id=event_id(Action.SUBMISSION_REFUSED, "w"),
        at=RECORDED,
        actor="unknown",
        action=Action.SUBMISSION_REFUSED,
    )
    append(empty_record, event)
    ((_, line),) = lines(empty_record)
    assert (line.approval_id, line.digest, line.details) == (None, None, {})


def test_events_are_read_in_the_order_of_the_record(empty_record: Record) -> None:
    """Oldest first, page after page, whatever is appended meanwhile."""
    events = [make_event(number) for number in range(7)]
    append(empty_record, *events[:5])
    first = lines(empty_record, limit=3)
    append(empty_record, *events[5:])
    rest = lines(empty_record, after=first[-1][0], limit=100)
    assert [line.id for _, line in first + rest] == [event.event_id for event in events]
    positions = [position for position, _ in first + rest]
    assert positions == sorted(set(positions))
    assert lines(empty_record, after=positions[-1]) == []


def test_events_are_filtered(empty_record: Record, subtests: pytest.Subtests) -> None:
    """By approval, by actor and by action, alone and together."""
    events = [
        make_event(number, action=action, approval_id=approval_id)
        for number, (action, approval_id) in enumerate(
            (action, approval_id)
            for action in (Action.DECISION_REFUSED, Action.CANCEL_REFUSED)
            for approval_id in (APPROVAL, APPROVAL, OTHER, OTHER)
        )
    ]
    append(empty_record, *events)
    for approval_id, actor, action in (
        (APPROVAL, None, None),
        (None, "reviewer:ada", None),
        (None, None, Action.CANCEL_REFUSED),
        (OTHER, "agent:billing", Action.DECISION_REFUSED),
    ):
        with subtests.test(approval_id=approval_id, actor=actor, action=action):
            expected = [
                event.event_id
                for event in events
                if approval_id in (None, event.approval_id)
                and actor in (None, event.actor)
                and action in (None, event.action)
            ]
            assert 0 < len(expected) < len(events)
            with empty_record.database.read() as connection:
                found = read_events(connection, approval_id=approval_id, actor=actor, action=action, limit=100)
            assert [line.id for _, line in found] == expected


def test_events_are_read_back_from_the_newest(empty_record: Record) -> None:
    """Page after page, with the same filters, whatever is appended meanwhile."""
    events = [make_event(number) for number in range(7)]
    append(empty_record, *events[:5])
    with empty_record.database.read() as connection:
        first = read_events(connection, newest_first=True, limit=3)
    append(empty_record, *events[5:])
    with empty_record.database.read() as connection:
        rest = read_events(connection, newest_first=True, after=first[-1][0], limit=100)
        of_ada = read_events(connection, newest_first=True, actor="reviewer:ada", limit=100)
    assert [line.id for _, line in first + rest] == [event.event_id for event in events[4::-1]]
    assert [line.id for _, line in of_ada] == [event.event_id for event in events[5::-2]]


def test_events_are_read_of_a_span_of_time(empty_record: Record) -> None:
    """The first moment belongs to it, the last one does not; whatever their order in the record."""
    events = [make_event(number) for number in range(4)]
    append(empty_record, *events)
    with empty_record.database.read() as connection:
        for since, until, expected in (
            (events[2].at, None, events[:3]),
            (None, events[2].at, events[3:]),
            (events[2].at, events[0].at, events[1:3]),
            (events[2].at, events[2].at, []),
        ):
            found = read_events(connection, since=since, until=until, limit=100)
            assert [line.id for _, line in found] == [event.event_id for event in expected]


def test_a_retry_writes_its_event_once(empty_record: Record) -> None:
    """The first telling stays, whatever the second one says."""
    event = make_event(1)
    append(empty_record, event)
    append(empty_record, event.model_copy(update={"at": RECORDED, "actor": "nobody", "details": {}}), event)
    ((_, line),) = lines(empty_record)
    assert (line.at, line.actor, line.details) == (event.at, event.actor, event.details)


def test_an_event_s_id_is_that_of_what_it_tells() -> None:
    """The same for every retry on every machine; another for another action or subject."""
    tells = event_id(Action.APPROVAL_EXPIRED, APPROVAL)
    assert tells == event_id(Action.APPROVAL_EXPIRED, APPROVAL) == str(UUID(tells))
    others = {
        event_id(Action.APPROVAL_EXPIRED, OTHER),
        event_id(Action.APPROVAL_CANCELLED, APPROVAL),
        event_id(Action.APPROVAL_EXPIRED, APPROVAL, ""),
        event_id(Action.APPROVAL_EXPIRED, APPROVAL[:-1], APPROVAL[-1]),
    }
    assert len(others | {tells}) == 5


def test_events_commit_with_what_they_tell(empty_record: Record) -> None:
    """When the rest of the transaction fails, nothing is told."""

    def fail_after_telling() -> None:
        with empty_record.database.write() as connection:
            append_event(connection, make_event(1))
            message = "the rest cannot be"
            raise LookupError(message)

    with pytest.raises(LookupError):
        fail_after_telling()
    assert lines(empty_record) == []


def test_a_position_is_never_used_again(empty_record: Record) -> None:
    """Not even when the newest event was cut off: a reader that stopped behind it would miss the next one."""
    append(empty_record, make_event(1), make_event(2))
    last = lines(empty_record)[-1][0]
    empty_record.execute_sql("DELETE FROM audit_events WHERE seq = :last", last=last)
    append(empty_record, make_event(3))
    assert lines(empty_record)[-1][0] > last
