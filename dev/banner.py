"""What `assent dev` prints once everything runs: where to decide, with which keys, and a first request to paste."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assent.models import CreatedKey, Role
from domain.people import FIRST_PERSON
from services.first_run import Welcome

AGENT_KEY_VARIABLE = "ASSENT_AGENT_KEY"
REVIEWER_KEY_VARIABLE = "ASSENT_REVIEWER_KEY"

_REQUEST = {
    "operation": {"type": "user.delete", "resource_type": "user", "resource_id": "42"},
    "reason": "The customer asked for erasure.",
}


@dataclass(frozen=True)
class Commands:
    """What to type in a shell for another key, another person, and another password of the first person."""

    new_key: str
    new_person: str
    new_password: str


@dataclass(frozen=True)
class Place:
    """Where this start can be reached. `dashboard_url` is what people open, `api_url` what this machine calls."""

    dashboard_url: str
    api_url: str
    temporal_ui_url: str | None
    data_dir: Path


def banner(place: Place, welcome: Welcome, commands: Commands) -> str:
    """Return the whole text."""
    agent_key = next((key.key for key in welcome.keys if key.role is Role.AGENT), None)
    return "\n".join(
        (
            "",
            "Assent is ready. Ctrl-C stops it.",
            "",
            f"  Dashboard    {place.dashboard_url}",
            *_ways_in(place, welcome, commands),
            f"  API docs     {place.api_url}/docs",
            f"  Temporal UI  {place.temporal_ui_url or 'unknown; set ASSENT_TEMPORAL_UI_URL to have links to it'}",
            f"  Data         {place.data_dir}",
            "",
            *(_new_keys(welcome.keys, commands) if welcome.keys else _known_keys(commands)),
            "",
            "Ask for an operation, as the agent, in another terminal:",
            "",
            _curl(f"{place.api_url}/v1/approvals", agent_key, AGENT_KEY_VARIABLE, _REQUEST),
            "",
            "Then decide it in the dashboard.",
            "",
        )
    )


def _ways_in(place: Place, welcome: Welcome, commands: Commands) -> list[str]:
    if welcome.link is None:
        return [
            "  Sign in      with your name and password, or add a person by",
            f"               {commands.new_person}",
        ]
    return [
        f"  Sign in by   {place.dashboard_url}/sign-in/{welcome.link}   (once, within 15 minutes)",
        f"               or as {FIRST_PERSON} with the password {welcome.password}   (shown this once)"
        if welcome.password is not None
        else f"               or as {FIRST_PERSON} with its password; a new one by  {commands.new_password}",
    ]


def _new_keys(keys: Sequence[CreatedKey], commands: Commands) -> list[str]:
    return [
        "Keys for programs, shown this once:",
        *(f"  {key.role.value:<11}  {key.key}" for key in keys),
        f"  more by      {commands.new_key}",
    ]


def _known_keys(commands: Commands) -> list[str]:
    return [
        f"The keys were shown on the first start. Put the agent's in ${AGENT_KEY_VARIABLE}",
        f"and the reviewer's in ${REVIEWER_KEY_VARIABLE}, or make new ones by",
        f"  {commands.new_key}",
    ]


def _curl(url: str, key: str | None, variable: str, body: object) -> str:
    """Return one line for a shell. Without `key`, the shell takes it from the environment's `variable`."""
    header = shlex.quote(f"Authorization: Bearer {key}") if key else f'"Authorization: Bearer ${variable}"'
    words = ("curl -sS -X POST", url, "-H", header, "-H 'Content-Type: application/json' -d", _quoted(body))
    return " ".join(words)


def _quoted(body: object) -> str:
    return shlex.quote(json.dumps(body))
