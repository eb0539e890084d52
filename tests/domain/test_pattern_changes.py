"""Making and changing trusted patterns: each revision is checked whole, and who widens one answers for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assent.models import RiskLevel, Role
from assent.policy_models import DailySum, NewTrustedPattern, PatternChange, PatternStatus
from domain.errors import BroadPatternError, InvalidPatternError, OwnPatternError
from domain.operation import OperationDeclaration
from domain.pattern_changes import changed_pattern, check_not_own, new_pattern, warnings_of, widens
from domain.patterns import PatternMatch, TrustedPattern
from domain.principal import Operator, Principal
from tests.domain.requests import NOW, circumstances
from tests.domain.trusted import ADMIN, CLAIMS, SMALL, UNUSABLE, covers, pattern, wanted

LATER = NOW + timedelta(hours=1)
TOMORROW = NOW + timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)
ANA = Principal(name="ana-admin", role=Role.ADMIN, owner="ana")
BOB = Principal(name="bob", role=Role.REVIEWER)

EXPORT = OperationDeclaration(
    resource_types=("customer", "order"), run="shop:export", parameters="shop:Parameters", version="1"
)


def made(by: Principal = ADMIN, **fields: Any) -> TrustedPattern:  # noqa: ANN401  any field's value
    """Return the pattern that is made of what an admin sends."""
    return new_pattern(wanted(**fields), pattern_id="p-1", by=by, now=NOW)


def changed(old: TrustedPattern, *, by: Principal = ANA, **fields: Any) -> TrustedPattern:  # noqa: ANN401  as above
    """Return the next revision of `old`, an hour later."""
    return changed_pattern(old, PatternChange.model_validate(fields), by=by, now=LATER)


def test_a_new_pattern_is_its_first_revision() -> None:
    """Its maker is its author, and the key and the person are both kept."""
    assert made() == pattern()
    by_ana = made(ANA)
    assert (by_ana.authors, by_ana.created_by, by_ana.changed_by) == (("ana-admin", "ana"), *["admin:ana-admin"] * 2)
    assert made(Operator()).authors == ("operator:cli",)


def test_a_new_pattern_keeps_all_that_was_sent() -> None:
    """A field that is added to what is sent is added to what is kept, or this fails."""
    sent = wanted(
        agent_id="billing-*",
        condition=CLAIMS,
        max_risk="high",
        expires_at=TOMORROW,
        max_per_day=7,
        max_sum_per_day={"parameter": "amount", "limit": 5},
        note="Agreed.",
        broad=True,
    )
    kept = new_pattern(sent, pattern_id="p-1", by=ADMIN, now=NOW)
    assert {name: getattr(kept, name) for name in NewTrustedPattern.model_fields} == dict(sent)
    assert set(NewTrustedPattern.model_fields) - {"broad"} <= set(TrustedPattern.model_fields)
    assert set(PatternChange.model_fields) == {*NewTrustedPattern.model_fields, "status"}


@pytest.mark.parametrize(
    ("fields", "dangers"),
    [
        (
            {"agent_id": "billing-*"},
            "It trusts every agent whose name fits billing-*, also those whose keys are made later.",
        ),
        (
            {"condition": None},
            "It has no condition: whatever the agent asks for within its types goes through, with any parameters.",
        ),
        (
            {"agent_id": "*", "condition": CLAIMS},
            (
                "It trusts every agent whose name fits *, also those whose keys are made later. "
                "Its condition reads `context`, which the agent fills as it likes: it trusts the agent's own claims."
            ),
        ),
    ],
)
def test_a_broad_pattern_must_be_meant(fields: dict[str, Any], dangers: str) -> None:
    """Who sends one without saying so is told what is dangerous about it, and what to do."""
    with pytest.raises(BroadPatternError) as refused:
        made(**fields)
    assert refused.value.detail == (
        f'This pattern is broad. {dangers} Narrow it, or say that you mean it: "broad": true, or --broad.'
    )
    assert made(**fields, broad=True).broad


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"condition": UNUSABLE}, "condition: line 1, column"),
        ({"condition": "operation.limit < 1"}, "condition: line 1, column 11: `operation` has no `limit`"),
        ({"condition": "1 + 1"}, "condition: line 1, column 1: It gives int"),
        ({"expires_at": NOW}, r"expires_at 2026-03-02T09:30:00\+00:00 has passed\. Choose a later time"),
        ({"expires_at": NOW - A_MOMENT}, "has passed"),
        ({"expires_at": datetime(1, 1, 1, tzinfo=UTC)}, "has passed"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused(fields: dict[str, Any], problem: str) -> None:
    """A new one and a change alike, whether or not it is meant to be broad."""
    with pytest.raises(InvalidPatternError, match=problem):
        made(**fields, broad=True)
    old = pattern(expires_at=TOMORROW)
    with pytest.raises(InvalidPatternError, match=problem):
        changed(old, **fields, broad=True)


def test_an_end_to_come_is_kept() -> None:
    """The nearest moment will do."""
    assert made(expires_at=NOW + A_MOMENT).expires_at == NOW + A_MOMENT


def test_a_change_is_the_next_revision() -> None:
    """What is left out stays; who made the pattern stays; who changed it, and when, is new."""
    old = pattern(note="Old.", max_sum_per_day={"parameter": "amount", "limit": 5}, expires_at=TOMORROW)
    new = changed(old, max_per_day=7, by=BOB)
    assert new == old.model_copy(
        update={"revision": 2, "max_per_day": 7, "changed_by": "reviewer:bob", "changed_at": LATER}
    )
    assert changed(new, note="").revision == 3


@pytest.mark.parametrize("old", [{}, {"suspended": True}, {"condition": None}, {"max_risk": "low", "expires_at": NOW}])
def test_a_change_of_nothing_is_no_revision(old: dict[str, Any]) -> None:
    """What is sent as it already stands leaves the pattern as it was, and nobody becomes its author."""
    before = pattern(**old)
    kept = before.model_dump(include=set(NewTrustedPattern.model_fields))
    status = "suspended" if before.suspended else "active"
    for fields in ({}, {"broad": True}, {"status": status}, kept, {**kept, "status": status}):
        assert changed(before, **fields) is before


@pytest.mark.parametrize("field", ["condition", "max_risk", "expires_at", "max_sum_per_day"])
def test_null_takes_away_what_may_be_left_out(field: str) -> None:
    """It is not the same as leaving the field out of the change."""
    full = pattern(
        condition=CLAIMS, max_risk="high", expires_at=TOMORROW, max_sum_per_day={"parameter": "amount", "limit": 5}
    )
    nothing: dict[str, Any] = {field: None}
    assert getattr(changed(full, broad=True, **nothing), field) is None
    assert getattr(changed(full, note="New."), field) == getattr(full, field)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (["agent_id"], "agent_id"),
        (["operation_type"], "operation_type"),
        (["resource_type"], "resource_type"),
        (["max_per_day"], "max_per_day"),
        (["note"], "note"),
        (["status"], "status"),
        (["status", "note", "agent_id"], "agent_id, note, status"),
    ],
)
def test_what_a_pattern_needs_cannot_be_null(fields: list[str], named: str) -> None:
    """The fields are named as they were sent."""
    nothing: dict[str, Any] = dict.fromkeys(fields)
    with pytest.raises(InvalidPatternError) as refused:
        changed(pattern(), **nothing)
    assert refused.value.detail == f"{named} cannot be null. Leave out what is to stay as it is."


def test_a_pattern_is_suspended_and_resumed() -> None:
    """Each is a revision, and neither touches what the pattern says."""
    suspended = changed(pattern(), status="suspended", by=BOB)
    assert (suspended.suspended, suspended.revision, suspended.changed_by) == (True, 2, "reviewer:bob")
    assert suspended.status_at(LATER) is PatternStatus.SUSPENDED
    resumed = changed(suspended, status="active", by=ANA)
    assert (resumed.suspended, resumed.revision) == (False, 3)


@pytest.mark.parametrize("unusable", [{"condition": UNUSABLE}, {"expires_at": NOW}, {"agent_id": "*"}])
def test_any_pattern_can_be_suspended(unusable: dict[str, Any]) -> None:
    """Also one that has expired, that is broad, or whose condition a later release does not read any more."""
    suspended = changed(pattern(**unusable), status="suspended", by=BOB)
    assert suspended.suspended
    assert suspended.authors == pattern().authors


def test_an_expired_pattern_can_be_changed() -> None:
    """Its end is not checked again unless it is sent again; it stays expired."""
    expired = pattern(expires_at=NOW)
    new = changed(expired, note="It was for February.")
    assert new.status_at(LATER) is PatternStatus.EXPIRED
    assert changed(expired, expires_at=TOMORROW).status_at(LATER) is PatternStatus.ACTIVE


def test_a_change_is_checked_whole() -> None:
    """A condition that this release does not read is refused with whatever else is changed, unless it is replaced."""
    old = pattern(condition=UNUSABLE)
    with pytest.raises(InvalidPatternError, match="condition: line 1"):
        changed(old, note="New.")
    assert changed(old, condition=SMALL).condition == SMALL


def test_who_widens_a_pattern_is_its_author_too() -> None:
    """Once each, the key and the person; who only narrows or suspends it is not."""
    old = pattern()
    widened = changed(old, max_per_day=51, by=ANA)
    assert widened.authors == ("root", "ana-admin", "ana")
    assert changed(widened, max_per_day=52, by=ANA).authors == widened.authors
    assert changed(widened, max_per_day=52, by=BOB).authors == (*widened.authors, "bob")
    assert changed(old, max_per_day=49, by=ANA).authors == old.authors
    assert changed(old, status="suspended", by=ANA).authors == old.authors
    assert changed(pattern(suspended=True), status="active", by=ANA).authors == widened.authors


def test_who_widens_a_pattern_says_that_broad_is_meant() -> None:
    """Each time; a broad pattern is narrowed, renamed or suspended without it."""
    broad = pattern(agent_id="billing-*")
    for fields in ({"max_per_day": 51}, {"agent_id": "*"}, {"condition": None}, {"condition": CLAIMS}):
        with pytest.raises(BroadPatternError, match="This pattern is broad"):
            changed(broad, **fields)
        assert changed(broad, **fields, broad=True).revision == 2
    for fields in ({"max_per_day": 49}, {"note": "Mine."}, {"status": "suspended"}):
        assert changed(broad, **fields).revision == 2
    with pytest.raises(BroadPatternError):
        changed(pattern(agent_id="billing-*", suspended=True), status="active")
    assert not changed(broad, agent_id="billing-agent").broad


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"agent_id": "billing-agent"}, {"agent_id": "billing-*"}),
        ({"agent_id": "billing-agent"}, {"agent_id": "report-agent"}),
        ({"operation_type": "data.export"}, {"operation_type": "data.*"}),
        ({"resource_type": "customer"}, {"resource_type": "*"}),
        ({"condition": SMALL}, {"condition": None}),
        ({"condition": SMALL}, {"condition": f"{SMALL} || true"}),
        ({"condition": SMALL}, {"condition": f"{SMALL} && true"}),
        ({"max_risk": None}, {"max_risk": "high"}),
        ({"max_risk": "low"}, {"max_risk": None}),
        ({"max_risk": "low"}, {"max_risk": "medium"}),
        ({"condition": CLAIMS, "max_risk": None}, {"condition": CLAIMS, "max_risk": "medium"}),
        ({"expires_at": TOMORROW}, {"expires_at": None}),
        ({"expires_at": TOMORROW}, {"expires_at": TOMORROW + A_MOMENT}),
        ({"max_per_day": 50}, {"max_per_day": 51}),
        ({"max_sum_per_day": {"parameter": "amount", "limit": 5}}, {"max_sum_per_day": None}),
        (
            {"max_sum_per_day": {"parameter": "amount", "limit": 5}},
            {"max_sum_per_day": {"parameter": "amount", "limit": 5.5}},
        ),
        (
            {"max_sum_per_day": {"parameter": "amount", "limit": 5}},
            {"max_sum_per_day": {"parameter": "count", "limit": 1}},
        ),
        ({"suspended": True}, {"suspended": False}),
        ({"suspended": True}, {"suspended": True, "max_per_day": 51}),
        ({"max_per_day": 50}, {"max_per_day": 51, "suspended": True}),
        ({"max_per_day": 50, "note": ""}, {"max_per_day": 49, "note": "Fewer.", "resource_type": "*"}),
    ],
)
def test_what_may_let_more_through_is_widening(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Whatever is not surely narrower, also while the pattern is suspended."""
    assert widens(pattern(**old), pattern(**new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({"note": ""}, {"note": "Agreed."}),
        ({"max_risk": "high"}, {"max_risk": "low"}),
        ({"max_risk": "high"}, {"max_risk": None}),
        ({"max_risk": None}, {"max_risk": "medium"}),
        ({"max_risk": "medium"}, {"max_risk": None}),
        ({"max_risk": "low", "condition": CLAIMS}, {"max_risk": None, "condition": CLAIMS}),
        ({"expires_at": None}, {"expires_at": TOMORROW}),
        ({"expires_at": TOMORROW}, {"expires_at": TOMORROW - A_MOMENT}),
        ({"max_per_day": 50}, {"max_per_day": 1}),
        ({"max_sum_per_day": None}, {"max_sum_per_day": {"parameter": "amount", "limit": 5}}),
        (
            {"max_sum_per_day": {"parameter": "amount", "limit": 5}},
            {"max_sum_per_day": {"parameter": "amount", "limit": 4.5}},
        ),
        ({"suspended": False}, {"suspended": True}),
        ({"suspended": True}, {"suspended": True}),
    ],
)
def test_what_surely_lets_less_through_is_not_widening(old: dict[str, Any], new: dict[str, Any]) -> None:
    """A shorter time, a smaller quota, a lower risk, a note."""
    assert not widens(pattern(**old), pattern(**new))


# Few values each, all of them near what decides: a pattern that lets the request through is not rare among them.
LIMITED: dict[str, st.SearchStrategy[Any]] = {
    "max_risk": st.sampled_from([None, *RiskLevel]),
    "expires_at": st.sampled_from([None, LATER, TOMORROW]),
    "max_per_day": st.integers(1, 3),
    "max_sum_per_day": st.none()
    | st.builds(DailySum, parameter=st.sampled_from(["limit", "amount"]), limit=st.integers(1, 3)),
    "condition": st.sampled_from([SMALL, CLAIMS, "true"]),
    "suspended": st.booleans(),
}


@settings(max_examples=300)
@given(
    base=st.fixed_dictionaries(LIMITED),
    values=st.fixed_dictionaries(LIMITED),
    level=st.sampled_from([RiskLevel.LOW, RiskLevel.MEDIUM]),
    at=st.sampled_from([NOW, LATER]),
    numbers=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    quotas=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
@pytest.mark.parametrize("field", LIMITED)
def test_what_is_not_widening_lets_nothing_more_through(  # noqa: PLR0913  each is one fact of a case
    *,
    field: str,
    base: dict[str, Any],
    values: dict[str, Any],
    level: RiskLevel,
    at: datetime,
    numbers: tuple[int, int],
    quotas: tuple[int, int],
) -> None:
    """For any change of a field, any request, and whatever is left of the day's quotas."""
    asked = circumstances(
        parameters={"limit": numbers[0], "amount": numbers[1]}, context={"records": 1}, agent_owner="ana"
    )

    def lets_through(trusted: TrustedPattern) -> bool:
        amount = trusted.amount(asked)
        return (
            amount is not None
            and trusted.status_at(at) is PatternStatus.ACTIVE
            and covers(trusted, asked, level)
            and PatternMatch(pattern=trusted, amount=amount).has_room(*quotas)
        )

    old, new = pattern(**base), pattern(**{**base, field: values[field]})
    if not widens(old, new):
        assert lets_through(old) or not lets_through(new)


@pytest.mark.parametrize(
    ("glob", "by", "refused"),
    [
        ("billing-agent", ADMIN, None),
        ("billing-agent", Principal(name="bob", role=Role.ADMIN), None),
        ("billing-agent", Principal(name="ana", role=Role.ADMIN), "billing-agent"),
        ("billing-agent", ANA, "billing-agent"),
        ("billing-*", ANA, "billing-agent"),
        ("report-agent", ANA, None),
        ("report-agent", Principal(name="report-agent", role=Role.ADMIN), "report-agent"),
        ("report-agent", Principal(name="carl-admin", role=Role.ADMIN, owner="report-agent"), "report-agent"),
        ("*-agent", ANA, "billing-agent"),
        ("r*", ANA, None),
        ("*", Principal(name="dora", role=Role.ADMIN), None),
        ("*", Operator(), None),
    ],
)
def test_nobody_lets_their_own_agents_through(glob: str, by: Principal, refused: str | None) -> None:
    """Neither by the agent's name nor by a wildcard that fits it, by whichever of their keys."""
    agents = [("report-agent", None), ("billing-agent", "ana"), ("ops", "bob")]
    trusted = pattern(agent_id=glob)
    if refused is None:
        check_not_own(trusted, by, agents)
        return
    with pytest.raises(OwnPatternError) as told:
        check_not_own(trusted, by, agents)
    assert told.value.detail == (
        f"This pattern can match {refused}, for whom you answer. Nobody lets their own agents through: "
        "ask another admin to make or widen it."
    )


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({}, []),
        ({"agent_id": "b*"}, ["It trusts every agent whose name fits b*, also those whose keys are made later."]),
        (
            {"condition": None},
            ["It has no condition: whatever the agent asks for within its types goes through, with any parameters."],
        ),
        (
            {"condition": CLAIMS},
            ["Its condition reads `context`, which the agent fills as it likes: it trusts the agent's own claims."],
        ),
        (
            {"condition": CLAIMS, "max_risk": "high"},
            [
                "Its condition reads `context`, which the agent fills as it likes: it trusts the agent's own claims.",
                "It lets operations of high risk through without a person.",
                "It relies on the agent's claims for more than low risk, up to high.",
            ],
        ),
        ({"max_risk": "critical"}, ["It lets operations of critical risk through without a person."]),
        ({"max_risk": "medium"}, []),
        *(
            (
                fields,
                ["It has a wildcard in its types: operations that are declared later may fall under it."],
            )
            for fields in ({"operation_type": "data.*"}, {"resource_type": "*"})
        ),
        *(
            (
                fields,
                ["No declared operation has such a type and resource type, so it matches nothing now."],
            )
            for fields in ({"operation_type": "data.import"}, {"resource_type": "user"})
        ),
        ({"resource_type": "order"}, []),
        ({"expires_at": None}, ["It never expires. An `expires_at` makes somebody look at it again."]),
    ],
)
def test_what_is_dangerous_or_odd_is_told(fields: dict[str, Any], warnings: list[str]) -> None:
    """One sentence each, beside the pattern, wherever it is read."""
    assert warnings_of(pattern(**{"expires_at": TOMORROW, **fields}), {"data.export": EXPORT}) == warnings


@pytest.mark.parametrize(
    "fields",
    [
        {"max_per_day": 0},
        {"max_per_day": 1_000_001},
        {"max_per_day": True},
        {"max_sum_per_day": {"parameter": "amount", "limit": 0}},
        {"max_sum_per_day": {"parameter": "amount", "limit": -1}},
        {"max_sum_per_day": {"parameter": "amount", "limit": float("inf")}},
        {"max_sum_per_day": {"parameter": "amount", "limit": 2**52 + 1}},
        {"max_sum_per_day": {"parameter": "", "limit": 1}},
        {"agent_id": ""},
        {"agent_id": "Billing"},
        {"agent_id": "a?"},
        {"agent_id": "a\n"},
        {"operation_type": ""},
        {"resource_type": "x" * 129},
        {"condition": ""},
        {"expires_at": datetime(2027, 1, 1)},  # noqa: DTZ001  that it has no zone is the test
        {"note": "x" * 1_001},
        {"status": "expired"},
        {"authors": ["ana"]},
    ],
)
def test_what_cannot_be_a_pattern_is_not_read(fields: dict[str, Any]) -> None:
    """Neither as a new one nor as a change: quotas are at least one, and a time has its zone."""
    with pytest.raises(ValidationError):
        wanted(**fields)
    with pytest.raises(ValidationError):
        PatternChange.model_validate(fields)
