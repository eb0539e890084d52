"""Trusted patterns in the record: every revision is kept and told, and every process sees each change at once."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from assent.models import RiskLevel, Verdict
from domain.errors import BroadPatternError, PatternNotFoundError
from domain.patterns import PatternBook, PatternMatch, TrustedPattern
from domain.risk import Assessment
from storage.patterns import PatternStore, UsedPattern
from tests.domain.requests import circumstances
from tests.domain.trusted import SMALL, UNUSABLE
from tests.storage.builders import RECORDED, STARTED
from tests.storage.record import Record
from tests.storage.trust import add_pattern, deletes, open_trusting, pattern_events, patterns_of, to

DAY = timedelta(days=1)
ASKED = Assessment(
    verdict=Verdict.ASK,
    level=RiskLevel.HIGH,
    reasons=(),
    required_approvals=1,
    timeout=timedelta(hours=4),
    open_to_patterns=True,
)
BY_BOB = {"changed_by": "reviewer:bob", "changed_at": RECORDED}


def in_force(book: PatternBook) -> list[str]:
    """Return what would let the agent's deletion of a user through, each as the record calls it."""
    asked = circumstances("user.delete", "user", agent_id="agent")
    return [match.pattern.actor for match in book.matches(ASKED, asked, now=RECORDED)]


def suspend(store: PatternStore, pattern_id: str = "p-1") -> TrustedPattern:
    return store.change(pattern_id, to(suspended=True, **BY_BOB))


def test_an_added_pattern_is_read_as_it_was_written(record: Record) -> None:
    """Every field, to the microsecond and the last digit."""
    full = add_pattern(
        record,
        condition=SMALL,
        expires_at=STARTED + timedelta(microseconds=1),
        max_per_day=7,
        max_sum_per_day={"parameter": "amount", "limit": 0.1 + 0.2},
        note="Größer \N{PILE OF POO}\x00",
        authors=("root", "ana"),
    )
    store = patterns_of(record)
    assert store.get("p-1", today=STARTED) == UsedPattern(pattern=full)
    assert store.revisions("p-1") == [full]
    (read,) = store.all(today=STARTED)
    assert read.pattern.model_dump() == full.model_dump()
    assert read.pattern.definition == full.definition


def test_patterns_are_listed_the_newest_first(record: Record) -> None:
    """Their ids sort by when they were made; suspended ones are among them, removed ones are not."""
    added = [add_pattern(record, f"p-{number}") for number in (2, 1, 4, 3)]
    store = patterns_of(record)
    suspend(store, "p-3")
    store.remove("p-4", by="admin:root", at=RECORDED)
    listed = store.all(today=STARTED)
    assert [used.pattern.id for used in listed] == ["p-3", "p-2", "p-1"]
    assert listed[1:] == [UsedPattern(pattern=added[0]), UsedPattern(pattern=added[1])]


def test_every_revision_is_kept(record: Record) -> None:
    """As it was, the oldest first; the newest is the one in force."""
    first = add_pattern(record)
    store = patterns_of(record)
    second = store.change("p-1", to(max_per_day=7, **BY_BOB))
    third = store.change("p-1", to(condition=SMALL))
    assert second == first.model_copy(update={"revision": 2, "max_per_day": 7, **BY_BOB})
    assert store.revisions("p-1") == [first, second, third]
    assert store.get("p-1", today=STARTED).pattern == third


def test_a_change_starts_from_the_revision_in_force(record: Record) -> None:
    """Whatever the caller had read before, and whichever process made it."""
    add_pattern(record)
    add_pattern(record, "p-2", max_per_day=3)
    one, other = patterns_of(record), patterns_of(record)
    one.change("p-1", to(max_per_day=7))
    other.change("p-1", to(note="Agreed."))
    kept = one.get("p-1", today=STARTED).pattern
    assert (kept.revision, kept.max_per_day, kept.note) == (3, 7, "Agreed.")
    assert one.revisions("p-2") == [deletes("p-2", max_per_day=3)]


def test_a_refused_change_changes_nothing(record: Record) -> None:
    """What the rules say against it goes to the caller, and nothing is kept or told."""
    add_pattern(record)
    before = record.rows()

    def refuse(_: TrustedPattern) -> TrustedPattern:
        message = "This pattern is broad."
        raise BroadPatternError(message)

    with pytest.raises(BroadPatternError):
        patterns_of(record).change("p-1", refuse)
    assert record.rows() == before


def test_a_change_that_makes_nothing_new_is_no_revision(record: Record) -> None:
    """Nothing is written or told of it."""
    added = add_pattern(record)
    before = record.rows()
    assert patterns_of(record).change("p-1", lambda old: old) == added
    assert record.rows() == before


def test_the_log_tells_each_change_with_what_was_before(record: Record) -> None:
    """By whom, when, and what the pattern said before and after; a suspension is told as such."""
    first = add_pattern(record)
    store = patterns_of(record)
    changed = store.change("p-1", to(max_per_day=7, condition=SMALL, changed_by="admin:ana", changed_at=RECORDED))
    suspended = suspend(store)
    noted = store.change("p-1", to(note="Looked at."))
    resumed = store.change("p-1", to(suspended=False, changed_by="admin:ana"))
    store.remove("p-1", by="admin:root", at=RECORDED + DAY)
    events = pattern_events(record)
    assert [(event.action, event.actor, event.at) for event in events] == [
        ("pattern.created", "admin:root", first.created_at),
        ("pattern.changed", "admin:ana", RECORDED),
        ("pattern.suspended", "reviewer:bob", RECORDED),
        ("pattern.changed", "reviewer:bob", RECORDED),
        ("pattern.changed", "admin:ana", RECORDED),
        ("pattern.deleted", "admin:root", RECORDED + DAY),
    ]
    said = [None, *(each.definition for each in (first, changed, suspended, noted, resumed)), None]
    assert [event.details for event in events] == [
        {"pattern_id": "p-1", "revision": number, "before": before, "after": after}
        for number, (before, after) in enumerate(pairwise(said), start=1)
    ]
    assert [(event.approval_id, event.digest) for event in events] == [(None, None)] * 6


def test_a_removed_pattern_is_gone_and_its_revisions_stay(record: Record) -> None:
    """The last one says who removed it; it cannot be changed, suspended or removed again."""
    first = add_pattern(record)
    store = patterns_of(record)
    store.remove("p-1", by="admin:ana", at=RECORDED)
    kept = store.revisions("p-1")
    assert kept[0] == first
    assert [(each.revision, each.suspended, each.changed_by, each.changed_at) for each in kept[1:]] == [
        (2, True, "admin:ana", RECORDED)
    ]
    assert store.all(today=STARTED) == []
    before = record.rows()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: store.get("p-1", today=STARTED),
        lambda: store.change("p-1", to(suspended=False)),
        lambda: store.remove("p-1", by="admin:ana", at=RECORDED),
    )
    for attempt in attempts:
        with pytest.raises(PatternNotFoundError, match="no trusted pattern p-1"):
            attempt()
    assert record.rows() == before


def test_an_unknown_pattern_is_not_found(record: Record) -> None:
    """Whatever is asked of it, and nothing is written."""
    add_pattern(record)
    store = patterns_of(record)
    before = record.rows()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: store.get("p-2", today=STARTED),
        lambda: store.revisions("p-2"),
        lambda: store.change("p-2", to()),
        lambda: store.remove("p-2", by="admin:ana", at=RECORDED),
    )
    for attempt in attempts:
        with pytest.raises(PatternNotFoundError, match=r"no trusted pattern p-2\. GET /v1/trusted-patterns lists"):
            attempt()
    assert record.rows() == before


def test_a_book_is_read_once_while_nothing_changes(record: Record) -> None:
    """Each process keeps its own, and asks only whether it is still true; uses change nothing about it."""
    store = patterns_of(record)
    empty = store.book()
    assert store.book() is empty
    trusted = add_pattern(record)
    book = store.book()
    open_trusting(record, trusted)
    assert store.book() is book
    assert patterns_of(record).book() is not book


CHANGES: dict[str, tuple[Callable[[PatternStore], Any], list[str]]] = {
    "added": (lambda store: store.add(deletes("p-0")), ["pattern:p-0@1", "pattern:p-1@1", "pattern:p-2@1"]),
    "changed": (lambda store: store.change("p-1", to(note="New.")), ["pattern:p-1@2", "pattern:p-2@1"]),
    "narrowed": (lambda store: store.change("p-1", to(condition="false")), ["pattern:p-2@1"]),
    "suspended": (suspend, ["pattern:p-2@1"]),
    "resumed": (
        lambda store: store.change("p-3", to(suspended=False)),
        ["pattern:p-1@1", "pattern:p-2@1", "pattern:p-3@2"],
    ),
    "removed": (lambda store: store.remove("p-1", by="admin:root", at=RECORDED), ["pattern:p-2@1"]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by_another", [False, True], ids=["itself", "another"])
def test_a_book_sees_every_change(record: Record, change: str, by_another: bool) -> None:  # noqa: FBT001  a parameter
    """At once, whoever made it: this process or another."""
    for pattern_id, suspended in (("p-1", False), ("p-2", False), ("p-3", True)):
        add_pattern(record, pattern_id, suspended=suspended)
    store = patterns_of(record)
    assert in_force(store.book()) == ["pattern:p-1@1", "pattern:p-2@1"]
    make, after = CHANGES[change]
    make(patterns_of(record) if by_another else store)
    assert in_force(store.book()) == after


def test_a_book_sees_a_removal_beside_an_addition(record: Record) -> None:
    """As many patterns as before are others all the same."""
    add_pattern(record)
    store = patterns_of(record)
    assert in_force(store.book()) == ["pattern:p-1@1"]
    store.remove("p-1", by="admin:root", at=RECORDED)
    add_pattern(record, "p-2")
    assert in_force(store.book()) == ["pattern:p-2@1"]


def test_a_pattern_that_is_not_read_any_more_can_still_be_stopped(record: Record) -> None:
    """A later release may refuse a stored condition: it matches nothing, the others go on, and it can be looked at."""
    add_pattern(record, condition=UNUSABLE)
    add_pattern(record, "p-2")
    store = patterns_of(record)
    assert in_force(store.book()) == ["pattern:p-2@1"]
    assert store.get("p-1", today=STARTED).pattern.definition["trusts_claims"]
    suspend(store)
    store.remove("p-1", by="admin:root", at=RECORDED)
    assert [event.action for event in pattern_events(record)][2:] == ["pattern.suspended", "pattern.deleted"]


def test_uses_are_told_in_all_and_of_the_day(record: Record) -> None:
    """Of every revision together; the day is the UTC day that is asked about."""
    trusted, unused = add_pattern(record), add_pattern(record, "p-2")
    store = patterns_of(record)
    for moment in (STARTED - DAY, STARTED, STARTED + timedelta(hours=1)):
        open_trusting(record, trusted, at=moment)
    changed = store.change("p-1", to(max_per_day=7))
    open_trusting(record, changed, at=STARTED + timedelta(hours=2))
    last = STARTED + timedelta(hours=2)

    def used(matched_today: int) -> UsedPattern:
        return UsedPattern(pattern=changed, matched=4, matched_today=matched_today, last_matched_at=last)

    for day, matched_today in ((-1, 1), (0, 3), (1, 0)):
        today = STARTED + day * DAY
        assert store.get("p-1", today=today) == used(matched_today)
        assert store.all(today=today) == [UsedPattern(pattern=unused), used(matched_today)]


def test_the_first_pattern_with_room_is_found_without_using_it(record: Record) -> None:
    """For who only wants to know: by the uses and the sum of the day, and nothing is counted."""
    few = add_pattern(record, "p-1", max_per_day=1)
    little = add_pattern(record, "p-2", max_sum_per_day={"parameter": "amount", "limit": 10})
    store = patterns_of(record)
    matches = [PatternMatch(pattern=few, amount=0), PatternMatch(pattern=little, amount=4)]
    assert store.first_with_room([], at=STARTED) is None
    assert store.first_with_room(matches, at=STARTED) == few
    open_trusting(record, few)
    before = record.rows()
    for _ in range(2):
        assert store.first_with_room(matches, at=STARTED) == little
    assert record.rows() == before
    open_trusting(record, little, amount=6)
    assert store.first_with_room(matches, at=STARTED) == little
    open_trusting(record, little, amount=0.5)
    assert store.first_with_room(matches, at=STARTED) is None
    assert [each.summed_today for each in store.all(today=STARTED)] == [6.5, 0]
    assert [each.summed_today for each in store.all(today=STARTED + DAY)] == [0, 0]
    assert store.first_with_room(matches, at=STARTED + DAY) == few
    assert store.first_with_room(matches[1:], at=STARTED - DAY) == little
