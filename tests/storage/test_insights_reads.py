"""What is counted for insights: every decision once, on the UTC day on which it was made."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from assent.models import ApprovalStatus, Outcome, RiskLevel, SettledOutcome, Verdict
from domain.approval import BY_POLICY, BY_REVOCATION, ExecutionOutcome
from domain.insights import DecidedCount, ExecutionCount, TimeCount, Way
from domain.operation import ApprovalRequest
from storage.insights_reads import Counted, InsightsReads
from storage.opening import Ending
from storage.tables import settlements
from tests.storage.builders import A_MOMENT, make_assessment, make_decision, make_opening, make_outcome, make_request
from tests.storage.record import Record, open_record
from tests.storage.trust import add_pattern, open_trusting

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOON = MIDNIGHT + 12 * HOUR


def add(  # noqa: PLR0913  each is one fact of the approval
    record: Record,
    started_at: datetime = NOON,
    *,
    level: RiskLevel = RiskLevel.HIGH,
    required: int = 1,
    verdict: Verdict = Verdict.ASK,
    ending: Ending | None = None,
) -> ApprovalRequest:
    """Open an approval and return its request."""
    request = make_request()
    sealed = make_assessment(
        request, risk_level=level, required_approvals=required, verdict=verdict, expires_at=started_at + 4 * HOUR
    )
    record.store.open(make_opening(request, sealed, started_at=started_at, ending=ending))
    return request


def decide(
    record: Record, request: ApprovalRequest, at: datetime, outcome: Outcome = Outcome.APPROVE, *, reviewer: str = "ada"
) -> None:
    record.store.decide(make_decision(request, outcome, decided_at=at, reviewer=reviewer), at=at)


def finish(
    record: Record, request: ApprovalRequest, outcome: ExecutionOutcome, at: datetime, *, ran: bool = True
) -> None:
    if ran:
        record.claim(request)
    record.store.finish(request.approval_id, outcome, at=at)


def counted(record: Record, begins: datetime = MIDNIGHT, ends: datetime = MIDNIGHT + DAY) -> Counted:
    return InsightsReads(record.database).counted(begins, ends)


def ways(found: Counted) -> Counter[tuple[date, Way]]:
    numbers = Counter[tuple[date, Way]]()
    for each in found.decided:
        numbers[each.day, each.way] += each.number
    return numbers


def test_an_empty_record_has_nothing_to_count(record: Record) -> None:
    """Not even a zero, and what waits is no decision."""
    nothing = Counted(decided=(), times=(), executions=ExecutionCount())
    assert counted(record) == nothing
    for verdict in (Verdict.ASK, Verdict.ALLOW):
        add(record, verdict=verdict)
    assert counted(record) == nothing


def test_each_way_is_counted_once(record: Record) -> None:
    """By people, by nobody, and by the rules, also when an approval has gone on since."""
    allow = Ending(status=ApprovalStatus.APPROVED, by=(BY_POLICY,), reason="Harmless.")
    deny = Ending(status=ApprovalStatus.REJECTED, by=(BY_POLICY,), reason="Never.")
    revoked = Ending(status=ApprovalStatus.CANCELLED, by=(BY_REVOCATION,), reason="Revoked.")
    for status in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTED, ApprovalStatus.FAILED):
        approved = add(record)
        decide(record, approved, NOON + HOUR)
        if status is not ApprovalStatus.APPROVED:
            outcome = make_outcome() if status is ApprovalStatus.EXECUTED else ExecutionOutcome(error="No.")
            finish(record, approved, outcome, NOON + HOUR)
        assert record.status(approved) is status
    decide(record, add(record), NOON + HOUR, Outcome.REJECT)
    record.store.expire(add(record).approval_id, at=NOON + 4 * HOUR)
    add(record, verdict=Verdict.ALLOW, ending=allow)
    add(record, verdict=Verdict.DENY, ending=deny)
    add(record, verdict=Verdict.DENY, ending=revoked)
    today = MIDNIGHT.date()
    assert ways(counted(record)) == {
        (today, Way.APPROVED): 3,
        (today, Way.REJECTED): 1,
        (today, Way.EXPIRED): 1,
        (today, Way.ALLOWED_BY_POLICY): 1,
        (today, Way.DENIED_BY_POLICY): 1,
        (today, Way.CANCELLED): 1,
    }


def test_a_pattern_s_work_is_told_from_policy_s(record: Record) -> None:
    """What a trusted pattern let through is not counted as a rule's."""
    pattern = add_pattern(record)
    opened = open_trusting(record, pattern)
    assert record.status(opened) is ApprovalStatus.APPROVED
    (found,) = counted(record).decided
    assert (found.way, found.number) == (Way.ALLOWED_BY_PATTERN, 1)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_decision_belongs_to_the_utc_day_of_its_vote(record: Record, outcome: Outcome) -> None:
    """Whenever it was asked for, and whenever it ran; a day begins at midnight in UTC, on every machine."""
    for decided_at in (MIDNIGHT - A_MOMENT, MIDNIGHT, MIDNIGHT + DAY - A_MOMENT, MIDNIGHT + DAY):
        request = add(record, decided_at - HOUR)
        decide(record, request, decided_at, outcome)
        if outcome is Outcome.APPROVE:
            finish(record, request, make_outcome(), decided_at + 2 * DAY)
    way = Way.APPROVED if outcome is Outcome.APPROVE else Way.REJECTED
    assert ways(counted(record)) == {(MIDNIGHT.date(), way): 2}
    assert ways(counted(record, MIDNIGHT - DAY, MIDNIGHT + 2 * DAY)) == {
        (MIDNIGHT.date() - DAY, way): 1,
        (MIDNIGHT.date(), way): 2,
        (MIDNIGHT.date() + DAY, way): 1,
    }
    assert sum(each.number for each in counted(record).times) == 2


def test_a_day_is_utc_s_whatever_a_connection_s_time_zone(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL reads times in the zone of its session, which the machine may set."""
    monkeypatch.setenv("PGTZ", "Pacific/Auckland")
    decide(record, add(record, MIDNIGHT + 22 * HOUR), MIDNIGHT + 23 * HOUR, Outcome.REJECT)
    with open_record(record.database.url) as abroad:
        assert ways(counted(abroad)) == {(MIDNIGHT.date(), Way.REJECTED): 1}


def test_what_nobody_decided_belongs_to_the_day_on_which_it_ended(record: Record) -> None:
    """An expiry to that of its end, what a rule let through to that of its arrival."""
    allow = Ending(status=ApprovalStatus.APPROVED, by=(BY_POLICY,), reason="Harmless.")
    for started_at in (MIDNIGHT - 5 * HOUR, MIDNIGHT - 4 * HOUR, MIDNIGHT + 20 * HOUR):
        record.store.expire(add(record, started_at).approval_id, at=started_at + 4 * HOUR)
        add(record, started_at, verdict=Verdict.ALLOW, ending=allow)
    today = MIDNIGHT.date()
    assert ways(counted(record)) == {(today, Way.EXPIRED): 1, (today, Way.ALLOWED_BY_POLICY): 1}


def test_levels_are_counted_apart(record: Record) -> None:
    """Two of a kind are one count."""
    for level in (RiskLevel.LOW, RiskLevel.LOW, RiskLevel.CRITICAL):
        decide(record, add(record, level=level), NOON + HOUR, Outcome.REJECT)
    today = MIDNIGHT.date()
    assert sorted(counted(record).decided, key=lambda each: each.number) == [
        DecidedCount(day=today, way=Way.REJECTED, risk_level=RiskLevel.CRITICAL, number=1),
        DecidedCount(day=today, way=Way.REJECTED, risk_level=RiskLevel.LOW, number=2),
    ]


def test_the_deciding_vote_ends_the_time(record: Record) -> None:
    """From the request's arrival to the last vote that counts, in seconds; refused votes change nothing."""
    both = add(record, level=RiskLevel.LOW, required=2)
    decide(record, both, NOON + timedelta(seconds=30))
    decide(record, both, NOON + timedelta(seconds=90.4), reviewer="bob")
    decide(record, both, NOON + timedelta(seconds=500), reviewer="cyd")
    no = add(record, required=2)
    decide(record, no, NOON + timedelta(seconds=10))
    decide(record, no, NOON + timedelta(seconds=19.6), Outcome.REJECT, reviewer="bob")
    found = counted(record)
    assert sorted(found.times, key=lambda each: each.seconds) == [
        TimeCount(risk_level=RiskLevel.HIGH, seconds=20, number=1),
        TimeCount(risk_level=RiskLevel.LOW, seconds=90, number=1),
    ]
    assert ways(found) == {(MIDNIGHT.date(), Way.APPROVED): 1, (MIDNIGHT.date(), Way.REJECTED): 1}


def test_votes_that_decided_nothing_take_no_time(record: Record) -> None:
    """One of two votes before the deadline: it expired, and that is all."""
    half = add(record, required=2)
    decide(record, half, NOON + HOUR)
    assert counted(record) == Counted(decided=(), times=(), executions=ExecutionCount())
    record.store.expire(half.approval_id, at=NOON + 4 * HOUR)
    found = counted(record)
    assert (ways(found), found.times) == ({(MIDNIGHT.date(), Way.EXPIRED): 1}, ())


def test_executions_are_counted_by_their_end(record: Record) -> None:
    """Known failures, unknown ones and settled ones apart; one that was refused before its start has failed."""
    unknown = ExecutionOutcome(outcome_unknown=True)
    ends = [make_outcome(), make_outcome(), ExecutionOutcome(error="No."), unknown, unknown]
    requests = [add(record) for _ in range(7)]
    for request in requests:
        decide(record, request, NOON + HOUR)
    for request, outcome in zip(requests[:5], ends, strict=True):
        finish(record, request, outcome, NOON + 2 * HOUR)
    finish(record, requests[5], ExecutionOutcome(refused="The operation changed."), NOON + 2 * HOUR, ran=False)
    finish(record, requests[6], make_outcome(), MIDNIGHT + DAY)
    with record.database.write() as connection:
        connection.execute(
            settlements.insert().values(
                approval_id=requests[3].approval_id,
                outcome=SettledOutcome.EXECUTED.value,
                note="It had finished.",
                settled_at=NOON + 3 * HOUR,
                settled_by="admin:automation",
            )
        )
    assert counted(record).executions == ExecutionCount(executed=2, failed=2, unknown=2, settled=1)
