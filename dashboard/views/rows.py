"""Approvals as rows of a list: the title, what marks them, and what may be done from the list itself."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from assent.models import Approval, ApprovalStatus
from dashboard.screen import Screen
from dashboard.views.words import is_soon
from domain.confirmation import hindrance, needs_page
from domain.frozen import Frozen
from domain.risk import rank
from services.catalog import ShownOperation

_STRIP_PARAMETERS = 4
_STRIP_TEXT = 80


class Row(Frozen):
    """One approval in a list. `quick`: it can be decided in a strip, where all of it fits."""

    approval: Approval
    title: str
    operation: ShownOperation
    quick: bool
    hindrance: str | None
    soon: bool
    rejected_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.approval.status is ApprovalStatus.PENDING and not self.approval.overdue


def rows_of(screen: Screen, approvals: Iterable[Approval], rejected: Mapping[str, datetime] | None = None) -> list[Row]:
    """Return approvals as rows; `rejected` says of which the like was rejected a short time ago."""
    return [row_of(screen, approval, (rejected or {}).get(approval.id)) for approval in approvals]


def row_of(screen: Screen, approval: Approval, rejected_at: datetime | None = None) -> Row:
    """Return one approval as a row."""
    operation = screen.services.catalog.shown(approval.operation)
    hindered = hindrance(screen.principal, approval)
    risk = approval.risk
    quick = hindered is None and risk is not None and not needs_page(risk.level) and fits_a_strip(operation)
    return Row(
        approval=approval,
        title=operation.title,
        operation=operation,
        quick=quick,
        hindrance=hindered,
        soon=is_soon(approval, screen.now),
        rejected_at=rejected_at,
    )


def by_deadline_then_risk(approvals: Iterable[Approval]) -> list[Approval]:
    """Return approvals as a queue shows them: the nearest deadline first and, of the same one, the highest risk."""
    return sorted(
        approvals,
        key=lambda each: (
            each.expires_at is None,
            each.expires_at or each.created_at,
            0 if each.risk is None else -rank(each.risk.level),
        ),
    )


def fits_a_strip(operation: ShownOperation) -> bool:
    """Whether every parameter can be shown whole in one line or two."""
    return len(operation.parameters) <= _STRIP_PARAMETERS and all(
        _is_short(parameter.value) for parameter in operation.parameters
    )


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _STRIP_TEXT and "\n" not in value
    return not isinstance(value, (list, dict))
