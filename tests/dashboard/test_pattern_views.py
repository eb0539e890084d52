"""Trusted patterns as they are shown and typed: marks, uses, revisions, the picture of a backtest, the form."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assent.models import RiskLevel, Role
from assent.policy_models import Backtest, DailySum, Humans, NewTrustedPattern, PatternStatus, TrustedPattern
from dashboard.views.pattern_chart import LEAST, WIDTH, Part, chart_of
from dashboard.views.pattern_forms import PatternForm, change_of, last_day, read
from dashboard.views.pattern_rows import PatternRow, revisions_of, row_of
from domain.principal import Principal

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SMALL = "operation.parameters.limit < 100"
GOOD = {"agent_id": "billing-agent", "operation_type": "data.export", "resource_type": "customer", "condition": SMALL}


def pattern(**fields: Any) -> TrustedPattern:  # noqa: ANN401  any field's value
    """Return a pattern as the service tells of it, with `fields` changed."""
    return TrustedPattern.model_validate(
        {
            "id": "p-1",
            "revision": 1,
            "status": PatternStatus.ACTIVE,
            **GOOD,
            "max_risk": RiskLevel.MEDIUM,
            "max_per_day": 50,
            "broad": False,
            "trusts_claims": False,
            "created_by": "admin:iris",
            "created_at": NOW,
            "changed_by": "admin:iris",
            "changed_at": NOW,
            **fields,
        }
    )


def row(role: Role = Role.ADMIN, **fields: Any) -> PatternRow:  # noqa: ANN401  as above
    """Return a pattern as somebody of this role sees it in the list."""
    return row_of(pattern(**fields), Principal(name="somebody", role=role), NOW)


def marks(**fields: Any) -> list[str]:  # noqa: ANN401  as above
    """Return the words beside a pattern."""
    return [mark.word for mark in row(**fields).marks]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, []),
        ({"status": "suspended"}, ["suspended"]),
        ({"status": "expired", "expires_at": NOW - timedelta(days=1)}, ["expired"]),
        ({"trusts_claims": True}, ["trusts claims"]),
        ({"broad": True}, ["broad"]),
        ({"matched_today": 39}, []),
        ({"matched_today": 40}, ["near quota"]),
        ({"matched_today": 50}, ["quota used up"]),
        ({"max_sum_per_day": {"parameter": "limit", "limit": 500}, "summed_today": 399.9}, []),
        ({"max_sum_per_day": {"parameter": "limit", "limit": 500}, "summed_today": 400.0}, ["near quota"]),
        ({"expires_at": NOW + timedelta(days=7)}, []),
        ({"expires_at": NOW + timedelta(days=3, hours=5)}, ["expires in 3 d"]),
        ({"expires_at": NOW + timedelta(hours=2)}, ["expires in 2 h"]),
        ({"broad": True, "trusts_claims": True, "matched_today": 60}, ["trusts claims", "broad", "quota used up"]),
    ],
)
def test_a_pattern_is_marked(fields: dict[str, Any], words: list[str]) -> None:
    """What is dangerous about it, what is out of force or soon will be, and a day's quota of which 80 % is used."""
    assert marks(**fields) == words


def test_use_is_told_of_each_quota() -> None:
    """How much of how much, whole numbers without a point; more than all is all."""
    summed: dict[str, Any] = {"max_sum_per_day": {"parameter": "limit", "limit": 1_500}, "summed_today": 160.0}
    uses = row(matched_today=4, max_per_day=1_000, **summed).uses
    assert [(use.words, use.what, use.share) for use in uses] == [
        (("4", "1,000"), "", 0.004),
        (("160", "1,500"), "limit", 160 / 1_500),
    ]
    (only,) = row(matched_today=60).uses
    assert (only.share, only.near) == (1, True)


@pytest.mark.parametrize(
    ("role", "may"), [(Role.ADMIN, (True, True)), (Role.REVIEWER, (True, False)), (Role.AUDITOR, (False, False))]
)
def test_who_may_suspend_and_who_may_change(role: Role, may: tuple[bool, bool]) -> None:
    """Reviewers suspend, admins change as well, auditors look."""
    shown = row(role)
    assert (shown.may_suspend, shown.may_change) == may


@pytest.mark.parametrize(
    ("agent", "told"),
    [("billing-agent", "billing-agent"), ("billing-*", "Every agent called billing-*"), ("*", "Every agent")],
)
def test_whom_it_trusts_is_said(agent: str, told: str) -> None:
    """One agent by its name, several as several."""
    assert row(agent_id=agent).who == told


def test_revisions_tell_what_each_changed() -> None:
    """The newest first, each against the one before; nothing is said of what stayed."""
    first = pattern()
    second = pattern(
        revision=2,
        status="suspended",
        max_per_day=1_200,
        expires_at=NOW + timedelta(days=400),
        max_sum_per_day=DailySum(parameter="limit", limit=500),
        changed_by="reviewer:grace",
    )
    third = second.model_copy(update={"revision": 3, "condition": None, "max_risk": RiskLevel.LOW})
    told = revisions_of([first, second, third], NOW)
    assert [each.pattern.revision for each in told] == [3, 2, 1]
    assert [[(change.label, change.before, change.after) for change in each.changes] for each in told] == [
        [("Condition", SMALL, ""), ("Highest risk", "medium", "low")],
        [
            ("Status", "active", "suspended"),
            ("Expires", "", "09:30 on 06 Apr 2027 UTC"),
            ("A day", "50", "1,200"),
            ("Sum a day", "", "limit up to 500"),
        ],
        [],
    ]


def test_a_revision_whose_time_is_over_is_not_taken_for_a_suspended_one() -> None:
    """That a pattern has expired meanwhile is no change of its revisions."""
    over = {"expires_at": NOW - timedelta(days=1), "status": "expired"}
    (second, _) = revisions_of([pattern(**over), pattern(**over, revision=2, note="Looked at.")], NOW)
    assert [change.label for change in second.changes] == ["Note"]


COUNTS = st.integers(0, 100_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_picture_shows_everything_to_scale(
    approved: int, rejected: int, expired: int, rest: int, left: int
) -> None:
    """Each bar is as wide as all of it; what is more is wider; one in a hundred thousand is seen."""
    through = approved + rejected + expired + rest
    found = Backtest(
        considered=through + left,
        would_approve=through,
        humans=Humans(approved=approved, rejected=rejected, expired=expired),
        failed=0,
    )
    chart = chart_of(found)
    assert [part.number for part in chart.considered] == [through, left]
    assert [part.number for part in chart.outcomes] == [approved, rejected, expired, rest]
    assert chart.through == chart.considered[0]
    for bar in (chart.considered, chart.outcomes):
        check_bar(bar)


def check_bar(bar: tuple[Part, ...]) -> None:
    """AssertionError unless a bar's parts stand side by side, add up, and are in proportion."""
    total = sum(part.number for part in bar)
    assert sum(part.width for part in bar) == pytest.approx(WIDTH if total else 0, abs=0.1)
    assert sum(part.share for part in bar) == pytest.approx(1 if total else 0)
    for before, after in pairwise(bar):
        assert after.x == pytest.approx(before.x + before.width, abs=0.1)
    for part in bar:
        assert (part.width >= LEAST - 0.1) if part.number else (part.width == 0)
    ordered = sorted(bar, key=lambda part: part.number)
    assert all(less.width <= more.width + 0.1 for less, more in pairwise(ordered))


def form(**fields: Any) -> PatternForm:  # noqa: ANN401  any field's value
    """Return what was typed for a good pattern, with `fields` changed."""
    return PatternForm.model_validate({**GOOD, **fields})


def test_what_is_typed_is_read_as_a_pattern() -> None:
    """Each field in the words of the API; what is empty is left to its default."""
    typed = form(
        condition=f"  {SMALL}\r\n&& true ",
        max_risk="high",
        expires_on="2027-06-30",
        max_per_day="1,200",
        sum_parameter="limit",
        sum_limit="500.5",
        note=" Agreed.\r\nWith Legal. ",
        broad=True,
    )
    reading = read(typed)
    assert reading.problems == {}
    assert reading.wanted == NewTrustedPattern(
        agent_id="billing-agent",
        operation_type="data.export",
        resource_type="customer",
        condition=f"{SMALL}\n&& true",
        max_risk=RiskLevel.HIGH,
        expires_at=datetime(2027, 7, 1, tzinfo=UTC),
        max_per_day=1_200,
        max_sum_per_day=DailySum(parameter="limit", limit=500.5),
        note="Agreed.\nWith Legal.",
        broad=True,
    )
    assert read(form(condition="")).wanted == NewTrustedPattern.model_validate(GOOD | {"condition": None})


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": "Billing Agent"}, "agent_id"),
        ({"operation_type": ""}, "operation_type"),
        ({"resource_type": "x" * 129}, "resource_type"),
        ({"max_risk": "highest"}, "max_risk"),
        ({"expires_on": "tomorrow"}, "expires_on"),
        ({"expires_on": "9999-12-31"}, "expires_on"),
        ({"max_per_day": "many"}, "max_per_day"),
        ({"max_per_day": "0"}, "max_per_day"),
        ({"max_per_day": "1000001"}, "max_per_day"),
        ({"max_per_day": "9" * 10_000}, "max_per_day"),
        ({"sum_parameter": "limit"}, "max_sum_per_day"),
        ({"sum_limit": "500"}, "max_sum_per_day"),
        ({"sum_parameter": "limit", "sum_limit": "much"}, "max_sum_per_day"),
        ({"sum_parameter": "limit", "sum_limit": "0"}, "max_sum_per_day"),
        ({"sum_parameter": "limit", "sum_limit": "nan"}, "max_sum_per_day"),
        ({"sum_parameter": "limit", "sum_limit": "inf"}, "max_sum_per_day"),
        ({"note": "x" * 1_001}, "note"),
    ],
)
def test_what_is_no_pattern_is_said_field_by_field(typed: dict[str, str], field: str) -> None:
    """One sentence for each field that is wrong, and nothing is read."""
    reading = read(form(**typed))
    assert reading.wanted is None
    assert list(reading.problems) == [field]


def test_every_field_that_is_wrong_is_said_at_once() -> None:
    """Not one after the other."""
    assert set(read(form(agent_id="", max_per_day="x", expires_on="x")).problems) == {
        "agent_id",
        "max_per_day",
        "expires_on",
    }


AS_IT_IS = pattern(
    expires_at=datetime(2026, 6, 30, 15, 30, tzinfo=UTC),
    max_sum_per_day=DailySum(parameter="limit", limit=2**52),
    note="Small ones.",
    broad=True,
)


def changes(**typed: Any) -> dict[str, Any]:  # noqa: ANN401  as above
    """Return what is changed by a form that shows AS_IT_IS, of which `typed` was typed anew."""
    wanted = read(PatternForm.of(AS_IT_IS).model_copy(update=typed)).wanted
    assert wanted is not None
    return change_of(wanted, AS_IT_IS).model_dump(exclude_unset=True)


def test_a_form_that_is_sent_as_it_stands_changes_nothing() -> None:
    """Also where it shows less than there is: a day for a moment, a level that is the default."""
    assert PatternForm.of(AS_IT_IS).revision == 1
    assert changes() == {"broad": False}
    assert changes(broad=True) == {"broad": True}


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        ({"note": ""}, {"note": ""}),
        ({"expires_on": "2026-07-01"}, {"expires_at": datetime(2026, 7, 2, tzinfo=UTC)}),
        ({"expires_on": ""}, {"expires_at": None}),
        ({"sum_parameter": "", "sum_limit": ""}, {"max_sum_per_day": None}),
        ({"sum_limit": "400"}, {"max_sum_per_day": {"parameter": "limit", "limit": 400.0}}),
        ({"max_per_day": "5"}, {"max_per_day": 5}),
        ({"max_risk": ""}, {"max_risk": None}),
        ({"max_risk": "low"}, {"max_risk": RiskLevel.LOW}),
        ({"condition": ""}, {"condition": None, "max_risk": RiskLevel.MEDIUM}),
        ({"condition": "context.a == 1"}, {"condition": "context.a == 1", "max_risk": RiskLevel.MEDIUM}),
        ({"condition": "context.a == 1", "max_risk": ""}, {"condition": "context.a == 1", "max_risk": None}),
        ({"agent_id": "other-agent"}, {"agent_id": "other-agent"}),
    ],
)
def test_a_form_changes_what_was_typed(typed: dict[str, str], changed: dict[str, Any]) -> None:
    """And no other field; with another condition, the level that stands in the form is the one that is meant."""
    assert changes(**typed) == {**changed, "broad": False}


@given(st.dates(min_value=datetime(2, 1, 1, tzinfo=UTC).date(), max_value=datetime(9999, 12, 30, tzinfo=UTC).date()))
def test_the_last_day_is_the_day_that_was_typed(day: Any) -> None:  # noqa: ANN401  a date
    """What is read of a day is shown as that day again."""
    wanted = read(form(expires_on=f"{day}")).wanted
    assert wanted is not None
    assert last_day(wanted.expires_at) == f"{day}"
