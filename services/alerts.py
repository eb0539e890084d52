"""Sending alerts: what one worker does about all that are due, beside its tasks."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from domain.alerts import DueAlert, delay_after
from domain.clock import Clock
from domain.errors import StorageUnavailableError
from services.alert_receiver import AlertReceiver, UndeliveredError
from storage.alerts import AlertStore

EVERY_SECONDS = 1.0
AT_ONCE = 16
# Longer than a look-up and a POST may take together: nobody else sends an alert that is being sent.
LEASE = timedelta(seconds=30)
GIVE_UP_EVERY = timedelta(minutes=1)

_log = structlog.get_logger(__name__)


class AlertResult(StrEnum):
    """What became of an attempt; of an alert that said nothing any more; of one that will not be tried again."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"
    GIVEN_UP = "given_up"


class Alerts:
    """Sends what is due to one receiver. Any number of workers share the work."""

    def __init__(
        self,
        store: AlertStore,
        receiver: AlertReceiver,
        *,
        clock: Clock,
        public_url: str | None = None,
        on_result: Callable[[AlertResult], None] = lambda _: None,
    ) -> None:
        """Take what is due, who receives it, the clock, the dashboard's address and who counts the results."""
        self._store = store
        self._receiver = receiver
        self._clock = clock
        self._public_url = public_url
        self._on_result = on_result
        self._trouble: str | None = None
        self._given_up_at: datetime | None = None

    async def run(self) -> None:
        """Send until cancelled. What goes wrong is logged, and tried again."""
        while True:
            more = False
            try:
                await self._give_up_stale()
                more = await self.send_due()
            except StorageUnavailableError as error:
                _log.warning("alerts.held_up", error=error.detail)
            except Exception:  # noqa: BLE001  whatever it was: without this duty nobody is told any more
                _log.exception("alerts.broke")
            if not more:
                await asyncio.sleep(EVERY_SECONDS)

    async def send_due(self) -> bool:
        """Try some alerts that are due, once each; return whether more should follow at once."""
        now = self._clock()
        # While the receiver fails, one at a time finds out when it is well again.
        limit = AT_ONCE if self._trouble is None else 1
        taken = await asyncio.to_thread(self._store.take, limit, now=now, until=now + LEASE)
        wanted = [alert for alert in taken if alert.is_wanted(now)]
        failures = await self._send(wanted)
        results = {alert.alert_id: _result(failures.get(alert.alert_id)) for alert in wanted}
        done, again = [], []
        for alert in taken:
            result = results.get(alert.alert_id, AlertResult.DROPPED)
            if result is AlertResult.FAILED:
                again.append((alert, self._clock() + delay_after(alert.attempts, random.random())))  # noqa: S311  jitter
            else:
                done.append(alert)
            self._on_result(result)
        if taken:
            await asyncio.to_thread(self._store.settle, done, again)
        self._tell(len(wanted) - len(failures), list(failures.values()))
        return len(taken) == limit and len(failures) < limit

    async def _send(self, wanted: Sequence[DueAlert]) -> dict[str, UndeliveredError]:
        """Send all at the same time; return why those that failed did, by their ids."""
        if not wanted:
            return {}
        try:
            addresses = await self._receiver.addresses()
        except UndeliveredError as error:
            return {alert.alert_id: error for alert in wanted}
        failures = await asyncio.gather(*(self._failure(alert, addresses) for alert in wanted))
        return {alert.alert_id: error for alert, error in zip(wanted, failures, strict=True) if error is not None}

    async def _failure(self, alert: DueAlert, addresses: Sequence[str]) -> UndeliveredError | None:
        try:
            body = alert.body(self._public_url)
            await self._receiver.post(addresses, alert.alert_id, body, at=self._clock())
        except UndeliveredError as error:
            return error
        except Exception as error:  # noqa: BLE001  whatever it was, it is this alert's: the others must be settled
            _log.exception("alert.broke", approval_id=alert.approval.id, type=alert.type.value)
            return UndeliveredError(type(error).__name__)
        return None

    async def _give_up_stale(self) -> None:
        now = self._clock()
        if self._given_up_at is not None and now - self._given_up_at < GIVE_UP_EVERY:
            return
        self._given_up_at = now
        for _ in range(stale := await asyncio.to_thread(self._store.give_up, now=now)):
            self._on_result(AlertResult.GIVEN_UP)
        if stale:
            self._tell_given_up(stale, "they could not be sent for a day")

    def _tell(self, sent: int, failures: Sequence[UndeliveredError]) -> None:
        """Log when it begins to fail, when it fails for another reason, and when it is well again; not each time."""
        if sent and self._trouble is not None:
            _log.info("alerts.sent_again", host=self._receiver.host)
            self._trouble = None
        if not failures:
            return
        gone = [failure for failure in failures if failure.for_good]
        if gone:
            self._tell_given_up(len(gone), str(gone[0]))
        why = str(failures[0])
        if why != self._trouble:
            _log.warning("alerts.failing", host=self._receiver.host, why=why)
        if not sent:
            self._trouble = why

    def _tell_given_up(self, number: int, why: str) -> None:
        _log.error("alerts.given_up", alerts=number, host=self._receiver.host, why=why)


def _result(failure: UndeliveredError | None) -> AlertResult:
    if failure is None:
        return AlertResult.SENT
    return AlertResult.GIVEN_UP if failure.for_good else AlertResult.FAILED
