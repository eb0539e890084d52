"""What `assent dev` prints once everything runs: where to look, with which keys, and a first request to paste."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assent.models import CreatedKey, Role

AGENT_KEY_VARIABLE = "ASSENT_AGENT_KEY"
REVIEWER_KEY_VARIABLE = "ASSENT_REVIEWER_KEY"

_REQUEST = {
    "operation": {"type": "user.delete", "resource_type": "user", "resource_id": "42"},
    "reason": "The customer asked for erasure.",
}
_DECISION = {"outcome": "approve", "comment": "Checked with the customer.", "digest": "DIGEST"}


@dataclass(frozen=True)
class Place:
    """Where this start can be reached. `new_key_command` makes another key when typed in a shell."""

    api_url: str
    temporal_ui_url: str | None
    data_dir: Path
    new_key_command: str


def banner(place: Place, created: Sequence[CreatedKey]) -> str:
    """Return the whole text. `created` are the keys made by this start: none, but on the first one."""
    key_of = {key.role: key.key for key in created}
    ask = _curl(f"{place.api_url}/v1/approvals", key_of.get(Role.AGENT), AGENT_KEY_VARIABLE, _REQUEST)
    decisions = f"{place.api_url}/v1/approvals/ID/decisions"
    decide = _curl(decisions, key_of.get(Role.REVIEWER), REVIEWER_KEY_VARIABLE, _DECISION)
    return "\n".join(
        (
            "",
            "Assent is ready. Ctrl-C stops it.",
            "",
            f"  API docs     {place.api_url}/docs",
            f"  Temporal UI  {place.temporal_ui_url or 'unknown; set ASSENT_TEMPORAL_UI_URL to have links to it'}",
            f"  Data         {place.data_dir}",
            "",
            *(_new_keys(created, place) if created else _known_keys(place)),
            "",
            "Ask for an operation, as the agent:",
            "",
            ask,
            "",
            "Approve it, as the reviewer; the answer above has what to write for ID and DIGEST:",
            "",
            decide,
            "",
        )
    )


def _new_keys(created: Sequence[CreatedKey], place: Place) -> list[str]:
    return [
        "Keys, shown this once:",
        *(f"  {key.role.value:<11}  {key.key}" for key in created),
        f"  more by      {place.new_key_command}",
    ]


def _known_keys(place: Place) -> list[str]:
    return [
        f"The keys were shown on the first start. Put the agent's in ${AGENT_KEY_VARIABLE}",
        f"and the reviewer's in ${REVIEWER_KEY_VARIABLE}, or make new ones by",
        f"  {place.new_key_command}",
    ]


def _curl(url: str, key: str | None, variable: str, body: object) -> str:
    """Return one line for a shell. Without `key`, the shell takes it from the environment's `variable`."""
    header = shlex.quote(f"Authorization: Bearer {key}") if key else f'"Authorization: Bearer ${variable}"'
    words = ("curl -sS -X POST", url, "-H", header, "-H 'Content-Type: application/json' -d", _quoted(body))
    return " ".join(words)


def _quoted(body: object) -> str:
    return shlex.quote(json.dumps(body))
