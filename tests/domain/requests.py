"""Requests as policy and patterns see them."""

from datetime import UTC, datetime
from typing import Any

from assent.models import Operation
from domain.conditions import Circumstances

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def circumstances(  # noqa: PLR0913  each is one fact of the request
    operation_type: str = "data.export",
    resource_type: str = "customer",
    *,
    parameters: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    agent_id: str = "billing-agent",
    agent_owner: str | None = None,
    data_class: str = "internal",
    now: datetime = NOW,
) -> Circumstances:
    """Return a request of the billing agent."""
    return Circumstances(
        operation=Operation(
            type=operation_type, resource_type=resource_type, resource_id="7", parameters=parameters or {}
        ),
        data_class=data_class,
        agent_id=agent_id,
        agent_owner=agent_owner,
        context=context or {},
        now=now,
    )
