"""The banner: lines that work when pasted, and keys that are shown once."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

from assent.models import CreatedKey, DecisionRequest, Role, Submission
from dev.banner import Place, banner

PLACE = Place(
    api_url="http://127.0.0.1:8000",
    temporal_ui_url="http://127.0.0.1:8233",
    data_dir=Path("/srv/.assent"),
    new_key_command="assent keys add NAME --role agent",
)


def key(role: Role) -> CreatedKey:
    return CreatedKey(
        id=role.value, name=role.value, role=role, created_at=datetime.now(UTC), created_by="x", key=f"asn_{role}_k"
    )


CREATED = [key(Role.AGENT), key(Role.REVIEWER)]


def curl_lines(text: str) -> list[list[str]]:
    """Return the words that a shell makes of each curl line."""
    return [shlex.split(line) for line in text.splitlines() if line.startswith("curl ")]


def test_first_start_shows_the_keys_and_where_to_look() -> None:
    """Everything that a first try needs is on one screen."""
    text = banner(PLACE, CREATED)
    for needed in ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8233", "/srv/.assent", "shown this once"):
        assert needed in text
    assert "  agent        asn_agent_k" in text
    assert "  reviewer     asn_reviewer_k" in text


def test_request_works_when_pasted() -> None:
    """The line submits, as the agent, what the API accepts."""
    ask, _ = curl_lines(banner(PLACE, CREATED))
    assert ask[:5] == ["curl", "-sS", "-X", "POST", "http://127.0.0.1:8000/v1/approvals"]
    assert "Authorization: Bearer asn_agent_k" in ask
    assert "Content-Type: application/json" in ask
    submission = Submission.model_validate(json.loads(ask[-1]))
    assert (submission.operation.type, submission.operation.resource_id) == ("user.delete", "42")


def test_decision_works_with_id_and_digest_put_in() -> None:
    """The line approves, as the reviewer, once the two words are replaced."""
    _, decide = curl_lines(banner(PLACE, CREATED).replace("DIGEST", "0" * 64))
    assert decide[4] == "http://127.0.0.1:8000/v1/approvals/ID/decisions"
    assert "Authorization: Bearer asn_reviewer_k" in decide
    decision = DecisionRequest.model_validate(json.loads(decide[-1]))
    assert (decision.outcome, decision.digest) == ("approve", "0" * 64)


def test_later_starts_take_the_keys_from_the_environment() -> None:
    """A key is never shown again: the lines take it from a variable, and the text says how to make another."""
    text = banner(PLACE, [])
    assert "asn_" not in text
    assert "The keys were shown on the first start." in text
    assert PLACE.new_key_command in text
    ask, decide = (line for line in text.splitlines() if line.startswith("curl "))
    assert '-H "Authorization: Bearer $ASSENT_AGENT_KEY"' in ask
    assert '-H "Authorization: Bearer $ASSENT_REVIEWER_KEY"' in decide
