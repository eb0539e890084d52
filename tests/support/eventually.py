"""Wait for what happens by itself, with a deadline and a failure that says what was seen instead."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")

WITHIN_SECONDS = 10.0
EVERY_SECONDS = 0.05


@overload
async def eventually(
    what: str,
    look: Callable[[], Coroutine[Any, Any, T]],
    *,
    until: Callable[[T], object] = ...,
    within: float = ...,
    despite: tuple[type[Exception], ...] = ...,
) -> T: ...


@overload
async def eventually(
    what: str,
    look: Callable[[], T],
    *,
    until: Callable[[T], object] = ...,
    within: float = ...,
    despite: tuple[type[Exception], ...] = ...,
) -> T: ...


async def eventually(
    what: str,
    look: Callable[[], Any],
    *,
    until: Callable[[Any], object] = bool,
    within: float = WITHIN_SECONDS,
    despite: tuple[type[Exception], ...] = (),
) -> Any:
    """Look again and again until `until` holds for what was seen, and return that.

    `look` may be a coroutine function. Its exceptions named in `despite` count as not yet. AssertionError, which names
    `what` and the last sight, when `within` seconds were not enough; a look that hangs is cut off then, too.
    """
    last = "nothing"
    deadline = asyncio.timeout(within)
    try:
        async with deadline:
            while True:
                try:
                    looked = look()
                    seen = await looked if inspect.isawaitable(looked) else looked
                    if until(seen):
                        return seen
                    last = repr(seen)
                except despite as error:
                    last = repr(error)
                await asyncio.sleep(EVERY_SECONDS)
    except TimeoutError:
        if not deadline.expired():
            raise
        raise _not_in_time(what, within, last) from None


def wait_until(
    what: str,
    look: Callable[[], T],
    *,
    until: Callable[[T], object] = bool,
    within: float = WITHIN_SECONDS,
    despite: tuple[type[Exception], ...] = (),
) -> T:
    """Do as `eventually` does where there is no event loop."""
    deadline = time.monotonic() + within
    while True:
        try:
            seen = look()
            if until(seen):
                return seen
            last = repr(seen)
        except despite as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise _not_in_time(what, within, last)
        time.sleep(EVERY_SECONDS)


def _not_in_time(what: str, within: float, last: str) -> AssertionError:
    return AssertionError(f"Not within {within:g} s: {what}. Last seen: {last}")
