"""What happens while a page is open, as server-sent events: one stream a page, one computation for all of them."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from assent.models import ApprovalStatus
from dashboard.screen import Screen, ScreenDep
from dashboard.session import session_of
from dashboard.views.words import became, standing_key
from services.live import News

router = APIRouter()

# A session that is ended somewhere else hears nothing more after this time.
CHECKED_EVERY = timedelta(seconds=20)
_PING_SECONDS = 60
_POSITION = re.compile(r"[0-9]{1,18}")

Position = Annotated[int | None, Query(ge=0, lt=2**63)]


@router.get("/live")
async def live(
    screen: ScreenDep, after: Position = None, last_event_id: Annotated[str, Header()] = ""
) -> EventSourceResponse:
    """Send the news since a position in the log: how many wait, what arrived, what was decided, what stands."""
    # Whoever was cut off says what they heard last; that is later than what their page began with.
    heard = int(last_event_id) if _POSITION.fullmatch(last_event_id) else None
    return EventSourceResponse(_events(screen, after if heard is None else heard), ping=_PING_SECONDS)


async def _events(screen: Screen, after: int | None) -> AsyncIterator[ServerSentEvent]:
    checked_at = screen.now
    async for news in screen.services.live.follow(after):
        if news.at - checked_at >= CHECKED_EVERY:
            checked_at = news.at
            if await session_of(screen.request, used=False) is None:
                yield ServerSentEvent(event="assent:signed-out", data="")
                return
        yield ServerSentEvent(event="assent:news", data=_written(news), id=str(news.summary.position))


def _written(news: News) -> str:
    next_expires_at = news.summary.next_expires_at
    return json.dumps(
        {
            "now": news.at.isoformat(),
            "waiting": news.summary.waiting,
            "capped": news.summary.capped,
            "next": None if next_expires_at is None else next_expires_at.isoformat(),
            "standing": standing_key(news.standing),
            "arrived": [each.id for each in news.changed if each.arrived and each.status is ApprovalStatus.PENDING],
            "changed": [
                {
                    "id": each.id,
                    "open": each.status is ApprovalStatus.PENDING,
                    "words": became(each.status, each.decided_by),
                }
                for each in news.changed
            ],
            "missed": news.missed,
        }
    )
