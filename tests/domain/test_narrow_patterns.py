"""Patterns made from one approval: they let that request through, and as little else as can be said."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assent.models import Approval, ApprovalStatus, Operation, Risk, RiskLevel, TemporalLink
from domain.condition_text import MAX_BYTES
from domain.conditions import Circumstances
from domain.narrow_patterns import LASTS, MAX_PINNED, PER_DAY, NarrowPattern, literal, narrow_pattern
from domain.pattern_changes import new_pattern
from domain.patterns import TrustedPattern
from tests.domain.requests import NOW
from tests.domain.samples import DIGEST, json_values
from tests.domain.trusted import ADMIN

# What the API takes: no NUL.
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
PARAMETERS = st.dictionaries(STORABLE, json_values, max_size=4)

LOW, MEDIUM, HIGH, CRITICAL = RiskLevel


def operation(parameters: dict[str, Any] | None = None, resource_id: str = "7") -> Operation:
    """Return an export."""
    return Operation(type="data.export", resource_type="customer", resource_id=resource_id, parameters=parameters or {})


def narrow(asked: Operation, level: RiskLevel | None = LOW) -> NarrowPattern:
    """Return what is proposed from the billing agent's request for `asked`."""
    approval = Approval(
        id="a-1",
        status=ApprovalStatus.EXECUTED,
        operation=asked,
        agent_id="billing-agent",
        reason="Asked for.",
        context={"records": 3},
        digest=DIGEST,
        risk=None if level is None else Risk(level=level, reasons=[]),
        created_at=NOW,
        temporal=TemporalLink(workflow_id="approval-a-1"),
    )
    return narrow_pattern(approval, now=NOW)


def made(proposal: NarrowPattern) -> TrustedPattern:
    """Return the pattern that an admin makes of a proposal without a second look: refused if it were broad."""
    return new_pattern(proposal.wanted, pattern_id="p-1", by=ADMIN, now=NOW)


def covers(pattern: TrustedPattern, asked: Operation, level: RiskLevel = LOW, agent_id: str = "billing-agent") -> bool:
    """Whether the pattern speaks of a request."""
    request = Circumstances(
        operation=asked, data_class="internal", agent_id=agent_id, agent_owner=None, context={}, now=NOW
    )
    return pattern.covers(request, level)


def lines(parameters: dict[str, Any]) -> list[str]:
    """Return the lines of the condition that speak of the parameters."""
    condition = narrow(operation(parameters)).wanted.condition
    assert condition is not None
    target, *others = condition.split(" &&\n")
    assert target == "operation.resource_id == '7'"
    return others


def storable(value: Any) -> bool:  # noqa: ANN401  any JSON
    """Whether no text in `value` holds a NUL."""
    if isinstance(value, dict):
        return all(map(storable, (*value, *value.values())))
    return all(map(storable, value)) if isinstance(value, list) else "\x00" not in str(value)


@given(PARAMETERS.filter(storable), STORABLE, st.sampled_from([LOW, MEDIUM]))
@example({"limit": 5e-324, "in": -0.0, "a'b\\": "\\'\n\u202e"}, "\u2028", LOW)
@example({"a": {"b": {"c": [{}]}}, "": "", "Id": 2**53 - 1, "x": 1e300}, "", MEDIUM)
def test_it_lets_through_what_it_was_made_from(parameters: dict[str, Any], resource_id: str, level: RiskLevel) -> None:
    """Whatever was asked for: it can be made as it stands, and holds for that request, not for another target."""
    asked = operation(parameters, resource_id)
    pattern = made(narrow(asked, level))

    assert covers(pattern, asked, level)
    assert not covers(pattern, asked.model_copy(update={"resource_id": f"{resource_id}."}), level)
    assert not pattern.trusts_claims


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ({"to": "ana@example.com"}, {"to": "ana@example.org"}),
        ({"to": ""}, {"to": "ana@example.com"}),
        ({"limit": 80}, {"limit": 81}),
        ({"limit": 80}, {"limit": 0}),
        ({"limit": 80}, {"limit": -1}),
        ({"limit": 0}, {"limit": 1}),
        ({"limit": -1}, {"limit": -2}),
        ({"limit": 0.5}, {"limit": 0.6}),
        ({"customer_id": 80}, {"customer_id": 79}),
        ({"customerId": 80}, {"customerId": 79}),
        ({"id": 80}, {"id": 79}),
        ({"force": False}, {"force": True}),
        ({"force": True}, {"force": None}),
        ({"until": None}, {"until": "2027"}),
        ({"ids": [1, 2]}, {"ids": [1, 2, 3]}),
        ({"ids": []}, {"ids": [1]}),
        ({"filter": {"country": "DE"}}, {"filter": {"country": "FR"}}),
        ({"filter": {"country": "DE"}}, {"filter": {"country": "DE", "all": True}}),
        ({"filter": {}}, {"filter": {"all": True}}),
        ({"text": "x" * (MAX_PINNED + 1)}, {"text": "x" * (MAX_PINNED + 2)}),
        ({"limit": 80, "force": False}, {"limit": 80, "force": True}),
    ],
)
def test_it_lets_no_other_request_through(asked: dict[str, Any], other: dict[str, Any]) -> None:
    """Each parameter is held: what is said by one word to that word, what is counted to that much."""
    pattern = made(narrow(operation(asked)))
    assert covers(pattern, operation(asked))
    assert not covers(pattern, operation(other))


def test_it_is_of_one_agent_and_does_not_last() -> None:
    """This agent, these types, this risk; ten a day for thirty days, with a word on where it comes from."""
    wanted = narrow(operation({"limit": 80})).wanted
    assert (wanted.agent_id, wanted.operation_type, wanted.resource_type) == (
        "billing-agent",
        "data.export",
        "customer",
    )
    assert (wanted.max_risk, wanted.max_per_day, wanted.expires_at) == (LOW, PER_DAY, NOW + timedelta(days=30))
    assert (PER_DAY, timedelta(days=30)) == (10, LASTS)
    assert wanted.note == "Made from approval a-1."
    assert not wanted.broad

    pattern = made(narrow(operation({"limit": 80})))
    assert not covers(pattern, operation({"limit": 80}), MEDIUM)
    assert not covers(pattern, operation({"limit": 80}), agent_id="report-agent")


def test_it_reads_as_a_person_would_write_it() -> None:
    """A line for each parameter, by its plain name where it has one; what is below it by its own path."""
    assert lines({"limit": 80, "to": "ana", "force": False}) == [
        "operation.parameters.limit > 0 && operation.parameters.limit <= 80",
        "operation.parameters.to == 'ana'",
        "operation.parameters.force == false",
    ]
    assert lines({"in": 0, "two words": None}) == [
        "operation.parameters['in'] == 0",
        "operation.parameters['two words'] == null",
    ]
    assert lines({"filter": {"in": [1]}}) == [
        "size(operation.parameters.filter) == 1",
        "size(operation.parameters.filter['in']) <= 1",
    ]


def test_what_it_leaves_open_is_said() -> None:
    """The target that it names, lists, long texts and numbers; a word is held, and nothing is said of it."""
    parameters = {"ids": [1, 2], "none": [], "text": "x" * 1_204, "limit": 80, "to": "ana"}
    assert narrow(operation(parameters)).hints == (
        "It lets through customer 7 alone. Without the line of operation.resource_id, any.",
        "operation.parameters.ids may have any 2 entries, or fewer.",
        "operation.parameters.text may be any text of up to 1,204 characters.",
        "operation.parameters.limit may be any number above 0, up to 80.",
    )
    assert narrow(operation(parameters | {"ids": [], "text": "", "limit": 0}, resource_id="")).hints == ()


def test_risk_above_medium_is_left_to_a_person() -> None:
    """It is not proposed, and what that means is said; a request that nobody assessed has none to propose."""
    high, critical, unassessed = (narrow(operation(resource_id=""), level) for level in (HIGH, CRITICAL, None))
    assert [each.wanted.max_risk for each in (high, critical, unassessed)] == [None, None, None]
    assert [each.partition(" risk")[0] for each in (*high.hints, *critical.hints)] == [
        "This request was of high",
        "This request was of critical",
    ]
    assert high.hints[0].endswith("Choose the highest risk yourself.")
    assert critical.hints[0].endswith("unless a rule says `patterns: allow_critical`.")
    assert unassessed.hints == ()
    assert not covers(made(high), operation(resource_id=""), HIGH)
    assert covers(made(high), operation(resource_id=""), MEDIUM)


def test_a_condition_has_room_for_so_much() -> None:
    """What does not fit is left out and said; what is short and comes later is still held."""
    parameters = {f"p{number}": "x" * 190 for number in range(30)} | {"force": True}
    proposal = narrow(operation(parameters, resource_id=""))
    condition = proposal.wanted.condition
    assert condition is not None
    held = condition.count("'x")
    assert len(condition.encode()) <= MAX_BYTES < len(condition.encode()) + 190
    assert condition.endswith("operation.parameters.force == true")
    assert len(proposal.hints) == len(parameters) - 1 - held
    assert proposal.hints[-1] == "operation.parameters.p29 may be anything: with it, the condition would be too long."
    assert covers(made(proposal), operation(parameters, resource_id=""))


def test_what_hides_is_written_out() -> None:
    """A person who reads the condition sees every character; letters of any language stay as they are."""
    assert literal("a'\\\n\r\t") == r"'a\'\\\n\r\t'"
    assert literal("\u202eÄß山\u200b") == r"'\u202EÄß山\u200B'"
    assert literal("\U000e0041") == r"'\U000E0041'"
