"""Waiting until the API says that everything it needs is there."""

import asyncio
from collections.abc import Callable

import httpx2

LOOK_AGAIN_SECONDS = 0.1
SILENT_SECONDS = 5.0


async def until_ready(url: str, say: Callable[[str], None]) -> None:
    """Return once `url` answers 200; meanwhile `say` what it waits for, every few seconds."""
    loop = asyncio.get_running_loop()
    started = said = loop.time()
    # The way to this machine's own port leads through no proxy.
    async with httpx2.AsyncClient(trust_env=False, timeout=SILENT_SECONDS) as client:
        while (obstacle := await _obstacle(client, url)) is not None:
            if loop.time() - said >= SILENT_SECONDS:
                said = loop.time()
                say(f"Not ready after {said - started:.0f} s: {obstacle}")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _obstacle(client: httpx2.AsyncClient, url: str) -> str | None:
    """Return a sentence on what is missing, None when nothing is."""
    try:
        answer = await client.get(url)
    except httpx2.HTTPError:
        return "the API does not answer yet."
    if answer.status_code == httpx2.codes.OK:
        return None
    try:
        return " ".join(f"{check['name']}: {check['detail']}" for check in answer.json()["checks"] if not check["ok"])
    except (ValueError, LookupError, TypeError):
        return f"the API answers {answer.status_code}."
