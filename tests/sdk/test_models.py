"""The words on the wire: light to import, strict when sent, forgiving when received."""

import os
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from assent import Approval, ApprovalStatus, DecisionRequest, Operation, Outcome, Submission
from assent.models import NewKey, Problem, Role
from assent.operations import NoParameters, OperationCall, Parameters

SENT: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Operation, {"type": "user.delete", "resource_type": "user"}),
    (Submission, {"operation": {"type": "user.delete", "resource_type": "user"}, "reason": "Asked for."}),
    (DecisionRequest, {"outcome": "approve"}),
    (NewKey, {"name": "billing-agent", "role": "agent"}),
]

APPROVAL: dict[str, Any] = {
    "id": "018f3c6e-0000-7000-8000-000000000001",
    "status": "executed",
    "overdue": False,
    "operation": {"type": "user.delete", "resource_type": "user", "resource_id": "42", "parameters": {"a": [1, None]}},
    "agent_id": "billing-agent",
    "reason": "Asked for.",
    "context": {"ticket": 7},
    "digest": "0" * 64,
    "risk": {"level": "high", "reasons": ["Declared."]},
    "created_at": "2026-01-02T03:04:05.000006Z",
    "expires_at": "2026-01-02T07:04:05.000006Z",
    "required_approvals": 1,
    "decisions": [
        {
            "id": "d1",
            "reviewer": "ana",
            "outcome": "approve",
            "comment": "Fine.",
            "decided_at": "2026-01-02T03:05:05Z",
            "accepted": True,
            "refusal": None,
        }
    ],
    "decided_by": ["reviewer:ana"],
    "execution": {
        "started_at": "2026-01-02T03:05:06Z",
        "finished_at": "2026-01-02T03:05:07Z",
        "result": {"deleted": 1},
        "error": None,
        "outcome_unknown": True,
        "settlement": {
            "outcome": "executed",
            "note": "The log shows it.",
            "settled_by": "admin:ana",
            "settled_at": "2026-01-02T04:05:06Z",
        },
    },
    "temporal": {"workflow_id": "approval-018f3c6e-0000-7000-8000-000000000001", "run_id": None, "url": None},
    "rules": [{"name": "user-deletion", "matched": True, "error": None}],
    "pattern": {"id": "018f3c6e-0000-7000-8000-000000000002", "revision": 3, "trusts_claims": False},
    "policy_version": "1" * 64,
    "pause": {
        "id": "018f3c6e-0000-7000-8000-000000000003",
        "agent_id": None,
        "operation_type": "user.delete",
        "reason": "The provider is down.",
        "started_by": "admin:ana",
        "started_at": "2026-01-02T03:04:00Z",
    },
    "agent_owner": "ana",
    "stuck": {"since": "2026-01-02T03:04:10Z", "cause": "This workflow's tasks keep failing."},
}


class _Amount(Parameters):
    cents: int
    rate: float = 1.0


@pytest.mark.parametrize("module", ["assent", "assent.models", "assent.operations"])
def test_importing_the_words_stays_light(module: str) -> None:
    """An agent that only needs the words loads neither an HTTP client nor a server nor Temporal."""
    program = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    finished = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(finished.stdout.split())
    assert {"assent", "pydantic"} <= loaded
    assert not loaded & {"httpx2", "httpx", "temporalio", "fastapi", "starlette", "sqlalchemy"}


@pytest.mark.parametrize(("model", "body"), SENT)
def test_sent_bodies_refuse_unknown_fields(model: type[BaseModel], body: dict[str, Any]) -> None:
    """A field that Assent does not know is refused, so that nobody believes it had an effect."""
    model.model_validate(body)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({**body, "auto_approve": True})


@pytest.mark.parametrize(("model", "body"), SENT)
def test_sent_bodies_survive_the_wire(model: type[BaseModel], body: dict[str, Any]) -> None:
    """What is sent is what is read."""
    sent = model.model_validate(body)
    assert model.model_validate_json(sent.model_dump_json()) == sent


def test_sent_bodies_take_exact_types_only() -> None:
    """A number is no text: what the reviewer sees is what the agent sent."""
    with pytest.raises(ValidationError):
        Operation.model_validate({"type": "user.delete", "resource_type": "user", "resource_id": 42})


@pytest.mark.parametrize("reason", ["", "x" * 1001])
def test_a_reason_has_1_to_1000_characters(reason: str) -> None:
    """Reviewers get a reason, and one they can read."""
    with pytest.raises(ValidationError):
        Submission(operation=Operation(type="a", resource_type="b"), reason=reason)


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 64 + "\n", "A" * 64])
def test_a_digest_is_64_lower_case_hexadecimal_digits(digest: str) -> None:
    """One digest has one written form."""
    DecisionRequest(outcome=Outcome.REJECT, digest="0a" * 32)
    with pytest.raises(ValidationError):
        DecisionRequest(outcome=Outcome.REJECT, digest=digest)


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a\n", "a" * 64])
def test_a_key_name_is_plain(name: str) -> None:
    """Names are identities in the audit log: nothing in them can be mistaken."""
    NewKey(name="a" * 63, role=Role.AGENT)
    with pytest.raises(ValidationError):
        NewKey(name=name, role=Role.AGENT)


def test_an_approval_survives_the_wire() -> None:
    """Every field of an approval comes through, times to the microsecond."""
    approval = Approval.model_validate(APPROVAL)
    assert approval.model_dump(mode="json") == APPROVAL
    assert Approval.model_validate_json(approval.model_dump_json()) == approval


def test_received_bodies_ignore_unknown_fields() -> None:
    """An older client reads a newer service."""
    newer = {**APPROVAL, "later": 1, "risk": {**APPROVAL["risk"], "later": 1}}
    assert Approval.model_validate(newer) == Approval.model_validate(APPROVAL)
    assert Problem.model_validate({"type": "t", "title": "T", "status": 409, "detail": "d", "later": 1}).status == 409


def test_only_pending_and_approved_are_not_terminal() -> None:
    """An approval ends for good in every other status."""
    assert {status for status in ApprovalStatus if not status.is_terminal} == {"pending", "approved"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"cents": 1, "later": 1},
        {"cents": "1"},
        {"cents": 1.0},
        {"cents": True},
        {"cents": 1, "rate": float("inf")},
        {"cents": 1, "rate": float("nan")},
    ],
)
def test_parameters_are_strict(parameters: dict[str, Any]) -> None:
    """What runs is what was approved: no conversions, no extra fields, only finite numbers."""
    _Amount.model_validate({"cents": 1, "rate": 0.5})
    with pytest.raises(ValidationError):
        _Amount.model_validate(parameters)


def test_a_call_cannot_be_changed() -> None:
    """A function cannot turn the operation that was approved into another one."""
    call = OperationCall(
        approval_id="a",
        agent_id="billing-agent",
        type="user.delete",
        resource_type="user",
        resource_id="42",
        parameters=_Amount(cents=1),
        idempotency_key="k",
    )
    with pytest.raises(AttributeError):
        setattr(call, "resource_id", "43")  # noqa: B010  a plain assignment would not pass the type checker
    with pytest.raises(ValidationError):
        setattr(call.parameters, "cents", 2)  # noqa: B010  likewise
    with pytest.raises(ValidationError):
        NoParameters.model_validate({"anything": 1})
