"""Operations: what a declaration may say, and the digests that bind what is approved to what runs."""

import hashlib
import math
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from assent.models import Operation, RiskLevel
from domain.operation import (
    ApprovalRequest,
    DataClass,
    ExecutionPlan,
    OperationDeclaration,
    content_digest,
    operation_digest,
)
from domain.signing import Signature
from tests.domain.samples import (
    AGENT,
    APPROVAL_ID,
    DECLARATION,
    DIGEST,
    KEYS,
    OPERATION,
    OTHER_ID,
    SUBMITTED_AT,
    other,
    request,
)

DECLARED: dict[str, Any] = {
    "resource_types": ["user"],
    "run": "shop.operations:delete_user",
    "parameters": "shop.operations:DeleteParameters",
    "version": "1",
}


def declaration(**changes: Any) -> OperationDeclaration:  # noqa: ANN401  any field's value
    return OperationDeclaration.model_validate({**DECLARED, **changes})


def test_what_a_declaration_leaves_out_is_the_careful_choice() -> None:
    """One approval, one try ever, a minute to run, any resource id, and the risk level's own time to decide.

    What it risks is then for policy to say, and its data is taken for the company's own.
    """
    declared = declaration()
    assert (declared.required_approvals, declared.idempotent, declared.timeout) == (1, False, None)
    assert (declared.resource_id, declared.run_timeout) == (None, timedelta(seconds=60))
    assert (declared.risk, declared.data_class) == (None, DataClass.INTERNAL)


def test_data_is_of_one_of_four_classes() -> None:
    """From least to most protected."""
    assert [each.value for each in DataClass] == ["public", "internal", "personal", "regulated"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("required_approvals", 1),
        ("required_approvals", 10),
        ("timeout", "1m"),
        ("timeout", "30d"),
        ("timeout", None),
        ("run_timeout", "1s"),
        ("run_timeout", "1d"),
        ("version", "v" * 64),
        ("run", "module:function"),
        ("run", "_a.b2.c_d:_run"),
        ("resource_id", "[0-9]+"),
        ("resource_types", ["user", "customer"]),
        ("resource_types", ["u" * 128]),
        ("idempotent", True),
        ("timeout", timedelta(minutes=15)),
        *(("risk", level.value) for level in RiskLevel),
        ("risk", None),
        *(("data_class", each.value) for each in DataClass),
    ],
)
def test_a_declaration_takes_all_within_its_bounds(field: str, value: object) -> None:
    """The bounds themselves are still good."""
    assert field in declaration(**{field: value}).model_fields_set


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("required_approvals", 0),
        ("required_approvals", 11),
        ("required_approvals", -1),
        ("required_approvals", 1.5),
        ("required_approvals", "two"),
        ("required_approvals", "2"),
        ("required_approvals", 2.0),
        ("required_approvals", True),
        ("timeout", "59s"),
        ("timeout", "31d"),
        ("timeout", "2592001s"),
        ("timeout", 240),
        ("timeout", "soon"),
        ("timeout", "00:15:00"),
        ("timeout", "PT15M"),
        ("run_timeout", "25h"),
        ("run_timeout", "PT0.5S"),
        ("run_timeout", "-PT1H"),
        ("run_timeout", None),
        ("version", ""),
        ("version", "v" * 65),
        ("version", 1),
        ("version", True),
        ("risk", "severe"),
        ("risk", "HIGH"),
        ("risk", 3),
        ("data_class", "secret"),
        ("data_class", "Public"),
        ("data_class", None),
        ("data_class", ["public"]),
        ("resource_types", []),
        ("resource_types", "user"),
        ("resource_types", [1]),
        ("resource_types", [""]),
        ("resource_types", ["u" * 129]),
        ("resource_id", 42),
        ("idempotent", "perhaps"),
        ("idempotent", "yes"),
        ("idempotent", 1),
        *(
            (field, path)
            for field in ("run", "parameters")
            for path in (
                "",
                "module",
                "module:",
                ":function",
                "module.function",
                "a:b:c",
                "a:b.c",
                "1a:b",
                "a:1b",
                "a b:c",
            )
        ),
        ("run", "module:function\n"),
        ("run", "../module:function"),
        ("approvers", ["ana"]),
    ],
)
def test_a_declaration_outside_its_bounds_is_refused(field: str, value: object) -> None:
    """A number too large, a word too many, another type or an unknown field: the sentence names the field."""
    with pytest.raises(ValidationError) as refused:
        declaration(**{field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize("field", DECLARED)
def test_what_a_declaration_needs_must_be_written(field: str) -> None:
    """Resource types, function, parameters and version are never guessed."""
    with pytest.raises(ValidationError, match="Field required"):
        OperationDeclaration.model_validate({name: value for name, value in DECLARED.items() if name != field})


def test_a_declaration_never_changes() -> None:
    """What was read at the start holds until the end of the process."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(declaration(risk="high"), "risk", RiskLevel.LOW)  # noqa: B010  a plain assignment would not pass the type checker


def test_the_identity_is_the_function_and_its_version() -> None:
    """What was approved under one function or version is not run under another; the rest may be tuned."""
    identity = declaration().identity
    assert identity == "shop.operations:delete_user@1"
    assert declaration(version="2").identity != identity
    assert declaration(run="shop.operations:remove_user").identity != identity
    assert declaration(risk="low", timeout="1h", idempotent=True).identity == identity


def test_only_an_idempotent_operation_is_tried_again() -> None:
    """One try ever, or five: the plan that is kept with the approval says which."""
    assert declaration().plan == ExecutionPlan()
    assert declaration().plan.attempts == 1
    careful = declaration(idempotent=True, run_timeout="2m").plan
    assert careful == ExecutionPlan(idempotent=True, run_timeout=timedelta(minutes=2))
    assert careful.attempts == 5


def test_a_stored_plan_is_read_back_the_same() -> None:
    """Open approvals are tried as they were planned."""
    plan = ExecutionPlan(idempotent=True, run_timeout=timedelta(days=1))
    assert ExecutionPlan.model_validate(plan.model_dump(mode="json")) == plan


def test_the_digest_covers_all_that_will_run() -> None:
    """Anybody can compute it: SHA-256 over this canonical JSON. It must not change between releases."""
    canonical = (
        f'{{"agent_id":"{AGENT}","approval_id":"{APPROVAL_ID}","declaration":"{DECLARATION}",'
        '"operation":{"parameters":{"notify":true},"resource_id":"42","resource_type":"user","type":"user.delete"}}'
    )
    assert hashlib.sha256(canonical.encode()).hexdigest() == DIGEST


@pytest.mark.parametrize(
    "change",
    [
        {"approval_id": OTHER_ID},
        {"agent_id": "other-agent"},
        {"declaration": "shop.operations:delete_user@2"},
        {"operation": other(type="user.erase")},
        {"operation": other(resource_type="customer")},
        {"operation": other(resource_id="43")},
        {"operation": other(parameters={"notify": 1})},
        {"operation": other(parameters={})},
    ],
    ids=str,
)
def test_any_other_run_has_another_digest(change: dict[str, Any]) -> None:
    """The same operation asked for twice, or by another agent, is approved separately."""
    same: dict[str, Any] = {
        "approval_id": APPROVAL_ID,
        "agent_id": AGENT,
        "operation": OPERATION,
        "declaration": DECLARATION,
    }
    assert operation_digest(**same) == DIGEST
    assert operation_digest(**{**same, **change}) != DIGEST


def test_the_same_content_is_recognised_when_it_comes_again() -> None:
    """Operation, reason and context make the content; the order of their keys does not."""
    first = content_digest(OPERATION, "Asked for.", {"a": 1, "b": [2]})
    assert content_digest(OPERATION.model_copy(), "Asked for.", {"b": [2], "a": 1.0}) == first
    assert content_digest(other(resource_id="43"), "Asked for.", {"a": 1, "b": [2]}) != first
    assert content_digest(OPERATION, "Asked for!", {"a": 1, "b": [2]}) != first
    assert content_digest(OPERATION, "Asked for.", {"a": 1, "b": ["2"]}) != first


def test_the_content_of_old_has_its_old_digest() -> None:
    """Submissions from before an agent could name a risk are recognised and verified for as long as they are open."""
    canonical = (
        '{"context":{"ticket":7},"operation":{"parameters":{"notify":true},"resource_id":"42","resource_type":"user",'
        '"type":"user.delete"},"reason":"Asked for."}'
    )
    old = hashlib.sha256(canonical.encode()).hexdigest()
    assert content_digest(OPERATION, "Asked for.", {"ticket": 7}) == old
    assert content_digest(OPERATION, "Asked for.", {"ticket": 7}, None) == old


def test_the_risk_that_an_agent_names_is_content() -> None:
    """Each level is another submission, and so is none; a context that uses the word is not mistaken for it."""
    digests = [content_digest(OPERATION, "Asked for.", {}, level) for level in (None, *RiskLevel)]
    assert len({*digests, content_digest(OPERATION, "Asked for.", {"risk_level": "low"})}) == 6
    canonical = (
        '{"context":{},"operation":{"parameters":{"notify":true},"resource_id":"42","resource_type":"user",'
        '"type":"user.delete"},"reason":"Asked for.","risk_level":"critical"}'
    )
    assert digests[-1] == hashlib.sha256(canonical.encode()).hexdigest()


OTHER_REQUEST: dict[str, Any] = {
    "approval_id": OTHER_ID,
    "agent_id": "other-agent",
    "agent_owner": None,
    "operation": other(parameters={}),
    "reason": "Asked for!",
    "context": {"ticket": 8},
    "digest": "0" * 64,
    "content_digest": "0" * 64,
    "idempotency_key": None,
    "submitted_at": SUBMITTED_AT + timedelta(microseconds=1),
    "risk_level": RiskLevel.LOW,
}


def test_a_request_is_signed_whole() -> None:
    """All that the API vouches for, in this order; the operation, the reason and the context as their digest."""
    content = content_digest(OPERATION, "Asked for.", {"ticket": 7})
    assert request(content_digest="c").signed_fields() == (
        "submit",
        APPROVAL_ID,
        AGENT,
        "ana",
        DIGEST,
        "c",
        "k-1",
        content,
        "1767323045000006",
    )


def test_every_field_of_a_request_is_looked_at() -> None:
    """A field that is added to requests is signed as well, or this fails. The digest covers the declaration."""
    assert {*OTHER_REQUEST, "declaration", "signature"} == set(ApprovalRequest.model_fields)


@pytest.mark.parametrize("field", OTHER_REQUEST)
def test_no_field_of_a_request_changes_unsigned(field: str) -> None:
    """A workflow that is started with anything else proves nothing."""
    signature = KEYS.sign(request().signed_fields())
    assert KEYS.verify(request(signature=signature).signed_fields(), signature)
    assert not KEYS.verify(request(**{field: OTHER_REQUEST[field]}).signed_fields(), signature)


def test_the_risk_that_an_agent_names_is_signed() -> None:
    """It can neither be added, taken away nor changed on the way."""
    fields = [request(risk_level=level).signed_fields() for level in (None, *RiskLevel)]
    for number, signed in enumerate(fields):
        signature = KEYS.sign(signed)
        assert [KEYS.verify(each, signature) for each in fields] == [each == number for each in range(5)]


@pytest.mark.parametrize("level", ["severe", "HIGH", 3, ""])
def test_an_agent_names_a_level_that_exists(level: object) -> None:
    """Anything else is no request."""
    with pytest.raises(ValidationError, match="risk_level"):
        request(risk_level=level)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, -(2**53), "\ud800"])
def test_a_request_that_has_no_digest_is_refused(value: object) -> None:
    """What cannot be written as canonical JSON, in the parameters or in the context, is no request."""
    with pytest.raises(ValidationError):
        request(context={"facts": [value]})
    with pytest.raises(ValidationError):
        request(operation=Operation(type="a", resource_type="b", parameters={"facts": [value]}))


def test_a_request_survives_the_way_through_temporal() -> None:
    """Its signature still fits after it was written as JSON and read again."""
    sent = request(context={"ticket": 7, "rate": 1e21, "name": "€😀"}, risk_level="high")
    signed = sent.model_copy(update={"signature": KEYS.sign(sent.signed_fields())})
    received = ApprovalRequest.model_validate_json(signed.model_dump_json())
    assert received == signed
    assert isinstance(received.signature, Signature)
    assert KEYS.verify(received.signed_fields(), received.signature)
