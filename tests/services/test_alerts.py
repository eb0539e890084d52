"""Sending: what is due goes out once, what fails comes back, and a dead receiver costs little."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy.engine import make_url
from structlog.testing import LogCapture
from typing_extensions import override

from domain.alerts import FIRST_DELAY, GIVEN_UP_AFTER
from domain.operation import ApprovalRequest
from services.alert_receiver import AlertReceiver
from services.alerts import AT_ONCE, LEASE, AlertResult, Alerts
from storage.alerts import AlertStore
from storage.approvals import ApprovalStore
from storage.database import Database
from tests.storage.builders import make_assessment, make_decision, make_opening, make_request
from tests.support.eventually import eventually
from tests.support.receivers import HANG, SECRET, Post, Receiver, open_receiver
from tests.support.sqlite import locked

TIME_TO_DECIDE = timedelta(hours=4)


@dataclass
class Office:
    """A record, and a clock that the test sets."""

    database: Database
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: list[str] = field(default_factory=list)

    def sender(self, receiver: Receiver, *, kind: type[AlertReceiver] = AlertReceiver, **options: Any) -> Alerts:  # noqa: ANN401
        """Return what sends to `receiver`."""
        to = kind(receiver.notify(), [SECRET], **{"answer_seconds": 5, **options})
        store = AlertStore(self.database)
        return Alerts(
            store, to, clock=lambda: self.now, public_url="https://assent.example.com", on_result=self.results.append
        )

    @property
    def store(self) -> ApprovalStore:
        """What writes approvals."""
        return ApprovalStore(self.database, alerts=True)

    def open(self) -> ApprovalRequest:
        """Open an approval that waits for people from now on."""
        request = make_request()
        sealed = make_assessment(request, expires_at=self.now + TIME_TO_DECIDE)
        self.store.open(make_opening(request, sealed, started_at=self.now))
        return request

    def waiting(self) -> int:
        """Return how many alerts should have been sent."""
        return AlertStore(self.database).waiting(now=self.now)


def events(log: LogCapture) -> list[str]:
    return [entry["event"] for entry in log.entries]


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    """An empty one."""
    database = Database(sqlite_url)
    try:
        yield Office(database)
    finally:
        database.close()


@pytest.fixture
def log() -> Iterator[LogCapture]:
    """What is logged, for one test."""
    captured = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[captured], cache_logger_on_first_use=False)
    try:
        yield captured
    finally:
        structlog.configure(**before)


async def test_what_is_due_is_sent_once(office: Office) -> None:
    """With the approval as it is, a link to its page, and the moment that it tells of."""
    request = office.open()
    async with open_receiver() as receiver:
        sender = office.sender(receiver)
        assert [await sender.send_due() for _ in range(2)] == [False, False]
    (post,) = receiver.posts
    told = post.verified()
    assert told["type"] == "approval.requested"
    assert datetime.fromisoformat(told["timestamp"]) == office.now
    assert told["data"]["url"] == f"https://assent.example.com/approvals/{request.approval_id}"
    assert (office.results, office.waiting()) == ([AlertResult.SENT], 0)


async def test_what_fails_comes_back_under_the_same_id(office: Office) -> None:
    """Later each time, until it gets through; its signature is then a new one."""
    office.open()
    answers = iter([500, HANG, 302, 204])
    async with open_receiver(lambda _: next(answers)) as receiver:
        sender = office.sender(receiver, answer_seconds=1)
        for doubled in range(4):
            await sender.send_due()
            await sender.send_due()
            assert len(receiver.posts) == doubled + 1
            office.now += FIRST_DELAY * 2**doubled
    assert len({post.alert_id for post in receiver.posts}) == 1
    assert len({post.headers["webhook-signature"] for post in receiver.posts}) == 4
    assert office.results == ["failed", "failed", "failed", "sent"]


async def test_a_receiver_that_is_gone_is_not_asked_again(office: Office, log: LogCapture) -> None:
    """Not for this alert, which the log tells; the next one is tried."""
    office.open()
    async with open_receiver(lambda _: 410) as receiver:
        sender = office.sender(receiver)
        await sender.send_due()
        office.now += timedelta(hours=1)
        await sender.send_due()
        assert (len(receiver.posts), office.results) == (1, ["given_up"])
        assert events(log) == ["alerts.given_up", "alerts.failing"]
        office.open()
        await sender.send_due()
    assert len(receiver.posts) == 2


async def test_a_name_that_is_not_found_fails_them_all(office: Office, log: LogCapture) -> None:
    """It is looked up once for all that are due, and they come back."""
    asked: list[str] = []

    async def nobody(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        raise OSError(-2, "Name or service not known")

    office.open()
    office.open()
    async with open_receiver() as receiver:
        await office.sender(receiver, resolve=nobody).send_due()
    assert (len(asked), office.results, office.waiting()) == (1, ["failed", "failed"], 2)
    assert [entry["why"] for entry in log.entries] == ["no address was found: [Errno -2] Name or service not known"]


class BreakingOnce(AlertReceiver):
    """It fails at its first alert, as nobody has foreseen."""

    broke = False

    @override
    async def post(self, addresses: Sequence[str], alert_id: str, body: str, *, at: datetime) -> None:
        if not self.broke:
            self.broke = True
            raise RuntimeError
        await super().post(addresses, alert_id, body, at=at)


async def test_an_alert_that_cannot_even_be_tried_harms_no_other(office: Office, log: LogCapture) -> None:
    """Whatever goes wrong with one is its own failure: the others are sent and settled."""
    office.open()
    office.open()
    async with open_receiver() as receiver:
        await office.sender(receiver, kind=BreakingOnce).send_due()
    assert (len(receiver.posts), sorted(office.results), office.waiting()) == (1, ["failed", "sent"], 1)
    assert "alert.broke" in events(log)


async def test_half_time_is_not_told_of_what_is_decided(office: Office) -> None:
    """It is dropped unsent; where nobody has decided, it is sent."""
    decided, open_still = office.open(), office.open()
    office.store.decide(make_decision(decided, decided_at=office.now), at=office.now)
    office.now += TIME_TO_DECIDE / 2
    async with open_receiver() as receiver:
        assert not await office.sender(receiver).send_due()
    told = [post.told for post in receiver.posts]
    assert [each["data"]["id"] for each in told if each["type"] == "approval.half_time"] == [open_still.approval_id]
    assert sorted(office.results) == ["dropped", "sent", "sent", "sent"]
    assert office.waiting() == 0


async def test_many_that_say_nothing_any_more_hold_up_nobody(office: Office) -> None:
    """What is dropped takes no time: the next ones follow at once."""
    for _ in range(AT_ONCE + 1):
        request = office.open()
        office.store.decide(make_decision(request, decided_at=office.now), at=office.now)
    async with open_receiver() as receiver:
        sender = office.sender(receiver)
        while await sender.send_due():
            pass
        office.now += TIME_TO_DECIDE / 2
        assert [await sender.send_due() for _ in range(2)] == [True, False]
    assert office.results.count(AlertResult.DROPPED) == AT_ONCE + 1
    assert receiver.types == ["approval.requested"] * (AT_ONCE + 1)


async def test_a_dead_receiver_gets_one_request_at_a_time(office: Office, log: LogCapture) -> None:
    """However many alerts wait; the log says it once. When it is well again, all of them go out."""
    requests = [office.open() for _ in range(AT_ONCE + 4)]
    async with open_receiver(lambda _: 503) as receiver:
        sender = office.sender(receiver)
        assert [await sender.send_due() for _ in range(3)] == [False, False, False]
        assert len(receiver.posts) == AT_ONCE + 2
        receiver.answer = lambda _: 204
        office.now += timedelta(hours=1)
        while await sender.send_due():
            pass
    sent = {post.told["data"]["id"] for post in receiver.posts[AT_ONCE + 2 :]}
    assert sent == {request.approval_id for request in requests}
    assert office.waiting() == 0
    assert events(log) == ["alerts.failing", "alerts.sent_again"]
    assert "token-4711" not in repr(log.entries)


async def test_one_that_is_never_taken_holds_up_no_other(office: Office) -> None:
    """The receiver may dislike one alert and take all others."""
    disliked, liked = office.open(), office.open()

    def answer(post: Post) -> int:
        return 500 if disliked.approval_id in post.body else 204

    async with open_receiver(answer) as receiver:
        sender = office.sender(receiver)
        await sender.send_due()
        assert (sorted(office.results), office.waiting()) == (["failed", "sent"], 1)
        office.open()
        await sender.send_due()
        assert sorted(office.results) == ["failed", "sent", "sent"]
    assert liked.approval_id != disliked.approval_id


async def test_two_senders_send_each_alert_once(office: Office) -> None:
    """At the same time, on one record."""
    for _ in range(AT_ONCE * 2):
        office.open()
    async with open_receiver() as receiver:
        senders = [office.sender(receiver), office.sender(receiver)]
        await asyncio.gather(*(sender.send_due() for sender in senders * 2))
        while await senders[0].send_due():
            pass
    ids = [post.alert_id for post in receiver.posts]
    assert (len(ids), len(set(ids))) == (AT_ONCE * 2, AT_ONCE * 2)


async def test_a_sender_that_is_stopped_leaves_its_alert_to_the_next(office: Office) -> None:
    """It stops at once though the receiver hangs, and the alert comes again under its id."""
    office.open()
    async with open_receiver(lambda _: HANG) as receiver:
        running = asyncio.create_task(office.sender(receiver, answer_seconds=60).run())
        await eventually("it is asked", lambda: receiver.posts)
        async with asyncio.timeout(10):
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        receiver.answer = lambda _: 204
        office.now += LEASE
        await office.sender(receiver).send_due()
    assert len(receiver.posts) == 2
    assert len({post.alert_id for post in receiver.posts}) == 1
    assert office.waiting() == 0


async def test_what_nobody_took_for_a_day_is_given_up(office: Office, log: LogCapture) -> None:
    """It is counted and logged, and the sending goes on."""
    office.open()
    office.now += GIVEN_UP_AFTER + timedelta(seconds=1)
    new = office.open()
    async with open_receiver() as receiver:
        running = asyncio.create_task(office.sender(receiver).run())
        await eventually("the other one is sent", lambda: receiver.posts)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [post.told["data"]["id"] for post in receiver.posts] == [new.approval_id]
    (given_up,) = [entry for entry in log.entries if entry["event"] == "alerts.given_up"]
    assert given_up["alerts"] == office.results.count(AlertResult.GIVEN_UP) == 1


@contextmanager
def broken(database_url: str) -> Iterator[None]:
    """Take the table away."""
    with closing(sqlite3.connect(str(make_url(database_url).database), isolation_level=None)) as connection:
        connection.execute("ALTER TABLE alerts RENAME TO away")
        yield
        connection.execute("ALTER TABLE away RENAME TO alerts")


@pytest.mark.parametrize(("trouble", "event"), [(locked, "alerts.held_up"), (broken, "alerts.broke")])
async def test_sending_outlives_what_goes_wrong(
    office: Office,
    log: LogCapture,
    trouble: Callable[[str], AbstractContextManager[None]],
    event: str,
) -> None:
    """A database that cannot be written, or that is broken: it is logged, and the alert is sent afterwards."""
    office.open()
    async with open_receiver() as receiver:
        with trouble(office.database.url):
            running = asyncio.create_task(office.sender(receiver).run())
            await eventually("it is logged", lambda: event in events(log))
            assert receiver.posts == []
        await eventually("it is sent", lambda: receiver.posts)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert receiver.types == ["approval.requested"]
