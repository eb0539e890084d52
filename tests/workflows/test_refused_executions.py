"""An approved operation that is no longer what was approved does not run: it ends failed, and the log says why."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import Field
from sqlalchemy import update

from assent.models import ApprovalStatus
from assent.operations import Parameters
from domain.operation import ApprovalRequest
from operations.registry import DeclaredOperation, OperationRegistry
from storage.tables import approvals
from tests.support.desk import Desk
from tests.support.eventually import eventually
from tests.support.promises import check_promises
from tests.support.runs import starts


class OtherDefault(Parameters):
    """Reads what was approved as something more."""

    text: str = Field(default="hello")
    loud: bool = True


class Shorter(Parameters):
    """No longer takes what was approved."""

    text: str = Field(max_length=2)


def _version(declared: DeclaredOperation) -> DeclaredOperation:
    return declared.model_copy(update={"declaration": declared.declaration.model_copy(update={"version": "2"})})


def _function(declared: DeclaredOperation) -> DeclaredOperation:
    declaration = declared.declaration.model_copy(update={"run": "tests.support.runs:fail"})
    return declared.model_copy(update={"declaration": declaration})


def _model(model: type[Parameters]) -> Callable[[DeclaredOperation], DeclaredOperation]:
    return lambda declared: declared.model_copy(update={"parameters": model})


CHANGES: dict[str, tuple[Callable[[DeclaredOperation], DeclaredOperation] | None, str]] = {
    "removed": (None, "note.low is no longer declared"),
    "another version": (_version, "was approved as tests.support.runs:note@1"),
    "another function": (_function, "is now declared as tests.support.runs:fail@1"),
    "another model": (_model(OtherDefault), "The parameter model has changed since"),
    "a narrower model": (_model(Shorter), "The declaration no longer takes this operation"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_operation_changed_since_does_not_run(desk: Desk, change: str) -> None:
    """Removed, another version or function, or parameters that would be read otherwise: refused by the worker."""
    how, refusal = CHANGES[change]
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await eventually("it is assessed", lambda: desk.approval(request))
    declared = desk.operations.find("note.low")
    other = desk.operations.find("note.medium")
    assert declared is not None
    assert other is not None
    changed = {"note.medium": other} | ({} if how is None else {"note.low": how(declared)})
    await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
    async with desk.worker(operations=OperationRegistry(changed)):
        state = await handle.result()
    _refused(desk, request, state.status, refusal)


@pytest.mark.parametrize(
    ("edit", "refusal"),
    [
        ({"parameters": {"text": "something else"}}, "its digest differs"),
        ({"resource_id": "8"}, "its digest differs"),
        ({"agent_id": "bob"}, "its digest differs"),
        ({"required_approvals": 0}, "its seal does not match"),
        ({"verdict": "allow"}, "its seal does not match"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_an_operation_edited_in_the_database_does_not_run(desk: Desk, edit: dict[str, Any], refusal: str) -> None:
    """Whatever is edited after the assessment is found before the start."""
    request = desk.request()
    async with desk.worker():
        handle = await desk.start(request)
        await eventually("it is assessed", lambda: desk.approval(request))
        with desk.database.write() as connection:
            connection.execute(update(approvals).where(approvals.c.id == request.approval_id).values(edit))
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        state = await handle.result()
    _refused(desk, request, state.status, refusal)


async def test_a_stopped_worker_says_that_it_does_not_know(desk: Desk) -> None:
    """A worker that is told to stop cuts off what runs, and does not call it failed as if nothing had happened."""
    request = desk.request("note.slow", {"seconds": 5.0})
    async with desk.worker():
        handle = await desk.start(request)
        await handle.signal("decide", desk.decision(request, at=datetime.now(UTC)))
        await eventually("it runs", lambda: starts(request.approval_id))
    async with desk.worker():
        state = await handle.result()
    assert (state.status, state.outcome_unknown) == (ApprovalStatus.FAILED, True)
    check_promises(desk.database)


def _refused(desk: Desk, request: ApprovalRequest, status: ApprovalStatus, refusal: str) -> None:
    assert status is ApprovalStatus.FAILED
    approval = desk.approval(request)
    assert approval is not None
    assert approval.execution is not None
    assert refusal in (approval.execution.error or "")
    assert approval.execution.started_at is None
    assert starts(request.approval_id) == 0
