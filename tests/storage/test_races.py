"""Many at once: one wins, and everybody is told the same."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import pytest

from assent.models import ApprovalStatus, Outcome
from domain.approval import ApprovalState
from domain.errors import StorageUnavailableError
from tests.storage.builders import (
    DEADLINE,
    IDEMPOTENT,
    RECORDED,
    make_assessment,
    make_cancel,
    make_decision,
    make_request,
)
from tests.storage.record import Record, open_record
from tests.storage.trust import add_pattern, patterns_of, to, trusting

RACERS = 20
ROUNDS = 2

Result = TypeVar("Result")
Racing = Callable[[Record, int], Result]


@pytest.fixture
def processes(database_url: str) -> Iterator[list[Record]]:
    """The same record four times, as four processes have it."""
    with (
        open_record(database_url) as one,
        open_record(database_url) as two,
        open_record(database_url) as three,
        open_record(database_url) as four,
    ):
        one.add_team()
        yield [one, two, three, four]


def race(processes: list[Record], run: Racing[Result]) -> list[Result]:
    """Let twenty threads in four processes begin at the same moment; each tries until it has an answer."""
    line = threading.Barrier(RACERS)

    def racer(number: int) -> Result:
        line.wait(30)
        give_up = time.monotonic() + 30
        while True:
            try:
                return run(processes[number % len(processes)], number)
            except StorageUnavailableError:
                if time.monotonic() > give_up:
                    raise

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(racer, range(RACERS)))


def test_of_two_racing_decisions_one_is_accepted(processes: list[Record]) -> None:
    """Each is sent by ten threads, as retries are: one wins once, the other is refused once, and all agree."""
    record = processes[0]
    for _ in range(ROUNDS):
        request = record.open()
        decisions = [make_decision(request, reviewer="ada"), make_decision(request, Outcome.REJECT, reviewer="bob")]

        def decide(mine: Record, number: int) -> ApprovalState:
            return mine.store.decide(decisions[number % 2], at=RECORDED)  # noqa: B023  done before the next round

        (state,) = set(race(processes, decide))
        votes = record.get(request).decisions
        assert Counter((vote.accepted, vote.refusal) for vote in votes) == {
            (True, None): 1,
            (False, "already_decided"): 1,
        }
        (winner,) = [vote for vote in votes if vote.accepted]
        won = ApprovalStatus.APPROVED if winner.outcome is Outcome.APPROVE else ApprovalStatus.REJECTED
        assert (state.status, state.decided_by) == (won, (f"reviewer:{winner.reviewer}",))
        told = Counter(record.actions(request))
        assert (told["decision.recorded"], told["decision.refused"], told[f"approval.{won}"]) == (1, 1, 1)


def test_of_twenty_racing_reviewers_a_quorum_is_accepted(processes: list[Record]) -> None:
    """Exactly as many votes count as are needed."""
    record = processes[0]
    request = make_request()
    record.open(request, make_assessment(request, required_approvals=3))

    def decide(mine: Record, number: int) -> ApprovalState:
        return mine.store.decide(make_decision(request, reviewer=f"reviewer-{number}"), at=RECORDED)

    states = race(processes, decide)
    assert Counter(state.approvals for state in states) == {1: 1, 2: 1, 3: RACERS - 2}
    assert Counter(vote.accepted for vote in record.get(request).decisions) == {True: 3, False: RACERS - 3}
    assert len(record.store.state(request.approval_id).decided_by) == 3
    assert Counter(record.actions(request))["approval.approved"] == 1


def test_of_twenty_racing_claims_one_is_granted(processes: list[Record]) -> None:
    """The operation starts once; everybody else learns that it has started."""
    record = processes[0]
    for _ in range(ROUNDS):
        request = record.approved()

        def claim(mine: Record, _: int) -> bool:
            granted = mine.claim(request)  # noqa: B023  done before the next round
            assert granted.refused is None
            return granted.already_started

        assert Counter(race(processes, claim)) == {False: 1, True: RACERS - 1}
        assert Counter(record.actions(request))["execution.started"] == 1


def test_racing_claims_share_the_tries_of_an_idempotent_operation(processes: list[Record]) -> None:
    """Each try is granted to one, and together there are no more than the plan has."""
    request = processes[0].approved(IDEMPOTENT)

    def claim(mine: Record, _: int) -> int | None:
        granted = mine.claim(request)
        return None if granted.already_started else granted.attempt

    tries = [attempt for attempt in race(processes, claim) if attempt is not None]
    assert sorted(tries) == [1, 2, 3, 4, 5]


def test_of_every_racing_end_one_happens(processes: list[Record]) -> None:
    """A vote, a cancel and the deadline in the same moment: one status, one event of it, and all agree."""
    record = processes[0]
    request = record.open()
    decision, cancel = make_decision(request), make_cancel(request)

    def end(mine: Record, number: int) -> ApprovalState:
        match number % 3:
            case 0:
                return mine.store.decide(decision, at=RECORDED)
            case 1:
                return mine.store.cancel(cancel, at=RECORDED)
            case _:
                return mine.store.expire(request.approval_id, at=DEADLINE)

    (state,) = set(race(processes, end))
    ends = {f"approval.{status}" for status in ApprovalStatus} & set(record.actions(request))
    assert ends == {f"approval.{state.status}"}
    assert Counter(record.actions(request))[f"approval.{state.status}"] == 1


def test_an_approval_opened_by_all_is_there_once(processes: list[Record]) -> None:
    """The first row stays, and everybody adopts it."""
    request = make_request()

    def open_it(mine: Record, number: int) -> ApprovalState:
        return mine.open_state(request, make_assessment(request, required_approvals=1 + number % 10))

    (state,) = set(race(processes, open_it))
    assert processes[0].store.state(request.approval_id) == state
    assert processes[0].actions(request) == ["approval.requested"]


def test_a_trusted_pattern_lets_exactly_so_many_through(processes: list[Record]) -> None:
    """Each approval is opened by two threads, as a retry may be: it uses one pattern once, and both are told which."""
    record = processes[0]
    first, second = add_pattern(record, "p-1", max_per_day=4), add_pattern(record, "p-2", max_per_day=3)
    requests = [make_request() for _ in range(RACERS // 2)]

    def open_it(mine: Record, number: int) -> ApprovalState:
        return mine.store.open(trusting(requests[number % len(requests)], first, second))

    states = race(processes, open_it)
    assert len(set(states)) == len(requests)
    decided = Counter(record.store.state(request.approval_id).decided_by for request in requests)
    assert decided == {("pattern:p-1@1",): 4, ("pattern:p-2@1",): 3, (): len(requests) - 7}
    assert {row["pattern_id"]: row["uses"] for row in record.rows()["pattern_uses"]} == {"p-1": 4, "p-2": 3}


def test_a_trusted_pattern_lets_exactly_so_much_through(processes: list[Record]) -> None:
    """What racing approvals add up to stays within the day's sum, and uses all of it that fits."""
    record = processes[0]
    trusted = add_pattern(record, max_sum_per_day={"parameter": "amount", "limit": 70})

    def open_it(mine: Record, _: int) -> ApprovalState:
        return mine.store.open(trusting(make_request(), trusted, amount=10))

    assert Counter(state.decided_by for state in race(processes, open_it)) == {("pattern:p-1@1",): 7, (): RACERS - 7}
    (row,) = record.rows()["pattern_uses"]
    assert (row["uses"], row["total"]) == (7, 70)


def test_nothing_is_let_through_once_a_pattern_is_suspended(processes: list[Record]) -> None:
    """A suspension racing with approvals comes between two of them: the log has the approvals, and then it."""
    record = processes[0]
    for number in range(ROUNDS):
        trusted = add_pattern(record, f"p-{number}")

        def run(mine: Record, racer: int) -> ApprovalState | None:
            if racer != RACERS // 2:
                return mine.store.open(trusting(make_request(), trusted))  # noqa: B023  done before the next round
            patterns_of(mine).change(trusted.id, to(suspended=True))  # noqa: B023  as above
            return None

        states = [state for state in race(processes, run) if state is not None]
        through = [state for state in states if state.status is ApprovalStatus.APPROVED]
        used = patterns_of(record).get(trusted.id, today=RECORDED)
        assert (used.pattern.suspended, used.matched) == (True, len(through))
        told = [
            event["action"]
            for event in record.rows()["audit_events"]
            if event["action"] == "pattern.suspended"
            or (event["action"] == "approval.approved" and event["actor"] == trusted.actor)
        ]
        assert told[-1 - len(through) :] == ["approval.approved"] * len(through) + ["pattern.suspended"]
        after = make_request()
        assert record.store.open(trusting(after, trusted)).status is ApprovalStatus.PENDING


def test_a_flood_of_approvals_does_not_keep_a_pattern_from_being_suspended(processes: list[Record]) -> None:
    """Each waits for its turn: whoever must stop an agent does not wait until it has stopped by itself."""
    record = processes[0]
    trusted = add_pattern(record, max_per_day=1_000_000)
    flowing, stopped = threading.Event(), threading.Event()

    def suspend(mine: Record) -> bool:
        assert flowing.wait(30)
        time.sleep(0.2)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with suppress(StorageUnavailableError):
                return patterns_of(mine).change(trusted.id, to(suspended=True)).suspended
        return False

    def run(mine: Record, racer: int) -> bool | None:
        if racer == 0:
            try:
                return suspend(mine)
            finally:
                stopped.set()
        while not stopped.is_set():
            mine.store.open(trusting(make_request(), trusted))
            flowing.set()
        return None

    assert race(processes, run)[0] is True
    assert patterns_of(record).get(trusted.id, today=RECORDED).matched > 0


def test_racing_changes_of_a_pattern_are_made_one_after_another(processes: list[Record]) -> None:
    """Each starts from the one before it: none is lost, and each revision is told once."""
    record = processes[0]
    add_pattern(record, max_per_day=1)

    def change(mine: Record, _: int) -> int:
        made = patterns_of(mine).change(
            "p-1", lambda old: old.model_copy(update={"revision": old.revision + 1, "max_per_day": old.max_per_day + 1})
        )
        assert made.max_per_day == made.revision
        return made.revision

    assert sorted(race(processes, change)) == list(range(2, RACERS + 2))
    assert [each.max_per_day for each in patterns_of(record).revisions("p-1")] == list(range(1, RACERS + 2))
    told = [event["details"]["revision"] for event in record.rows()["audit_events"]]
    assert told == list(range(1, RACERS + 2))
