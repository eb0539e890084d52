"""What a pattern would have let through of the history, and what people had made of that."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from assent.models import ApprovalStatus, Operation, RiskLevel
from assent.policy_models import Backtest, Humans
from domain.backtest import MAX_EXAMPLES, BacktestRun, PastApproval
from domain.conditions import Circumstances
from tests.domain.requests import NOW, circumstances
from tests.domain.trusted import pattern

HOUR = timedelta(hours=1)
MIDNIGHT = NOW.replace(hour=0, minute=0) + timedelta(days=1)
PEOPLE = ("reviewer:ada", "reviewer:bob")


def past(  # noqa: PLR0913  each is one fact of the approval
    approval_id: str = "a-1",
    status: ApprovalStatus = ApprovalStatus.EXECUTED,
    *,
    risk: RiskLevel = RiskLevel.LOW,
    limit: object = 1,
    amount: object = 0,
    agent_id: str = "billing-agent",
    agent_owner: str | None = None,
    at: datetime = NOW,
    decided_by: tuple[str, ...] = PEOPLE[:1],
) -> PastApproval:
    """Return an export of the billing agent that ada approved and that ran."""
    return PastApproval(
        id=approval_id,
        status=status,
        risk_level=risk,
        agent_id=agent_id,
        agent_owner=agent_owner,
        operation=Operation(
            type="data.export", resource_type="customer", parameters={"limit": limit, "amount": amount}
        ),
        reason="Asked for.",
        context={"ticket": 7},
        created_at=at,
        decided_by=decided_by,
    )


def circumstances_of(approval: PastApproval) -> Circumstances:
    operation = approval.operation
    return circumstances(
        operation.type,
        operation.resource_type,
        parameters=operation.parameters,
        context=approval.context,
        agent_id=approval.agent_id,
        agent_owner=approval.agent_owner,
        now=approval.created_at,
    )


def tried(approvals: Iterable[PastApproval], **fields: Any) -> Backtest:  # noqa: ANN401  any field's value
    """Return what a pattern, with `fields` changed, would have done to these, of ten that there were."""
    run = BacktestRun(pattern(**fields), circumstances_of)
    run.take(approvals)
    return run.result(10)


def test_nothing_comes_of_nothing() -> None:
    """What was looked at is told, whatever became of it."""
    assert tried([]) == Backtest(considered=10, would_approve=0, humans=Humans(), failed=0)


def test_what_the_pattern_speaks_of_is_counted() -> None:
    """By its agent, risk, condition and owner, as where an approval is recorded."""
    approvals = [
        past("a-1"),
        past("a-2", limit=100),
        past("a-3", limit="1"),
        past("a-4", agent_id="report-agent"),
        past("a-5", risk=RiskLevel.HIGH),
        past("a-6", agent_owner="root"),
        past("a-7", risk=RiskLevel.MEDIUM, agent_owner="ana"),
    ]
    assert tried(approvals).would_approve == 2
    assert tried(approvals, max_risk="high").would_approve == 3
    assert tried(approvals, condition=None).would_approve == 4
    assert tried(approvals, agent_id="*").would_approve == 3


@pytest.mark.parametrize(
    ("status", "decided_by", "humans", "failed"),
    [
        (ApprovalStatus.APPROVED, PEOPLE, Humans(approved=1), 0),
        (ApprovalStatus.EXECUTED, PEOPLE[:1], Humans(approved=1), 0),
        (ApprovalStatus.FAILED, PEOPLE[:1], Humans(approved=1), 1),
        (ApprovalStatus.FAILED, ("pattern:p-0@1",), Humans(), 1),
        (ApprovalStatus.EXECUTED, ("pattern:p-0@1",), Humans(), 0),
        (ApprovalStatus.EXECUTED, ("policy:small",), Humans(), 0),
        (ApprovalStatus.REJECTED, PEOPLE[:1], Humans(rejected=1), 0),
        (ApprovalStatus.REJECTED, ("policy:never",), Humans(), 0),
        (ApprovalStatus.REJECTED, (*PEOPLE, "policy:never"), Humans(), 0),
        (ApprovalStatus.EXPIRED, ("system:timeout",), Humans(expired=1), 0),
        (ApprovalStatus.EXPIRED, (), Humans(expired=1), 0),
        (ApprovalStatus.CANCELLED, ("agent:billing-agent",), Humans(), 0),
        (ApprovalStatus.PENDING, (), Humans(), 0),
        (ApprovalStatus.PENDING, PEOPLE[:1], Humans(), 0),
    ],
)
def test_what_people_made_of_it_is_told(
    status: ApprovalStatus, decided_by: tuple[str, ...], humans: Humans, failed: int
) -> None:
    """Only what reviewers decided counts as theirs; nobody's answer in time is told by itself."""
    told = tried([past(status=status, decided_by=decided_by)])
    assert (told.would_approve, told.humans, told.failed) == (1, humans, failed)
    assert [example.id for example in told.rejected_examples] == ["a-1"] * humans.rejected


def test_the_newest_rejected_ones_are_shown_whole() -> None:
    """Twenty of them, the newest first, with all that the reviewer saw."""
    rejected = [
        past(f"a-{number}", ApprovalStatus.REJECTED, at=NOW + number * HOUR, decided_by=PEOPLE[:1])
        for number in range(MAX_EXAMPLES + 1)
    ]
    told = tried(rejected, max_per_day=1_000)
    assert told.humans.rejected == MAX_EXAMPLES + 1
    assert [example.id for example in told.rejected_examples] == [f"a-{each}" for each in range(MAX_EXAMPLES, 0, -1)]
    assert told.rejected_examples[0].model_dump() == {
        "id": f"a-{MAX_EXAMPLES}",
        "agent_id": "billing-agent",
        "operation": rejected[-1].operation.model_dump(),
        "reason": "Asked for.",
        "context": {"ticket": 7},
        "created_at": NOW + MAX_EXAMPLES * HOUR,
        "decided_by": ["reviewer:ada"],
    }


def test_what_the_pattern_would_not_have_let_through_is_no_example() -> None:
    """A rejection of what goes to people anyway says nothing against the pattern."""
    told = tried([past(status=ApprovalStatus.REJECTED, limit=100), past(status=ApprovalStatus.FAILED, limit=100)])
    assert (told.humans, told.failed, told.rejected_examples) == (Humans(), 0, [])


def test_each_utc_day_has_its_uses() -> None:
    """The first ones of a day are let through; the next day begins at midnight in UTC, wherever the clock was read."""
    elsewhere = timezone(timedelta(hours=5))
    moments = [
        MIDNIGHT - 2 * HOUR,
        MIDNIGHT - HOUR,
        (MIDNIGHT - timedelta(microseconds=1)).astimezone(elsewhere),
        MIDNIGHT.astimezone(elsewhere),
        MIDNIGHT + HOUR,
    ]
    approvals = [
        past(f"a-{number}", ApprovalStatus.REJECTED, at=moment, decided_by=PEOPLE[:1])
        for number, moment in enumerate(moments)
    ]
    assert tried(approvals, max_per_day=1).would_approve == 2
    assert [each.id for each in tried(approvals, max_per_day=1).rejected_examples] == ["a-3", "a-0"]
    assert tried(approvals, max_per_day=2).would_approve == 4
    assert tried(approvals, max_per_day=3).would_approve == 5


def test_each_utc_day_has_its_sum() -> None:
    """What does not fit any more is left out, and what is smaller still fits; what cannot be added up never does."""
    amounts = [60, 50, 40, 0, -5, "1", 101, 1]
    approvals = [past(f"a-{number}", amount=amount) for number, amount in enumerate(amounts)]
    tomorrow = past("a-8", amount=100, at=MIDNIGHT)
    limited = {"max_sum_per_day": {"parameter": "amount", "limit": 100}}
    assert tried(approvals, **limited).would_approve == 3  # 60, 40 and 0
    assert tried([*approvals, tomorrow], **limited).would_approve == 4


def test_a_history_may_come_in_pages() -> None:
    """The quotas go on from one to the next."""
    run = BacktestRun(pattern(max_per_day=3), circumstances_of)
    for page in ([past("a-1"), past("a-2")], [], [past("a-3"), past("a-4")]):
        run.take(page)
    assert run.result(4).would_approve == 3


def test_the_pattern_alone_is_tried() -> None:
    """Neither its own end nor another pattern counts: it is asked what it would have done, had it been there."""
    assert tried([past(at=NOW)], expires_at=NOW - HOUR).would_approve == 1
