"""Searching finds what a plain look at every approval would find, in the order of the list."""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assent.models import Approval, ApprovalStatus, Operation, RiskLevel
from domain.approval import BY_POLICY
from domain.listing import ApprovalFilter, Position, Sort
from domain.operation import ApprovalRequest
from domain.risk import rank
from storage import text_reads
from storage.filing import Filing
from storage.opening import Ending
from tests.storage.builders import DEADLINE, RECORDED, STARTED, make_assessment, make_opening, make_request
from tests.storage.record import Record

MINUTE = timedelta(minutes=1)
DENIED = Ending(status=ApprovalStatus.REJECTED, by=(BY_POLICY,), reason="No.")

AGENTS = ("agent", "Ägent-%", "a")
OPERATIONS = (("user.delete", "user"), ("data_export", "customer's"), ("x", "y"))
RESOURCES = ("", "42", "Müller_42", "100%", 'say "no"', "back\\slash", "o'clock", "İstanbul", "straße")
REASONS = (
    "ÜBER the customer's own FORM",
    "100% sure_",
    "AND OR NOT (near) *",
    "a\tb\nc",
    "ﬀ ß ẞ ΣΑΣ",
    "日本語の理由",
    "%",
    "'':&|!",
)


@pytest.fixture
def many(record: Record, monkeypatch: pytest.MonkeyPatch) -> list[Approval]:
    """Approvals of every kind, of which some wait, some have ended and some of those are filed."""
    # So few rows would all be walked, and nothing would be looked up.
    monkeypatch.setattr(text_reads, "WALKED", 2)
    kinds = itertools.product(AGENTS, OPERATIONS)
    for number, (agent_id, (operation_type, resource_type)) in enumerate(
        itertools.chain(kinds, itertools.product(AGENTS, OPERATIONS))
    ):
        operation = Operation(
            type=operation_type, resource_type=resource_type, resource_id=RESOURCES[number % len(RESOURCES)]
        )
        add(
            record,
            make_request(operation, agent_id=agent_id).model_copy(update={"reason": REASONS[number % len(REASONS)]}),
            level=tuple(RiskLevel)[number % 4],
            minute=number // 3,
            ended=number % 3 != 0,
        )
        if number == 12:
            Filing(record.database).file_ended(100)
    return everything(record)


def add(
    record: Record, request: ApprovalRequest, *, level: RiskLevel = RiskLevel.LOW, minute: int = 0, ended: bool = False
) -> str:
    assessment = make_assessment(request, risk_level=level, expires_at=DEADLINE + minute * MINUTE)
    opening = make_opening(
        request, assessment, started_at=STARTED + minute * MINUTE, ending=DENIED if ended else None, level=level
    )
    record.store.open(opening)
    return request.approval_id


def everything(record: Record) -> list[Approval]:
    return record.reads.page(ApprovalFilter(), sort=Sort.NEWEST, after=None, limit=200, now=RECORDED)


def listed(record: Record, wanted: ApprovalFilter, sort: Sort, limit: int = 200) -> list[str]:
    return [each.id for page in pages(record, wanted, sort, limit) for each in page]


def pages(record: Record, wanted: ApprovalFilter, sort: Sort, limit: int) -> Iterator[list[Approval]]:
    after = None
    while page := record.reads.page(wanted, sort=sort, after=after, limit=limit, now=RECORDED):
        yield page
        after = place_of(page[-1], sort)


def place_of(approval: Approval, sort: Sort) -> Position:
    at = approval.created_at if sort is Sort.NEWEST else approval.expires_at
    assert at is not None
    assert approval.risk is not None
    return Position(at=at, approval_id=approval.id, risk_level=approval.risk.level if sort is Sort.RISK else None)


def has(approval: Approval, word: str) -> bool:
    operation = approval.operation
    texts = (approval.id, approval.agent_id, operation.type, operation.resource_type, operation.resource_id)
    forms = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return any(
        re.search(re.escape(form), text, re.IGNORECASE | re.ASCII)
        for form in forms
        for text in (*texts, approval.reason)
    )


def matches(approval: Approval, wanted: ApprovalFilter) -> bool:
    seen = {
        "status": approval.status,
        "risk_level": approval.risk and approval.risk.level,
        "agent_id": approval.agent_id,
        "operation_type": approval.operation.type,
        "resource_type": approval.operation.resource_type,
    }
    narrowed = all(value is None or seen[name] == value for name, value in wanted if name != "q")
    return narrowed and all(has(approval, word) for word in (wanted.q or "").split())


def in_order(approvals: list[Approval], sort: Sort) -> list[str]:
    def place(approval: Approval) -> tuple[object, ...]:
        reached = place_of(approval, sort)
        level = () if reached.risk_level is None else (-rank(reached.risk_level),)
        return (*level, reached.at, reached.approval_id)

    return [each.id for each in sorted(approvals, key=place, reverse=sort is Sort.NEWEST)]


def words(approvals: list[Approval]) -> st.SearchStrategy[str]:
    """Return parts of what is there, in any case, and what is nearly or never there."""
    texts = [f"{each.id} {each.agent_id} {each.operation.resource_id} {each.reason}" for each in approvals]
    parts = st.sampled_from(texts).flatmap(
        lambda text: st.tuples(st.integers(0, len(text)), st.integers(1, 9)).map(lambda cut: text[cut[0] :][: cut[1]])
    )
    changed = st.sampled_from((str, str.upper, str.lower, str.swapcase))
    made_up = st.text(st.sampled_from("aA-%_*\"'\\&|!:()üÜßİ語 4"), max_size=6)
    return st.one_of(st.builds(lambda change, part: change(part), changed, parts), made_up)


def test_a_search_finds_what_a_look_at_each_would_find(many: list[Approval], record: Record) -> None:
    """Whatever is searched, however the list is narrowed and ordered, page by page: the same approvals, and no others.

    Capitals don't matter; beyond ASCII those don't that the word itself has in small letters, in capitals or at its
    beginning. No character stands for others.
    """

    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
    )
    @given(
        q=st.lists(words(many), max_size=3).map(" ".join),
        status=st.sampled_from((None, None, ApprovalStatus.PENDING, ApprovalStatus.REJECTED, ApprovalStatus.EXECUTED)),
        risk_level=st.sampled_from((None, None, RiskLevel.LOW, RiskLevel.CRITICAL)),
        agent_id=st.sampled_from((None, None, *AGENTS)),
        resource_type=st.sampled_from((None, None, "user", "y")),
        sort=st.sampled_from(Sort),
        limit=st.sampled_from((1, 3, 200)),
    )
    def holds(sort: Sort, limit: int, **wanted: object) -> None:
        narrowed = ApprovalFilter.model_validate(wanted)
        expected = [each for each in many if matches(each, narrowed)]
        assert listed(record, narrowed, sort, limit) == in_order(expected, sort)

    holds()


def test_every_word_there_is_is_found(many: list[Approval], record: Record) -> None:
    """Whole ids, their beginnings and ends, and each word of every text, also where it is filed."""
    for each in many:
        for word in {each.id, each.id[:8], each.id[-5:], each.agent_id, *each.reason.split(), each.id.upper()}:
            expected = [other.id for other in many if has(other, word)]
            assert each.id in expected
            assert sorted(listed(record, ApprovalFilter(q=word), Sort.NEWEST)) == sorted(expected), word


def test_a_long_search_is_one_as_well(record: Record) -> None:
    """Of as many characters as the API takes, in one word or in a hundred."""
    long = "".join(chr(0x4E00 + number) for number in range(200))
    found = add(record, make_request().model_copy(update={"reason": f"because {long}"}), ended=True)
    add(record, make_request(), ended=True)
    Filing(record.database).file_ended(10)
    for q in (long, " ".join(long[:100])):
        assert listed(record, ApprovalFilter(q=q), Sort.RISK) == [found]
    assert listed(record, ApprovalFilter(q=long[::-1]), Sort.RISK) == []


def test_pages_by_risk_hold_while_things_happen(record: Record) -> None:
    """Rows of every level arrive, end and are filed between two pages: none twice, none of those that stay left out."""
    numbers = itertools.count()

    def arrive(ended: bool) -> str:  # noqa: FBT001  one kind of row
        number = next(numbers)
        level = tuple(RiskLevel)[number % 4]
        return add(record, make_request(), level=level, minute=number % 3, ended=ended)

    there = {arrive(ended=bool(number % 2)) for number in range(24)}
    seen: list[Approval] = []
    for page in pages(record, ApprovalFilter(), Sort.RISK, 3):
        seen += page
        if len(seen) < 30:
            arrive(ended=False)
            arrive(ended=True)
            Filing(record.database).file_ended(2)
    ids = [each.id for each in seen]
    assert there <= set(ids)
    assert len(ids) == len(set(ids))
    assert ids == in_order(seen, Sort.RISK)


def test_what_waits_is_listed_by_its_risk(record: Record) -> None:
    """Critical first and low last; of one level by deadline, then by id. What was decided is not among it any more."""
    levels = [RiskLevel.LOW, RiskLevel.HIGH, RiskLevel.CRITICAL, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.HIGH]
    minutes = [0, 5, 9, 1, 2, 5]
    ids = [
        add(record, make_request(), level=level, minute=minute) for level, minute in zip(levels, minutes, strict=True)
    ]
    add(record, make_request(), level=RiskLevel.CRITICAL, ended=True)
    waiting = ApprovalFilter(status=ApprovalStatus.PENDING)
    low, high, critical, medium, sooner, twin = ids
    expected = [critical, sooner, *sorted((high, twin)), medium, low]
    assert listed(record, waiting, Sort.RISK) == listed(record, waiting, Sort.RISK, 1) == expected
    record.store.expire(high, at=DEADLINE + 10 * MINUTE)
    assert listed(record, waiting, Sort.RISK) == [each for each in expected if each != high]
    assert listed(record, ApprovalFilter(risk_level=RiskLevel.HIGH), Sort.RISK, 1) == expected[1:4]
