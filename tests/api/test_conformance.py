"""Requests made from the served OpenAPI document, right and wrong ones: every answer is one that it describes."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assent.models import NewKey, Role
from tests.support.stack import Stack, beating

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = 6
CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DECLARED = {"type": "note.low", "resource_type": "note", "parameters": {}}


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("by", ["admin", "agent"])
async def test_every_answer_is_described(served: Stack, by: str, mode: GenerationMode) -> None:
    """Never a 5xx, and status, type, headers and body as documented, for requests that keep to it and that do not."""
    spare = f"spare-{by}-{mode.value}"
    served.add_key(NewKey(name=spare, role=Role.AUDITOR))
    ended = await served.pending()
    await served.decide(ended, "reject")
    there = {"approval_id": ended["id"], "key_id": served.key_ids[spare]}
    document = await asyncio.to_thread(schemathesis.openapi.from_url, f"{served.http.base_url}/openapi.json")
    tried = []
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not operation.path.startswith("/v1/"):
            continue  # there is no wrong way to ask for one's health
        tried.append(operation.label)
        async with beating(served):
            await asyncio.to_thread(_try, operation, mode, served.bearer(by), there)
        await _resume_everything(served)
    assert len(tried) == (25 if mode is GenerationMode.POSITIVE else 23)


async def _resume_everything(served: Stack) -> None:
    """A pause that was made on the way would turn the next submissions into a 503."""
    pauses = await served.get("/v1/pauses")
    for pause in pauses.json()["items"]:
        scope = {name: pause[name] for name in ("agent_id", "operation_type")}
        resumed = await served.http.post("/v1/resume", headers=served.bearer("admin"), json=scope)
        assert resumed.is_success, resumed.text


def _try(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, headers: dict[str, str], there: dict[str, str]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), lead_on=st.booleans())
    def answers_as_described(case: Case[Any], *, lead_on: bool) -> None:
        if lead_on and mode is GenerationMode.POSITIVE:
            _make_it_about(case, there)
        case.call_and_validate(headers=headers, checks=CONFORMS, timeout=20)

    answers_as_described()


def _make_it_about(case: Case[Any], there: dict[str, str]) -> None:
    """Let a right request be about what exists: made-up ids and types would lead to refusals alone."""
    parameters: dict[str, Any] = case.path_parameters or {}
    parameters.update({name: there[name] for name in parameters.keys() & there.keys()})
    body: Any = case.body
    if isinstance(body, dict) and "operation" in body:
        body["operation"] |= DECLARED
