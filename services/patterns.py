"""Trusted patterns: made, changed, suspended and tried on the history, each change by somebody who may."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

import uuid6

from assent.models import Role
from assent.policy_models import (
    Backtest,
    NewStatus,
    NewTrustedPattern,
    PatternChange,
    PatternList,
)
from assent.policy_models import TrustedPattern as PatternView
from domain.backtest import BacktestRun, PastApproval
from domain.clock import Clock
from domain.conditions import Circumstances
from domain.errors import InvalidPatternError, RoleNotAllowedError
from domain.operation import OperationDeclaration
from domain.pattern_changes import (
    changed_pattern,
    check_condition,
    check_not_own,
    new_pattern,
    warnings_of,
    widens,
)
from domain.patterns import TrustedPattern
from domain.policy import Policy
from domain.principal import Principal
from storage.backtest_reads import BacktestReads
from storage.keys import KeyStore
from storage.patterns import PatternStore, UsedPattern

MAX_HISTORY = 100_000

_DRAFT = "draft"
_SUSPENDING = frozenset({"status"})


class TrustedPatterns:
    """Trusted patterns as a caller may see and change them."""

    def __init__(
        self,
        store: PatternStore,
        keys: KeyStore,
        history: BacktestReads,
        declarations: Mapping[str, OperationDeclaration],
        clock: Clock,
    ) -> None:
        """Take the stored patterns, the keys, the history, the declared operations and the clock."""
        self._store = store
        self._keys = keys
        self._history = history
        self._declarations = declarations
        self._clock = clock
        self._one_backtest = asyncio.Semaphore(1)

    async def create(self, principal: Principal, wanted: NewTrustedPattern) -> PatternView:
        """Make a pattern. Raises RoleNotAllowedError, InvalidPatternError, BroadPatternError or OwnPatternError."""
        _check_admin(principal, "make trusted patterns")
        return await asyncio.to_thread(self.make, principal, wanted)

    def make(self, principal: Principal, wanted: NewTrustedPattern) -> PatternView:
        """Make a pattern for somebody who may. Raises InvalidPatternError, BroadPatternError or OwnPatternError."""
        pattern = new_pattern(wanted, pattern_id=str(uuid6.uuid7()), by=principal, now=self._clock())
        check_not_own(pattern, principal, self._keys.agents())
        self._store.add(pattern)
        return self._view(UsedPattern(pattern=pattern))

    async def all(self, principal: Principal) -> PatternList:
        """Return every pattern, the newest first. Raises RoleNotAllowedError."""
        _check_reader(principal)
        return await asyncio.to_thread(self._all)

    async def get(self, principal: Principal, pattern_id: str) -> PatternView:
        """Return one pattern. Raises RoleNotAllowedError or PatternNotFoundError."""
        _check_reader(principal)
        return await asyncio.to_thread(self._get, pattern_id)

    async def revisions(self, principal: Principal, pattern_id: str) -> PatternList:
        """Return every revision of a pattern, the oldest first. Raises RoleNotAllowedError or PatternNotFoundError."""
        _check_reader(principal)
        return await asyncio.to_thread(self._revisions, pattern_id)

    async def change(
        self, principal: Principal, pattern_id: str, change: PatternChange, *, of_revision: int | None = None
    ) -> PatternView:
        """Make the next revision. A reviewer may suspend, and nothing else.

        `of_revision`: the one that the change was made of, when no other may have come since. Raises
        RoleNotAllowedError, PatternNotFoundError, InvalidPatternError, BroadPatternError or OwnPatternError.
        """
        suspends = change.model_fields_set == _SUSPENDING and change.status is NewStatus.SUSPENDED
        if not (suspends and principal.may_decide):
            _check_admin(principal, "change trusted patterns; a reviewer may only suspend one")
        return await asyncio.to_thread(self._change, principal, pattern_id, change, of_revision)

    async def delete(self, principal: Principal, pattern_id: str) -> None:
        """Take a pattern out of force for good. Raises RoleNotAllowedError or PatternNotFoundError."""
        _check_admin(principal, "delete trusted patterns; a reviewer may suspend one")
        await asyncio.to_thread(self._store.remove, pattern_id, by=str(principal), at=self._clock())

    def check_maker(self, principal: Principal) -> None:
        """Raise RoleNotAllowedError unless this role makes trusted patterns."""
        _check_admin(principal, "make trusted patterns")

    async def check(self, principal: Principal, wanted: NewTrustedPattern) -> PatternView:
        """Return the pattern that would be made, taken to be meant as broad as it is; store nothing.

        Raises RoleNotAllowedError, InvalidPatternError or OwnPatternError.
        """
        self.check_maker(principal)

        def checked() -> PatternView:
            draft = self._draft(wanted, principal)
            check_not_own(draft, principal, self._keys.agents())
            return self._view(UsedPattern(pattern=draft))

        return await asyncio.to_thread(checked)

    async def check_change(self, principal: Principal, pattern_id: str, change: PatternChange) -> PatternView:
        """Return the revision that `change` would make, taken to be meant as broad as it is; store nothing.

        Raises RoleNotAllowedError, PatternNotFoundError, InvalidPatternError or OwnPatternError.
        """
        self.check_maker(principal)
        meant = PatternChange.model_validate(change.model_dump(exclude_unset=True) | {"broad": True})

        def checked() -> PatternView:
            old = self._store.get(pattern_id, today=self._clock()).pattern
            new = _next(old, meant, principal, self._keys.agents(), self._clock())
            return self._view(UsedPattern(pattern=new))

        return await asyncio.to_thread(checked)

    async def check_condition(self, principal: Principal, text: str) -> None:
        """Raise InvalidPatternError unless `text` is a condition, or RoleNotAllowedError."""
        self.check_maker(principal)
        await asyncio.to_thread(check_condition, text)

    async def backtest(self, principal: Principal, wanted: NewTrustedPattern) -> Backtest:
        """Return what a draft would have let through. Raises RoleNotAllowedError or InvalidPatternError."""
        _check_reader(principal)
        # One at a time in a process: it computes for seconds, and others want to be answered meanwhile.
        async with self._one_backtest:
            return await asyncio.to_thread(self.run_backtest, wanted)

    def run_backtest(self, wanted: NewTrustedPattern) -> Backtest:
        """Try a draft on the newest approvals, as if nobody owned any of the agents. Raises InvalidPatternError."""
        draft = self._draft(wanted, Principal(name="", role=Role.ADMIN))
        policy = Policy(self._declarations)

        def circumstances_of(approval: PastApproval) -> Circumstances:
            return policy.circumstances(
                approval.operation,
                agent_id=approval.agent_id,
                agent_owner=approval.agent_owner,
                context=approval.context,
                now=approval.created_at,
            )

        run = BacktestRun(draft, circumstances_of)
        history = self._history.history(MAX_HISTORY)
        if history.begins is not None:
            for page in self._history.pages(draft, history.begins):
                run.take(page)
                # Let the event loop's thread have a turn before its own would come.
                time.sleep(0)
        return run.result(history.size)

    def _draft(self, wanted: NewTrustedPattern, by: Principal) -> TrustedPattern:
        confirmed = wanted.model_copy(update={"broad": True})
        return new_pattern(confirmed, pattern_id=_DRAFT, by=by, now=self._clock())

    def _all(self) -> PatternList:
        return PatternList(items=[self._view(each) for each in self._store.all(today=self._clock())])

    def _get(self, pattern_id: str) -> PatternView:
        return self._view(self._store.get(pattern_id, today=self._clock()))

    def _revisions(self, pattern_id: str) -> PatternList:
        return PatternList(items=[self._view(UsedPattern(pattern=each)) for each in self._store.revisions(pattern_id)])

    def _change(
        self, principal: Principal, pattern_id: str, change: PatternChange, of_revision: int | None
    ) -> PatternView:
        now = self._clock()
        agents = self._keys.agents()

        def make(old: TrustedPattern) -> TrustedPattern:
            if of_revision not in {None, old.revision}:
                by = old.changed_by.partition(":")[2]
                message = f"This pattern was changed by {by} while you had it open. Open it again, and change it there."
                raise InvalidPatternError(message)
            return _next(old, change, principal, agents, now)

        self._store.change(pattern_id, make)
        return self._get(pattern_id)

    def _view(self, used: UsedPattern) -> PatternView:
        pattern = used.pattern
        shown = pattern.model_dump(exclude={"suspended", "authors", "max_risk"})
        return PatternView(
            **shown,
            max_risk=pattern.allowed_risk,
            status=pattern.status_at(self._clock()),
            broad=pattern.broad,
            trusts_claims=pattern.trusts_claims,
            matched=used.matched,
            matched_today=used.matched_today,
            summed_today=used.summed_today,
            last_matched_at=used.last_matched_at,
            warnings=warnings_of(pattern, self._declarations),
        )


def _next(
    old: TrustedPattern, change: PatternChange, by: Principal, agents: Iterable[tuple[str, str | None]], now: datetime
) -> TrustedPattern:
    new = changed_pattern(old, change, by=by, now=now)
    if widens(old, new):
        check_not_own(new, by, agents)
    return new


def _check_admin(principal: Principal, what: str) -> None:
    if principal.role is not Role.ADMIN:
        message = f"The role {principal.role.value} does not {what}. Ask an admin."
        raise RoleNotAllowedError(message)


def _check_reader(principal: Principal) -> None:
    if not principal.reads_all:
        message = "An agent's key does not read trusted patterns. Use a reviewer's, an admin's or an auditor's."
        raise RoleNotAllowedError(message)
