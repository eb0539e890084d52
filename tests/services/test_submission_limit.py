"""An agent gone wild is told to slow down; nobody else notices."""

import asyncio
import uuid
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client

from domain.errors import TooManySubmissionsError
from services.submission_limit import SubmissionLimit
from tests.support.stack import make_settings, open_stack


class Hands:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def taken(limit: SubmissionLimit, name: str, times: int) -> int:
    """Return how many of `times` submissions are allowed."""
    allowed = 0
    for _ in range(times):
        try:
            limit.take(name)
        except TooManySubmissionsError:
            continue
        allowed += 1
    return allowed


def test_a_minutes_worth_at_once_then_evenly() -> None:
    """60 a minute: sixty at once, then one a second, and never more than sixty saved up."""
    hands = Hands()
    limit = SubmissionLimit(60, hands)
    assert taken(limit, "agent", 100) == 60
    hands.seconds += 1
    assert taken(limit, "agent", 100) == 1
    hands.seconds += 10
    assert taken(limit, "agent", 100) == 10
    hands.seconds += 3600
    assert taken(limit, "agent", 100) == 60


def test_each_key_has_its_own() -> None:
    """One key's flood leaves another's submissions alone."""
    limit = SubmissionLimit(10, Hands())
    assert taken(limit, "wild", 50) == 10
    assert taken(limit, "calm", 10) == 10


def test_the_refusal_says_when_to_come_back() -> None:
    """The sentence names the limit and the seconds to wait."""
    limit = SubmissionLimit(2, Hands())
    assert taken(limit, "agent", 2) == 2
    with pytest.raises(TooManySubmissionsError, match=r"more than 2 operations in a minute.* in 30 s"):
        limit.take("agent")


def test_keys_that_have_gone_quiet_are_forgotten() -> None:
    """Ten thousand names that rest take no memory; one that is over its limit is not let off."""
    hands = Hands()
    limit = SubmissionLimit(1, hands)
    assert taken(limit, "wild", 2) == 1
    for number in range(10_001):
        limit.take(f"agent-{number}")
        hands.seconds += 0.001
    assert taken(limit, "wild", 1) == 0


async def test_a_flood_is_answered_with_429(temporal_client: Client, sqlite_url: str, tmp_path: Path) -> None:
    """With Retry-After; another agent's submission goes through, and nothing of the refused ones is stored."""
    settings = make_settings(tmp_path, sqlite_url, f"assent-{uuid.uuid4()}")
    settings = settings.model_copy(update={"submissions_per_minute": 5})
    async with open_stack(settings, temporal_client) as stack:
        answers = await asyncio.gather(*(stack.submit() for _ in range(8)))
        refused = [answer for answer in answers if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS]
        assert len(refused) == 3
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert refused[0].json()["type"] == "/problems/too-many-submissions"
        assert (await stack.submit(by="other-agent")).status_code == httpx2.codes.ACCEPTED
