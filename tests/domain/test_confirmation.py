"""What a person must do in a browser before a decision counts: more care for more harm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assent.models import Approval, ApprovalStatus, Decision, Operation, Outcome, Risk, RiskLevel, Role, TemporalLink
from domain.confirmation import Confirmation, Shown, hindrance, missing_step, needs_page, word_to_type
from domain.principal import Principal

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DIGEST = "abcdef" + "0" * 58
ADA = Principal(name="ada", role=Role.REVIEWER)


def approval(level: RiskLevel | None = RiskLevel.LOW, resource_id: str = "42", **fields: Any) -> Approval:  # noqa: ANN401  fields of the model
    given: dict[str, Any] = {
        "id": "1",
        "status": ApprovalStatus.PENDING,
        "operation": Operation(type="user.delete", resource_type="user", resource_id=resource_id),
        "agent_id": "agent",
        "reason": "asked",
        "context": {},
        "digest": DIGEST,
        "risk": None if level is None else Risk(level=level, reasons=[]),
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "temporal": TemporalLink(workflow_id="approval-1"),
    }
    return Approval.model_validate(given | fields)


def approve(shown: Shown = Shown.PAGE, typed: str = "") -> Confirmation:
    return Confirmation(outcome=Outcome.APPROVE, shown=shown, typed=typed)


@pytest.mark.parametrize("shown", Shown)
@pytest.mark.parametrize("level", [RiskLevel.LOW, RiskLevel.MEDIUM])
def test_little_harm_is_approved_anywhere(level: RiskLevel, shown: Shown) -> None:
    """On the page, in a strip, or among others."""
    assert missing_step(approval(level), approve(shown)) is None


@pytest.mark.parametrize("shown", [Shown.STRIP, Shown.BULK])
@pytest.mark.parametrize("level", [RiskLevel.HIGH, RiskLevel.CRITICAL])
def test_great_harm_is_approved_on_its_page(level: RiskLevel, shown: Shown) -> None:
    """Where all of it is shown."""
    assert needs_page(level)
    assert "its own page" in str(missing_step(approval(level), approve(shown, "42")))


def test_high_risk_needs_its_page_and_no_word() -> None:
    """The page arms its button by itself."""
    assert missing_step(approval(RiskLevel.HIGH), approve()) is None


@pytest.mark.parametrize(
    ("typed", "missing"), [("42", False), (" 42 ", False), ("", True), ("43", True), ("abcdef", True)]
)
def test_critical_risk_needs_the_resource_typed(typed: str, missing: bool) -> None:  # noqa: FBT001  one case
    """The id of what will be changed, and no other."""
    assert (missing_step(approval(RiskLevel.CRITICAL), approve(typed=typed)) is not None) is missing


@pytest.mark.parametrize("resource_id", ["", "x" * 41, "us\u0435r", "a\tb", " 42", "42 "])
def test_what_cannot_be_typed_is_not_asked_for(resource_id: str) -> None:
    """Then it is the digest's first six characters."""
    assert word_to_type(RiskLevel.CRITICAL, resource_id, DIGEST) == "abcdef"
    assert missing_step(approval(RiskLevel.CRITICAL, resource_id), approve(typed="abcdef")) is None


def test_a_rejection_needs_no_step() -> None:
    """It runs nothing, whatever the risk and wherever it is given."""
    rejection = Confirmation(outcome=Outcome.REJECT, shown=Shown.STRIP)

    assert missing_step(approval(RiskLevel.CRITICAL), rejection) is None


def test_what_is_not_assessed_is_not_decided() -> None:
    """Nobody knows yet how careful one has to be."""
    assert "assessed" in str(missing_step(approval(None), approve()))
    assert "assessed" in str(hindrance(ADA, approval(None)))


def test_who_may_decide_is_not_hindered() -> None:
    """Nothing stands in the way of a reviewer who did not ask for it."""
    assert hindrance(ADA, approval()) is None


@pytest.mark.parametrize(
    ("principal", "fields", "told"),
    [
        (Principal(name="otto", role=Role.AUDITOR), {}, "auditor"),
        (Principal(name="agent", role=Role.REVIEWER), {}, "yours"),
        (ADA, {"agent_owner": "ada"}, "yours"),
        (ADA, {"overdue": True}, "deadline"),
        (
            ADA,
            {
                "required_approvals": 2,
                "decisions": [
                    Decision(id="d", reviewer="ada", outcome=Outcome.APPROVE, comment="", decided_at=NOW, accepted=True)
                ],
            },
            "Another person",
        ),
    ],
)
def test_who_may_not_decide_is_told_why(principal: Principal, fields: dict[str, Any], told: str) -> None:
    """In place of the buttons."""
    assert told in str(hindrance(principal, approval(**fields)))
