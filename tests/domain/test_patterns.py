"""Trusted patterns: of which requests each speaks, how far its trust goes, and in which order they are tried."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assent.models import RiskLevel, Verdict
from assent.policy_models import DailySum, PatternStatus
from domain.patterns import MAX_CANDIDATES, PatternBook, PatternMatch, TrustedPattern
from domain.risk import Assessment
from tests.domain.requests import NOW, circumstances
from tests.domain.samples import json_values
from tests.domain.trusted import CLAIMS, SMALL, UNUSABLE, covers, pattern

A_MOMENT = timedelta(microseconds=1)
ASKED = Assessment(
    verdict=Verdict.ASK,
    level=RiskLevel.LOW,
    reasons=("It is asked about.",),
    required_approvals=1,
    timeout=timedelta(hours=24),
    open_to_patterns=True,
)


def summed(limit: float = 500, **fields: Any) -> TrustedPattern:  # noqa: ANN401  any field's value
    """Return a pattern that lets `amount` add up to `limit` a day."""
    return pattern(max_sum_per_day={"parameter": "amount", "limit": limit}, **fields)


def tried(*patterns: TrustedPattern, assessment: Assessment = ASKED, **request: Any) -> list[str]:  # noqa: ANN401  as above
    """Return the ids of those patterns that are tried for a request, in that order."""
    asked = circumstances(**{"parameters": {"limit": 1}, **request})
    return [match.pattern.id for match in PatternBook(patterns).matches(assessment, asked, now=NOW)]


def test_one_agent_is_trusted_for_its_reads() -> None:
    """The user's first example: `customer.read` by one agent; another agent, or another operation, is no match."""
    reads = pattern(agent_id="report-agent", operation_type="customer.read", condition=None)
    assert covers(reads, circumstances("customer.read", agent_id="report-agent"))
    assert not covers(reads, circumstances("customer.read", agent_id="billing-agent"))
    assert not covers(reads, circumstances("customer.delete", agent_id="report-agent"))


@pytest.mark.parametrize(
    ("condition", "parameters", "matches"),
    [
        ("operation.parameters.limit < 100", {"limit": 99}, True),
        ("operation.parameters.limit < 100", {"limit": 99.5}, True),
        ("operation.parameters.limit < 100", {"limit": 100}, False),
        # What is meant as "a few records" lets this through: a negative number often stands for all of them.
        ("operation.parameters.limit < 100", {"limit": -1}, True),
        ("operation.parameters.limit < 100", {"limit": "99"}, False),
        ("operation.parameters.limit < 100", {"limit": True}, False),
        ("operation.parameters.limit < 100", {"limit": None}, False),
        ("operation.parameters.limit < 100", {"limit": [99]}, False),
        ("operation.parameters.limit < 100", {"limit": 10**400}, False),
        ("operation.parameters.limit < 100", {}, False),
        (SMALL, {"limit": 1}, True),
        (SMALL, {"limit": 99}, True),
        (SMALL, {"limit": 100}, False),
        (SMALL, {"limit": 0}, False),
        (SMALL, {"limit": -1}, False),
        (SMALL, {"limit": "99"}, False),
        (SMALL, {}, False),
    ],
)
def test_exports_under_100_records_are_trusted(condition: str, parameters: dict[str, Any], matches: bool) -> None:  # noqa: FBT001  a parameter
    """The user's second example, in both spellings; a condition that cannot be evaluated does not match."""
    assert SMALL == "operation.parameters.limit > 0 && operation.parameters.limit < 100"
    assert covers(pattern(condition=condition), circumstances(parameters=parameters)) is matches


@pytest.mark.parametrize(
    ("globs", "matches"),
    [
        ({}, True),
        ({"agent_id": "billing-*"}, True),
        ({"agent_id": "*"}, True),
        ({"agent_id": "billing"}, False),
        ({"agent_id": "Billing-agent"}, False),
        ({"operation_type": "data.*"}, True),
        ({"operation_type": "*.export"}, True),
        ({"operation_type": "data"}, False),
        ({"operation_type": "user.*"}, False),
        ({"resource_type": "*"}, True),
        ({"resource_type": "cust*"}, True),
        ({"resource_type": "order"}, False),
    ],
)
def test_every_glob_must_fit(globs: dict[str, Any], matches: bool) -> None:  # noqa: FBT001  a parameter
    """The agent's, the operation's and the resource's; only `*` is special."""
    assert covers(pattern(condition=None, **globs), circumstances()) is matches


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, RiskLevel.MEDIUM),
        ({"condition": None}, RiskLevel.MEDIUM),
        ({"condition": CLAIMS}, RiskLevel.LOW),
        ({"condition": CLAIMS, "max_risk": "high"}, RiskLevel.HIGH),
        ({"max_risk": "low"}, RiskLevel.LOW),
        ({"max_risk": "critical"}, RiskLevel.CRITICAL),
        ({"condition": UNUSABLE}, RiskLevel.LOW),
    ],
)
def test_a_pattern_lets_through_up_to_its_risk(fields: dict[str, Any], allowed: RiskLevel) -> None:
    """Medium unless it says otherwise, and low where it relies on the agent's own claims."""
    trusted = pattern(**fields)
    assert trusted.allowed_risk is allowed
    asked = circumstances(parameters={"limit": 1}, context={"records": 1})
    usable = trusted.condition != UNUSABLE
    covered = [level for level in RiskLevel if covers(trusted, asked, level)]
    assert covered == (list(RiskLevel)[: list(RiskLevel).index(allowed) + 1] if usable else [])


@pytest.mark.parametrize(
    ("condition", "claims"),
    [
        (None, False),
        (SMALL, False),
        (CLAIMS, True),
        ("operation.parameters.context == 'x'", False),
        ("has(context.ticket) || true", True),
    ],
)
def test_a_condition_on_the_context_trusts_claims(condition: str | None, claims: bool) -> None:  # noqa: FBT001  a parameter
    """Only the variable counts, not a parameter that is called the same."""
    trusted = pattern(condition=condition)
    assert trusted.trusts_claims is claims
    assert trusted.use.model_dump() == {"id": "p-1", "revision": 1, "trusts_claims": claims}


def test_a_stored_condition_that_is_not_read_any_more_matches_nothing() -> None:
    """A later release may refuse what this one took: the pattern can still be looked at, and nobody is let through."""
    trusted = pattern(condition=UNUSABLE, max_risk="critical")
    assert not covers(trusted, circumstances(parameters={"limit": 1}))
    assert trusted.trusts_claims
    assert trusted.definition["trusts_claims"]


@pytest.mark.parametrize(
    ("fields", "broad"),
    [
        ({}, False),
        ({"condition": None}, True),
        ({"condition": "true"}, True),
        ({"condition": "now > timestamp('2026-01-01T00:00:00Z')"}, True),
        ({"condition": "agent.id != 'x'"}, True),
        ({"condition": CLAIMS}, False),
        ({"condition": UNUSABLE}, False),
        ({"agent_id": "billing-*"}, True),
        ({"agent_id": "*"}, True),
        ({"operation_type": "*", "resource_type": "*"}, False),
    ],
)
def test_a_wildcard_in_the_agent_or_no_condition_is_broad(fields: dict[str, Any], broad: bool) -> None:  # noqa: FBT001  a parameter
    """It trusts agents that nobody has seen yet, or whatever one asks for; a condition must look at the request."""
    assert pattern(**fields).broad is broad


@pytest.mark.parametrize(
    ("agent_id", "owner", "matches"),
    [
        ("billing-agent", None, True),
        ("billing-agent", "bob", True),
        ("billing-agent", "ana", False),
        ("billing-agent", "ana-admin", False),
        ("ana", None, False),
        ("ana-admin", "ana", False),
        ("ana-admin", "bob", False),
        ("anabel", None, True),
    ],
)
def test_a_pattern_never_fits_its_authors_agents(agent_id: str, owner: str | None, matches: bool) -> None:  # noqa: FBT001  a parameter
    """Whoever made or widened it answers for no agent that it lets through, nor is one, whenever the key was made."""
    trusted = pattern(agent_id="*", authors=("ana-admin", "ana"))
    assert trusted.is_of(agent_id, owner) is not matches
    asked = circumstances(parameters={"limit": 1}, agent_id=agent_id, agent_owner=owner)
    assert covers(trusted, asked) is matches


def test_a_pattern_ends_when_it_expires_or_is_suspended() -> None:
    """It is in force up to, and not at, its end; a suspended one is suspended, whether or not it has expired."""
    ending = pattern(expires_at=NOW)
    assert ending.status_at(NOW - A_MOMENT) is PatternStatus.ACTIVE
    assert ending.status_at(NOW) is PatternStatus.EXPIRED
    assert pattern().status_at(NOW + timedelta(days=10_000)) is PatternStatus.ACTIVE
    for end in (None, NOW, NOW + A_MOMENT):
        assert pattern(suspended=True, expires_at=end).status_at(NOW) is PatternStatus.SUSPENDED


def test_a_copy_compiles_its_own_condition() -> None:
    """What a pattern has worked out never speaks for another text, by whichever way the copy was made."""
    old, asked = pattern(condition="true"), circumstances()
    assert covers(old, asked)
    assert (old.trusts_claims, old.allowed_risk) == (False, RiskLevel.MEDIUM)
    assert old.model_copy(update={"max_risk": RiskLevel.HIGH}).allowed_risk is RiskLevel.HIGH
    refusing = old.model_copy(update={"condition": "false"})
    assert not covers(refusing, asked)
    claiming = old.model_copy(update={"condition": CLAIMS})
    assert claiming.trusts_claims
    assert claiming.allowed_risk is RiskLevel.LOW
    assert covers(old.model_copy(update={"condition": None}), asked)
    assert covers(old.model_copy(), asked)
    assert not covers(TrustedPattern.model_validate(dict(old) | {"condition": "false"}), asked)
    assert not covers(old.model_copy(update={"condition": UNUSABLE}), asked)


def test_a_pattern_does_not_change() -> None:
    """A change is another revision."""
    with pytest.raises(ValidationError, match="frozen"):
        pattern().condition = "true"  # type: ignore[misc]  # that it cannot be set is the test


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, 0.0),
        (1, 1.0),
        (499.5, 499.5),
        (500, 500.0),
        (500.5, None),
        (501, None),
        (-1, None),
        (-0.5, None),
        (True, None),
        (False, None),
        ("1", None),
        (None, None),
        ([1], None),
        ({"amount": 1}, None),
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
        (10**400, None),
        (-(10**400), None),
    ],
)
def test_only_a_number_within_the_limit_has_an_amount(value: object, amount: float | None) -> None:
    """A negative one would make room for others; what is no number, or more than a day may have, is for people."""
    asked = circumstances(parameters={"limit": 1, "amount": value})
    assert summed().amount(asked) == amount
    assert tried(summed(), parameters=asked.operation.parameters) == ([] if amount is None else ["p-1"])


def test_an_absent_parameter_has_no_amount() -> None:
    """What cannot be added up is for people; without a sum there is nothing to add."""
    asked = circumstances(parameters={"limit": 1, "other": {"amount": 1}})
    assert summed().amount(asked) is None
    assert pattern().amount(asked) == 0.0


@given(value=json_values)
def test_an_amount_is_within_the_limit_or_none(value: object) -> None:
    """Whatever an agent sends."""
    amount = summed().amount(circumstances(parameters={"amount": value}))
    assert amount is None or 0 <= amount <= 500


@pytest.mark.parametrize(
    ("uses", "total", "room"),
    [(0, 0, True), (1, 400, True), (1, 400.5, False), (2, 0, False), (3, 0, False), (0, 500, False)],
)
def test_a_match_needs_room_in_both_quotas(uses: int, total: float, room: bool) -> None:  # noqa: FBT001  a parameter
    """At most so many a day, and at most so much together."""
    match = PatternMatch(pattern=summed(max_per_day=2), amount=100)
    assert match.has_room(uses, total) is room


def test_without_a_sum_only_the_uses_count() -> None:
    """A total that an earlier revision left behind does not matter."""
    match = PatternMatch(pattern=pattern(max_per_day=2), amount=0)
    assert match.has_room(1, 1e9)
    assert not match.has_room(2, 0)


def test_the_log_is_told_of_a_pattern_what_it_says() -> None:
    """All its fields, the risk that it lets through, and what is dangerous; not who made it, which the event says."""
    trusted = summed(condition=CLAIMS, note="Agreed on Monday.", expires_at=NOW)
    assert trusted.definition == {
        "agent_id": "billing-agent",
        "operation_type": "data.export",
        "resource_type": "customer",
        "condition": CLAIMS,
        "max_risk": "low",
        "expires_at": "2026-03-02T09:30:00Z",
        "max_per_day": 50,
        "max_sum_per_day": {"parameter": "amount", "limit": 500.0},
        "note": "Agreed on Monday.",
        "suspended": False,
        "broad": False,
        "trusts_claims": True,
    }
    assert trusted.actor == "pattern:p-1@1"


def test_patterns_are_tried_the_oldest_first() -> None:
    """Whatever their globs are, and in whatever order they were read: their ids sort by when they were made."""
    patterns = [
        pattern("p-1", operation_type="data.*"),
        pattern("p-2"),
        pattern("p-3", agent_id="*"),
        pattern("p-4"),
        pattern("p-5", operation_type="data.*"),
        pattern("p-6", operation_type="user.delete"),
    ]
    assert tried(*patterns) == tried(*patterns[::-1]) == ["p-1", "p-2", "p-3", "p-4", "p-5"]
    assert tried() == []


def test_only_so_many_patterns_are_tried() -> None:
    """The oldest; those that do not speak of the request take no place."""
    silent = [pattern(f"a-{number:03}", condition="false") for number in range(MAX_CANDIDATES)]
    speaking = [pattern(f"b-{number:03}") for number in range(MAX_CANDIDATES + 1)]
    assert tried(*speaking[::-1], *silent) == [each.id for each in speaking[:MAX_CANDIDATES]]


def test_only_patterns_in_force_are_tried() -> None:
    """Neither suspended nor expired ones."""
    assert tried(
        pattern("p-1", suspended=True),
        pattern("p-2", expires_at=NOW),
        pattern("p-3", expires_at=NOW + A_MOMENT),
    ) == ["p-3"]


@pytest.mark.parametrize("verdict", Verdict)
def test_what_policy_keeps_for_people_no_pattern_is_asked_about(verdict: Verdict) -> None:
    """A pattern overrides `ask` and nothing else."""
    kept = ASKED.model_copy(update={"verdict": verdict, "open_to_patterns": False})
    assert tried(pattern(), assessment=kept) == []
    assert tried(pattern(), assessment=ASKED) == ["p-1"]


@given(
    level=st.sampled_from(RiskLevel),
    limit=json_values,
    agent=st.sampled_from(["billing-agent", "report-agent", "root"]),
    owner=st.sampled_from([None, "ana", "root"]),
)
def test_a_book_finds_what_each_pattern_says_of_itself(
    level: RiskLevel, limit: object, agent: str, owner: str | None
) -> None:
    """However it is arranged, it is asked as each pattern would be alone."""
    patterns = [
        pattern("p-1"),
        pattern("p-2", agent_id="*", condition=CLAIMS),
        pattern("p-3", agent_id="*-agent", condition=None, operation_type="*", max_risk="high"),
        pattern("p-4", agent_id="*", authors=("ana",), max_risk="low"),
        pattern("p-5", resource_type="order"),
        pattern("p-6", max_sum_per_day=DailySum(parameter="limit", limit=10)),
    ]
    request: dict[str, Any] = {"parameters": {"limit": limit}, "agent_id": agent, "agent_owner": owner}
    asked = circumstances(**request)
    alone = [each.id for each in patterns if each.amount(asked) is not None and covers(each, asked, level)]
    found = tried(*patterns, assessment=ASKED.model_copy(update={"level": level}), **request)
    assert found == alone
