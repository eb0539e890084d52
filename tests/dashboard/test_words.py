"""The dashboard's words for times, people and events."""

from datetime import UTC, datetime, timedelta

import pytest

from assent.models import ApprovalStatus
from dashboard.views.words import actor, ago, became, clock, event_word, length, refusal, time_left
from domain.audit import Action
from domain.ballot import Refusal

NOW = datetime(2030, 1, 2, 14, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (86_460, "1 d 1 min"),
    ],
)
def test_a_length_has_two_units(seconds: float, words: str) -> None:
    """The two largest, rounded down: nobody has more time than is said."""
    assert length(timedelta(seconds=seconds)) == words


def test_times_are_told_from_now() -> None:
    """Before it, or after it."""
    assert ago(NOW - timedelta(minutes=4), NOW) == "4 min ago"
    assert time_left(NOW + timedelta(minutes=18), NOW) == "in 18 min"
    assert time_left(NOW, NOW) == "deadline passed"
    assert time_left(None, NOW) == "not assessed yet"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW, "14:02"),
        (NOW - timedelta(days=1), "14:02 on 01 Jan"),
        (NOW - timedelta(days=9), "14:02 on 24 Dec 2029"),
    ],
)
def test_a_clock_names_another_day(moment: datetime, words: str) -> None:
    """And another year."""
    assert clock(moment, NOW) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("reviewer:ada", "ada"),
        ("policy:safe-reads", "the rule safe-reads"),
        ("pattern:0193@2", "a trusted pattern"),
        ("system:timeout", "nobody, in time"),
        ("operator:cli", "cli"),
        ("unknown", "unknown"),
    ],
)
def test_actors_have_names(written: str, words: str) -> None:
    """Not the record's own forms."""
    assert actor(written) == words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ApprovalStatus.PENDING, "Waiting"),
        (ApprovalStatus.APPROVED, "Approved by ada, bob"),
        (ApprovalStatus.EXECUTED, "Approved by ada, bob"),
        (ApprovalStatus.REJECTED, "Rejected by ada, bob"),
        (ApprovalStatus.EXPIRED, "Expired"),
        (ApprovalStatus.CANCELLED, "Cancelled"),
    ],
)
def test_a_row_says_what_became_of_it(status: ApprovalStatus, words: str) -> None:
    """And who decided."""
    assert became(status, ["reviewer:ada", "reviewer:bob"]) == words


@pytest.mark.parametrize("action", Action)
def test_every_event_has_a_word(action: Action) -> None:
    """Not the log's own form, which has a dot."""
    assert "." not in event_word(action.value)


def test_what_a_later_release_wrote_keeps_its_own_word() -> None:
    """A log outlives the program that reads it."""
    assert event_word("moon.landed") == "moon.landed"
    assert refusal("because") == "because"
    assert refusal(Refusal.TOO_LATE.value) == "The deadline had passed."
