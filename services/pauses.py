"""Pausing: an admin holds everything, one agent or one operation type back, and resumes it."""

import asyncio
from collections.abc import Callable

import uuid6

from assent.models import NewPause, Pause, PauseScope, Role
from domain.clock import Clock
from domain.errors import PausedError, RoleNotAllowedError
from domain.pauses import pause_on, paused_sentence
from domain.principal import Principal
from storage.pauses import PauseStore

RETRY_AFTER_SECONDS = 60
"""A person has paused and a person will resume: asking again sooner would not help."""


class Pauses:
    """Pauses as a caller may see and change them."""

    def __init__(self, store: PauseStore, clock: Clock, *, changed: Callable[[], None]) -> None:
        """Take the stored pauses, the clock, and whom to tell when a pause began or ended here."""
        self._store = store
        self._clock = clock
        self._changed = changed

    async def pause(self, principal: Principal, wanted: NewPause) -> Pause:
        """Refuse new submissions of a scope, and hold what is approved.

        Raises RoleNotAllowedError or AlreadyPausedError.
        """
        _check_admin(principal, "pause")
        pause = Pause(
            id=str(uuid6.uuid7()),
            agent_id=wanted.agent_id,
            operation_type=wanted.operation_type,
            reason=wanted.reason,
            started_by=str(principal),
            started_at=self._clock(),
        )
        await asyncio.to_thread(self._store.start, pause)
        self._changed()
        return pause

    async def resume(self, principal: Principal, scope: PauseScope) -> Pause:
        """End the pause of exactly this scope and return it. Raises RoleNotAllowedError or PauseNotFoundError."""
        _check_admin(principal, "resume")
        ended = await asyncio.to_thread(self._store.end, scope, by=str(principal), at=self._clock())
        self._changed()
        return ended

    async def active(self, principal: Principal) -> list[Pause]:
        """Return the pauses in force, the oldest first, to people. Raises RoleNotAllowedError."""
        if not principal.reads_all:
            message = (
                "An agent does not list pauses: one that concerns it is told when it submits, and in its approvals."
            )
            raise RoleNotAllowedError(message)
        return await asyncio.to_thread(self._store.active)

    async def check(self, agent_id: str, operation_type: str) -> None:
        """Raise PausedError when a new submission of this agent and type is held back."""
        pause = pause_on(await asyncio.to_thread(self._store.active), agent_id, operation_type)
        if pause is not None:
            message = f"Nothing was stored. Try again later: {paused_sentence(pause)}"
            raise PausedError(message, retry_after=RETRY_AFTER_SECONDS)


def _check_admin(principal: Principal, what: str) -> None:
    if principal.role is not Role.ADMIN:
        message = f"The role {principal.role.value} does not {what}. Ask an admin."
        raise RoleNotAllowedError(message)
