"""The quotas of trusted patterns: counted exactly, once for each approval, and by the UTC day."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from assent.models import ApprovalStatus
from assent.policy_models import DailySum
from domain.operation import ApprovalRequest
from domain.patterns import PatternMatch
from tests.storage.builders import A_MOMENT, RECORDED, STARTED, make_request
from tests.storage.record import Record
from tests.storage.trust import add_pattern, deletes, open_trusting, patterns_of, to, trusting

DAY = timedelta(days=1)
MIDNIGHT = STARTED.replace(hour=0, minute=0, second=0, microsecond=0)
UP_TO_100 = {"parameter": "amount", "limit": 100}


def decider(record: Record, request: ApprovalRequest) -> str | None:
    """Return which pattern let an approval through; None while it is pending."""
    state = record.store.state(request.approval_id)
    if state.status is ApprovalStatus.PENDING:
        assert state.decided_by == ()
        return None
    (by,) = state.decided_by
    return by.removeprefix("pattern:")


def counted(record: Record) -> list[tuple[str, str, int, float]]:
    """Return how often each pattern was used on each day, and what that added up to."""
    return [(row["pattern_id"], row["day"], row["uses"], row["total"]) for row in record.rows()["pattern_uses"]]


def test_a_use_is_counted(record: Record) -> None:
    """On the day on which the approval's workflow started, with what it added to the sum."""
    trusted = add_pattern(record, max_sum_per_day=UP_TO_100)
    for amount in (1, 0.5):
        open_trusting(record, trusted, amount=amount)
    assert counted(record) == [("p-1", "2026-03-02", 2, 1.5)]
    used = patterns_of(record).get("p-1", today=STARTED)
    assert (used.matched, used.matched_today, used.last_matched_at) == (2, 2, STARTED)


def test_a_retry_counts_no_second_use(record: Record) -> None:
    """An approval is let through once, by whatever its assessment finds when it runs again."""
    trusted, other = add_pattern(record), add_pattern(record, "p-2")
    request = make_request()
    first = record.store.open(trusting(request, trusted))
    before = record.rows()
    for again in (trusting(request, trusted), trusting(request, other), trusting(request, trusted, at=STARTED + DAY)):
        assert record.store.open(again) == first
    assert record.rows() == before


def test_a_retry_lets_nothing_through_that_was_left_to_people(record: Record) -> None:
    """Reviewers may have seen it already: a pattern that is made meanwhile does not take it from them."""
    request = record.open()
    before = record.rows()
    trusted = add_pattern(record)
    state = record.store.open(trusting(request, trusted))
    assert (state.status, counted(record)) == (ApprovalStatus.PENDING, [])
    assert record.rows()["approvals"] == before["approvals"]


@pytest.mark.parametrize("change", ["suspended", "changed", "removed", "never there"])
def test_a_pattern_is_used_as_it_was_matched_or_not_at_all(record: Record, change: str) -> None:
    """What was suspended, changed or removed since it was matched is not used; the next one is."""
    matched = deletes("p-1") if change == "never there" else add_pattern(record)
    other = add_pattern(record, "p-2")
    store = patterns_of(record)
    match change:
        case "suspended":
            store.change("p-1", to(suspended=True))
        case "changed":
            store.change("p-1", to(max_per_day=1_000))
        case "removed":
            store.remove("p-1", by="admin:root", at=RECORDED)
        case _:
            pass
    assert decider(record, open_trusting(record, matched)) is None
    assert decider(record, open_trusting(record, matched, other)) == "p-2@1"
    assert counted(record) == [("p-2", "2026-03-02", 1, 0)]


def test_a_suspended_pattern_is_not_used_under_its_own_revision_either(record: Record) -> None:
    """Whatever a matcher made of it."""
    suspended = add_pattern(record, suspended=True)
    assert decider(record, open_trusting(record, suspended)) is None
    resumed = patterns_of(record).change("p-1", to(suspended=False))
    assert decider(record, open_trusting(record, resumed)) == "p-1@2"


def test_a_pattern_lets_through_so_many_a_day(record: Record) -> None:
    """The next candidate takes what it has no room for, and then people do."""
    one, two = add_pattern(record, max_per_day=2), add_pattern(record, "p-2", max_per_day=1)
    deciders = [decider(record, open_trusting(record, one, two)) for _ in range(4)]
    assert deciders == ["p-1@1", "p-1@1", "p-2@1", None]
    assert counted(record) == [("p-1", "2026-03-02", 2, 0), ("p-2", "2026-03-02", 1, 0)]


def test_a_pattern_lets_through_so_much_a_day(record: Record) -> None:
    """Up to its limit and not beyond; what is smaller may still fit, and what is refused adds nothing."""
    little, much = add_pattern(record, max_sum_per_day=UP_TO_100), add_pattern(record, "p-2", max_per_day=2)

    def open_for(amount: float) -> str | None:
        matches = [PatternMatch(pattern=little, amount=amount), PatternMatch(pattern=much, amount=0)]
        return decider(record, open_trusting(record, *matches))

    deciders = [open_for(amount) for amount in (60, 50, 39.5, 0.5, 0.25, 0, 1)]
    assert deciders == ["p-1@1", "p-2@1", "p-1@1", "p-1@1", "p-2@1", "p-1@1", None]
    assert counted(record) == [("p-1", "2026-03-02", 4, 100), ("p-2", "2026-03-02", 2, 0)]


def test_the_largest_sum_is_exact(record: Record) -> None:
    """To the last digit, also where a pattern's limit is as high as it can be."""
    trusted = add_pattern(record, max_sum_per_day={"parameter": "amount", "limit": 2**52})
    deciders = [decider(record, open_trusting(record, trusted, amount=amount)) for amount in (2**52 - 1, 2, 1, 1)]
    assert deciders == ["p-1@1", None, "p-1@1", None]
    assert counted(record) == [("p-1", "2026-03-02", 2, 2**52)]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (MIDNIGHT - A_MOMENT, "2026-03-01"),
        (MIDNIGHT, "2026-03-02"),
        (MIDNIGHT + DAY - A_MOMENT, "2026-03-02"),
        (MIDNIGHT + DAY, "2026-03-03"),
        (MIDNIGHT.astimezone(timezone(timedelta(hours=-8))), "2026-03-02"),
        ((MIDNIGHT - A_MOMENT).astimezone(timezone(timedelta(hours=14))), "2026-03-01"),
    ],
)
def test_a_day_is_a_utc_day(record: Record, moment: datetime, day: str) -> None:
    """From midnight to midnight, wherever the clock was read."""
    trusted = add_pattern(record)
    open_trusting(record, trusted, at=moment)
    assert counted(record) == [("p-1", day, 1, 0)]


def test_each_day_has_its_own_quotas(record: Record) -> None:
    """What a day leaves is not kept for the next, and a late assessment counts for the day of its workflow."""
    trusted = add_pattern(record, max_per_day=1, max_sum_per_day=UP_TO_100)
    moments = [MIDNIGHT - A_MOMENT, MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT - 2 * A_MOMENT, MIDNIGHT + A_MOMENT]
    deciders = [decider(record, open_trusting(record, trusted, amount=100, at=moment)) for moment in moments]
    assert deciders == ["p-1@1", "p-1@1", "p-1@1", None, None]


@pytest.mark.parametrize(
    ("fields", "uses"),
    [({"max_per_day": 3}, 1), ({"max_per_day": 2}, 0), ({"max_per_day": 1}, 0), ({"note": "Agreed."}, 8)],
)
def test_a_changed_pattern_goes_on_counting(record: Record, fields: dict[str, Any], uses: int) -> None:
    """A change gives no new day: what its earlier revisions let through counts against its quotas."""
    first = add_pattern(record, max_per_day=10)
    for _ in range(2):
        open_trusting(record, first)
    changed = patterns_of(record).change("p-1", to(**fields))
    deciders = [decider(record, open_trusting(record, changed)) for _ in range(uses + 1)]
    assert deciders == [*["p-1@2"] * uses, None]


def test_a_sum_that_is_set_later_counts_from_then(record: Record) -> None:
    """What was not looked at before has no amount."""
    first = add_pattern(record)
    open_trusting(record, first)
    changed = patterns_of(record).change("p-1", to(max_sum_per_day=DailySum(parameter="amount", limit=100)))
    assert [decider(record, open_trusting(record, changed, amount=100)) for _ in range(2)] == ["p-1@2", None]


def test_without_a_pattern_people_decide(record: Record) -> None:
    """Nothing is counted where no pattern speaks of a request."""
    assert decider(record, open_trusting(record)) is None
    assert counted(record) == []


def test_what_could_not_be_recorded_was_not_used(record: Record) -> None:
    """The use and the approval are one transaction: when that fails, the day's quotas are as they were."""
    trusted = add_pattern(record, max_per_day=1)
    before = record.rows()
    opening = trusting(make_request(), trusted)
    assert opening.trust is not None
    unsealed = opening.trust.model_copy(update={"sealed": None})
    with pytest.raises(AttributeError):
        record.store.open(opening.model_copy(update={"trust": unsealed}))
    assert record.rows() == before
    assert decider(record, open_trusting(record, trusted)) == "p-1@1"
