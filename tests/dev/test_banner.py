"""The banner: the way into the dashboard first, lines that work when pasted, and secrets that are shown once."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

from assent.models import CreatedKey, Role, Submission
from dev.banner import Commands, Place, banner
from services.first_run import Welcome

PLACE = Place(
    dashboard_url="https://assent.example.com",
    api_url="http://127.0.0.1:8000",
    temporal_ui_url="http://127.0.0.1:8233",
    data_dir=Path("/srv/.assent"),
)
COMMANDS = Commands("assent keys add NAME --role agent", "assent people add NAME", "assent people password admin")


def key(role: Role) -> CreatedKey:
    return CreatedKey(
        id=role.value, name=role.value, role=role, created_at=datetime.now(UTC), created_by="x", key=f"asn_{role}_k"
    )


FIRST = Welcome([key(Role.AGENT), key(Role.REVIEWER)], password="k7m2q-9xw4t", link="t0ken")  # noqa: S106  nobody's
LATER = Welcome(link="t0ken")


def told(welcome: Welcome) -> str:
    return banner(PLACE, welcome, COMMANDS)


def curl_lines(text: str) -> list[list[str]]:
    """Return the words that a shell makes of each curl line."""
    return [shlex.split(line) for line in text.splitlines() if line.startswith("curl ")]


def test_first_start_shows_the_way_to_the_first_decision() -> None:
    """In the order in which it is needed: open the dashboard, ask, decide."""
    text = told(FIRST)
    steps = [
        "https://assent.example.com\n",
        "https://assent.example.com/sign-in/t0ken   (once, within 15 minutes)",
        "or as admin with the password k7m2q-9xw4t   (shown this once)",
        "curl ",
        "Then decide it in the dashboard.",
    ]
    assert sorted(steps, key=text.index) == steps


def test_first_start_shows_the_keys_and_where_to_look() -> None:
    """Everything that a first try needs is on one screen."""
    text = told(FIRST)
    for needed in ("http://127.0.0.1:8000/docs", "http://127.0.0.1:8233", "/srv/.assent", "shown this once"):
        assert needed in text
    assert "  agent        asn_agent_k" in text
    assert "  reviewer     asn_reviewer_k" in text
    assert COMMANDS.new_key in text


def test_request_works_when_pasted() -> None:
    """The line submits, as the agent, what the API accepts."""
    (ask,) = curl_lines(told(FIRST))
    assert ask[:5] == ["curl", "-sS", "-X", "POST", "http://127.0.0.1:8000/v1/approvals"]
    assert "Authorization: Bearer asn_agent_k" in ask
    assert "Content-Type: application/json" in ask
    submission = Submission.model_validate(json.loads(ask[-1]))
    assert (submission.operation.type, submission.operation.resource_id) == ("user.delete", "42")


def test_later_starts_take_the_keys_from_the_environment() -> None:
    """A key is never shown again: the line takes it from a variable, and the text says how to make another."""
    text = told(LATER)
    assert "asn_" not in text
    assert "The keys were shown on the first start." in text
    assert COMMANDS.new_key in text
    (ask,) = (line for line in text.splitlines() if line.startswith("curl "))
    assert '-H "Authorization: Bearer $ASSENT_AGENT_KEY"' in ask


def test_later_starts_have_a_link_and_no_password() -> None:
    """The text says how to get another password."""
    text = told(LATER)
    assert "https://assent.example.com/sign-in/t0ken" in text
    assert "or as admin with its password; a new one by  assent people password admin" in text


def test_without_the_first_person_the_banner_says_how_to_add_one() -> None:
    """Nobody is shown a link that lets nobody in."""
    text = told(Welcome())
    assert "/sign-in/" not in text
    assert COMMANDS.new_person in text
