"""Pauses in the record: one for each scope, told in the log, and held against whatever would start."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from assent.models import ApprovalStatus, AuditEvent, Pause, PauseScope
from domain.errors import AlreadyPausedError, PauseNotFoundError, StorageUnavailableError
from domain.execution import StoredApproval
from domain.listing import ApprovalFilter, Sort
from domain.operation import ApprovalRequest
from storage.audit import read_events
from storage.changes import watch_changes
from storage.claims import Claim
from storage.pauses import PauseStore, pause_of
from storage.tables import pauses as pauses_table
from tests.storage.builders import A_MOMENT, IDEMPOTENT, LATER, RECORDED, make_operation, make_request
from tests.storage.record import Record, open_record

EVERYTHING = PauseScope()
AGENT = PauseScope(agent_id="agent")
DELETES = PauseScope(operation_type="user.delete")
SCOPES = (EVERYTHING, AGENT, DELETES)
ADMIN = "admin:ana"


@pytest.fixture
def other(record: Record) -> Iterator[Record]:
    """The same record as another process has it."""
    with open_record(record.database.url) as other:
        yield other


def store(record: Record) -> PauseStore:
    return PauseStore(record.database)


def paused(record: Record, scope: PauseScope = EVERYTHING, *, number: int = 1) -> Pause:
    """Start a pause of this scope; a later `number` is a later start."""
    pause = Pause(
        id=f"00000000-0000-7000-8000-{number:012d}",
        agent_id=scope.agent_id,
        operation_type=scope.operation_type,
        reason="The provider is down: größer \U0001f600",
        started_by=ADMIN,
        started_at=RECORDED + number * A_MOMENT,
    )
    store(record).start(pause)
    return pause


def resume(record: Record, scope: PauseScope = EVERYTHING) -> Pause:
    return store(record).end(scope, by="admin:ben", at=LATER)


def told(record: Record) -> list[AuditEvent]:
    """Return the events about pauses."""
    with record.database.read() as connection:
        events = [event for _, event in read_events(connection, limit=1_000)]
    return [event for event in events if event.action.startswith("pause.")]


def of_another_type(record: Record) -> ApprovalRequest:
    return record.open(make_request(make_operation(operation_type="note.write")))


def test_a_pause_is_in_force_until_it_is_ended(record: Record) -> None:
    """It is read as it was written; ended, its row stays, with who ended it and when."""
    pause = paused(record, AGENT)
    assert store(record).active() == [pause]
    assert resume(record, AGENT) == pause
    assert store(record).active() == []
    with record.database.read() as connection:
        row = connection.execute(select(pauses_table)).one()
    assert (row.started_at, row.started_by, row.ended_at, row.ended_by) == (pause.started_at, ADMIN, LATER, "admin:ben")


def test_both_ends_are_told_in_the_log(record: Record) -> None:
    """Who, what and why; each once, in the transaction of the change."""
    for number, scope in enumerate(SCOPES):
        pause = paused(record, scope, number=number)
        resume(record, scope)
        started, ended = told(record)[-2:]
        about = {"pause_id": pause.id, "agent_id": scope.agent_id, "operation_type": scope.operation_type}
        assert (started.action, started.actor, started.at) == ("pause.started", ADMIN, pause.started_at)
        assert started.details == about | {"reason": pause.reason}
        assert (ended.action, ended.actor, ended.at) == ("pause.ended", "admin:ben", LATER)
        assert ended.details == about
    assert len(told(record)) == 2 * len(SCOPES)


def test_a_scope_is_paused_once(record: Record) -> None:
    """The second is refused, whatever its reason, and told who was first; nothing is written."""
    for number, scope in enumerate(SCOPES):
        paused(record, scope, number=number)
    before = record.rows()
    for number, scope in enumerate(SCOPES):
        with pytest.raises(AlreadyPausedError, match=r"is paused by admin:ana since .*: The provider is down"):
            paused(record, scope, number=10 + number)
    assert record.rows() == before


def test_an_ended_scope_may_be_paused_again(record: Record) -> None:
    """Each time is a pause of its own, with events of its own."""
    for number in range(3):
        paused(record, DELETES, number=number)
        resume(record, DELETES)
    assert [event.action for event in told(record)] == ["pause.started", "pause.ended"] * 3


def test_only_the_same_scope_is_ended(record: Record) -> None:
    """Everything is not every pause: that of an agent stays when everything is resumed, and the other way round."""
    agents = paused(record, AGENT)
    for scope in (EVERYTHING, DELETES, PauseScope(agent_id="agen")):
        with pytest.raises(PauseNotFoundError, match=r"GET /v1/pauses"):
            resume(record, scope)
    everything = paused(record, EVERYTHING, number=2)
    assert resume(record, EVERYTHING) == everything
    assert store(record).active() == [agents]


def test_pauses_are_listed_the_oldest_first(record: Record) -> None:
    """By when they started."""
    made = [paused(record, scope, number=number) for number, scope in zip((3, 1, 2), SCOPES, strict=True)]
    assert store(record).active() == sorted(made, key=lambda pause: pause.started_at)


def test_a_watch_hears_of_both_ends(record: Record, other: Record) -> None:
    """Every process shows it at once."""
    with watch_changes(record.database) as changes:
        assert not changes.wait(0.05)
        paused(other)
        assert changes.wait(5)
        resume(other)
        assert changes.wait(5)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_what_is_approved_is_held(record: Record, scope: PauseScope) -> None:
    """It gets no claim, and however often it asks nothing is written; after the end it starts as ever."""
    request = record.approved()
    pause = paused(record, scope)
    before = record.rows()
    for _ in range(3):
        assert record.claim(request) == Claim(paused=pause)
    assert record.rows() == before
    assert record.get(request).pause == pause
    resume(record, scope)
    assert record.get(request).pause is None
    claim = record.claim(request)
    assert (claim.paused, claim.attempt) == (None, 1)
    assert claim.approval is not None
    assert record.actions(request).count("execution.started") == 1


def test_what_no_pause_covers_starts(record: Record) -> None:
    """Another agent's and another type's pause hold nothing else."""
    request = record.approved()
    paused(record, PauseScope(agent_id="other-agent"))
    paused(record, PauseScope(operation_type="user.create"), number=2)
    assert record.get(request).pause is None
    assert record.claim(request).approval is not None


def test_a_pause_hides_no_tampering(record: Record) -> None:
    """What must not run is refused and told, also while everything is paused."""
    request = record.approved()
    paused(record)
    record.execute_sql("UPDATE approvals SET resource_id = '43'")
    claim = record.claim(request)
    assert "its digest differs" in (claim.refused or "")
    assert claim.paused is None
    assert record.actions(request)[-1] == "execution.refused"
    other = record.approved()
    assert record.claim(other, worker_refuses="It is gone.") == Claim(refused="It is gone.")


def test_what_has_started_goes_on(record: Record) -> None:
    """A later try of an idempotent operation is a part of the same execution; one that is not stays as it was."""
    idempotent, single = record.approved(IDEMPOTENT), record.approved()
    for request in (idempotent, single):
        record.claim(request)
    paused(record)
    assert record.claim(idempotent).attempt == 2
    assert record.claim(single).already_started
    assert [record.get(request).pause for request in (idempotent, single)] == [None, None]


def test_an_approval_shows_what_holds_it(record: Record, subtests: pytest.Subtests) -> None:
    """While it is pending or approved, and of several pauses the broadest; one that has ended shows none."""
    made = {status: record.in_status(status) for status in ApprovalStatus}
    pauses = [paused(record, scope, number=number) for number, scope in enumerate((DELETES, AGENT, EVERYTHING))]
    for pause in reversed(pauses):
        for status, request in made.items():
            with subtests.test(status.value):
                expected = pause if status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED) else None
                assert record.get(request).pause == expected
        resume(record, PauseScope(agent_id=pause.agent_id, operation_type=pause.operation_type))


def test_a_page_shows_each_what_holds_it(record: Record) -> None:
    """A page tells of each row by itself."""
    deletes, writes = record.open(), of_another_type(record)
    pause = paused(record, DELETES)
    page = record.reads.page(ApprovalFilter(), sort=Sort.NEWEST, after=None, limit=10, now=RECORDED)
    assert {item.id: item.pause for item in page} == {deletes.approval_id: pause, writes.approval_id: None}


def test_decisions_are_taken_and_deadlines_count(record: Record) -> None:
    """A pause holds nothing but the start."""
    paused(record)
    assert record.approved() is not None
    for status in (ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED):
        record.in_status(status)


def test_a_pause_comes_wholly_before_a_start_or_wholly_after(record: Record, other: Record) -> None:
    """Whoever was answered that it is paused knows that nothing starts any more: it waits for who looked first."""
    finished = threading.Event()

    def pause() -> None:
        paused(other)
        finished.set()

    with ThreadPoolExecutor(1) as threads:
        with record.database.write() as connection:
            assert pause_of(connection, "agent", "user.delete") is None
            pausing = threads.submit(pause)
            assert not finished.wait(0.3)
        pausing.result(10)
    assert record.claim(record.approved()).paused is not None


def test_a_start_sees_a_pause_that_came_while_it_was_examined(postgres_url: str) -> None:
    """The claim looks last: a pause that commits while the worker looks at the approval holds it."""
    with open_record(postgres_url) as mine, open_record(postgres_url) as others:
        mine.add_team()
        request = mine.approved()

        def meanwhile(_: StoredApproval) -> None:
            paused(others)

        claim = mine.claims.claim(request.approval_id, at=RECORDED, refusal=meanwhile)
        assert claim.paused is not None


def at_once(record: Record, others: Record, run: Callable[[PauseStore, int], str]) -> list[str]:
    """Let ten threads in two processes begin together; each tries until the database is free to answer it."""
    line = threading.Barrier(10)

    def racer(number: int) -> str:
        line.wait(30)
        for _ in range(50):
            try:
                return run(store(others if number % 2 else record), number)
            except StorageUnavailableError:
                continue
        raise TimeoutError

    with ThreadPoolExecutor(10) as threads:
        return list(threads.map(racer, range(10)))


def test_of_many_at_once_one_pauses_and_one_resumes(record: Record, other: Record) -> None:
    """The others are told that it is done."""

    def start(mine: PauseStore, number: int) -> str:
        try:
            mine.start(
                Pause(
                    id=f"pause-{number}",
                    agent_id="agent",
                    reason="Stop.",
                    started_by=ADMIN,
                    started_at=RECORDED + timedelta(seconds=number),
                )
            )
        except AlreadyPausedError:
            return "second"
        return "first"

    def end(mine: PauseStore, number: int) -> str:
        try:
            mine.end(AGENT, by=f"admin:{number}", at=LATER)
        except PauseNotFoundError:
            return "second"
        return "first"

    for run in (start, end):
        assert sorted(at_once(record, other, run)) == ["first"] + ["second"] * 9
    assert [event.action for event in told(record)] == ["pause.started", "pause.ended"]
