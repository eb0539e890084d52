"""The POST to the `notify` URL: what arrives, where it may go, and what it refuses to follow or to wait for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import WebhookVerificationError

from config.notify import Notify
from services.alert_receiver import AlertReceiver, UndeliveredError
from tests.support.certificates import OPENSSL, Authority
from tests.support.ports import LOOPBACK, free_port
from tests.support.receivers import HANG, SECRET, Receiver, open_receiver

OTHER_SECRET = "whsec_" + "b" * 43 + "="
BODY = '{"type":"approval.requested"}'
NAME = "alerts.example.com"


@dataclass
class Names:
    """What is answered to one look-up after the other; the last answer stays."""

    answers: list[Sequence[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def send(notify: Notify, secrets: Sequence[str] = (SECRET,), **options: Any) -> None:  # noqa: ANN401  passed on
    """Look the host up, and send one alert."""
    receiver = AlertReceiver(notify, secrets, **{"answer_seconds": 5, **options})
    await receiver.post(await receiver.addresses(), "id-1", BODY, at=datetime.now(UTC))


async def why_not(notify: Notify, **options: Any) -> str:  # noqa: ANN401  passed on
    """Return why an alert was not delivered; never with the URL's secret part."""
    with pytest.raises(UndeliveredError) as undelivered:
        await send(notify, **options)
    assert "token-4711" not in str(undelivered.value)
    return str(undelivered.value)


def named(receiver: Receiver, **changes: Any) -> Notify:  # noqa: ANN401  any field's value
    """Return the section that leads to `receiver` by a name."""
    return receiver.notify(url=SecretStr(receiver.url(NAME)), **changes)


async def test_what_arrives_is_signed_as_standard_webhooks_say() -> None:
    """The receiver's library takes it; the id, the path and the host are those that were meant."""
    async with open_receiver() as receiver:
        await send(named(receiver), resolve=Names([[LOOPBACK]]))
    (post,) = receiver.posts
    assert post.verified() == {"type": "approval.requested"}
    assert (post.alert_id, post.path) == ("id-1", "/hooks/token-4711?to=team")
    assert post.headers["host"] == f"{NAME}:{receiver.port}"
    assert post.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        post.verified(OTHER_SECRET)


async def test_each_of_two_secrets_signs() -> None:
    """So that the receiver may change from one to the other at any time."""
    async with open_receiver() as receiver:
        await send(receiver.notify(), (OTHER_SECRET, SECRET))
    assert receiver.posts[0].verified(SECRET) == receiver.posts[0].verified(OTHER_SECRET)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_an_answer_that_says_no_is_a_failure(status: int) -> None:
    """It may be tried again."""
    async with open_receiver(lambda _: status) as receiver:
        assert await why_not(receiver.notify()) == f"it answered {status}"


async def test_gone_is_for_good() -> None:
    """As Standard Webhooks say of 410."""
    async with open_receiver(lambda _: 410) as receiver:
        with pytest.raises(UndeliveredError) as undelivered:
            await send(receiver.notify())
    assert undelivered.value.for_good


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """Whoever it leads to is not even connected to."""
    async with open_receiver() as other, open_receiver(lambda _: status) as receiver:
        receiver.location = other.url()
        assert "redirects are not followed" in await why_not(receiver.notify())
    assert (len(receiver.posts), other.connections) == (1, 0)


async def test_a_receiver_that_hangs_is_given_up_soon() -> None:
    """The request is over after its time."""
    async with open_receiver(lambda _: HANG) as receiver:
        assert await why_not(receiver.notify(), answer_seconds=1) == "no answer within 1 s"
    assert len(receiver.posts) == 1


async def test_a_look_up_that_hangs_is_given_up_soon() -> None:
    """So is the search for the name."""

    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with open_receiver() as receiver:
        assert await why_not(named(receiver), resolve=never, answer_seconds=0.2) == "no address was found within 0.2 s"


async def test_an_answer_without_an_end_is_not_read() -> None:
    """Its status is enough."""
    async with open_receiver(lambda _: 200) as receiver:
        receiver.endless = True
        await send(receiver.notify())
    assert len(receiver.posts) == 1


async def test_nobody_there_is_a_failure() -> None:
    """A refused connection, and a name that nobody knows."""
    notify = Notify(url=SecretStr(f"http://{LOOPBACK}:{free_port()}/hooks/token-4711"), private_addresses=True)
    assert (await why_not(notify)).startswith("no connection")
    unknown = Notify(url=SecretStr("https://nobody.invalid/hooks/token-4711"))
    assert (await why_not(unknown)).startswith("no address was found")


async def test_the_next_address_is_tried_when_one_cannot_be_connected_to() -> None:
    """A name may have one that is not routed here."""
    async with open_receiver() as receiver:
        # Nobody listens at the other one: the receiver is bound to one address alone.
        await send(named(receiver), resolve=Names([["127.0.0.2", LOOPBACK]]))
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    "addresses",
    [[LOOPBACK], ["::1"], ["10.1.2.3"], ["::ffff:127.0.0.1"], ["1.1.1.1", LOOPBACK], ["64:ff9b::7f00:1"]],
)
async def test_a_private_address_needs_permission(addresses: Sequence[str]) -> None:
    """Also where it is one of several, or stands in another one: nothing is connected to."""
    async with open_receiver() as receiver:
        notify = Notify(url=SecretStr(receiver.url(NAME, "https")))
        assert "is a private address: if that is meant" in await why_not(notify, resolve=Names([addresses]))
    assert receiver.connections == 0


async def test_a_name_of_this_machine_needs_permission() -> None:
    """As the system itself looks it up."""
    async with open_receiver() as receiver:
        notify = Notify(url=SecretStr(receiver.url("localhost", "https")))
        assert "is a private address" in await why_not(notify)
    assert receiver.connections == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])  # noqa: S104  looked at
async def test_a_special_address_is_never_sent_to(address: str) -> None:
    """Permission for private addresses does not cover where clouds keep credentials."""
    async with open_receiver() as receiver:
        why = await why_not(named(receiver), resolve=Names([[address]]))
    assert why == f"{address} is an address that alerts are never sent to"


async def test_plain_http_does_not_leave_the_own_network() -> None:
    """What is signed is not encrypted."""
    async with open_receiver() as receiver:
        assert "plain http is for private" in await why_not(named(receiver), resolve=Names([["1.1.1.1"]]))


async def test_the_address_that_was_looked_at_is_the_one_that_is_used() -> None:
    """A name that leads somewhere else the next time changes nothing: it is looked up once."""
    async with open_receiver() as receiver:
        names = Names([[LOOPBACK], ["127.0.0.2"]])
        await send(named(receiver), resolve=names)
    assert len(receiver.posts) == 1
    assert names.asked == [(NAME, receiver.port)]


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would look the name up themselves."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{LOOPBACK}:{free_port()}")
    async with open_receiver() as receiver:
        await send(receiver.notify())
    assert len(receiver.posts) == 1


@pytest.mark.skipif(OPENSSL is None, reason="openssl, which makes the certificates, is not installed")
async def test_the_certificate_must_be_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """Signed by a trusted authority, for the name in the URL, though the connection is to an address."""
    authority = Authority.make(tmp_path)
    async with open_receiver(tls=authority.server(NAME)) as receiver:

        def to(host: str) -> Notify:
            return receiver.notify(url=SecretStr(receiver.url(host, "https")))

        with subtests.test("the name's own"):
            await send(to(NAME), resolve=Names([[LOOPBACK]]), tls=authority.trusted())
            assert len(receiver.posts) == 1
        with subtests.test("another name's"):
            why = await why_not(to("other.example.com"), resolve=Names([[LOOPBACK]]), tls=authority.trusted())
            assert "Hostname mismatch" in why
        with subtests.test("an address, which it does not name"):
            assert "certificate verify failed" in await why_not(to(LOOPBACK), tls=authority.trusted())
        with subtests.test("an authority that this machine does not trust"):
            assert "certificate verify failed" in await why_not(to(NAME), resolve=Names([[LOOPBACK]]))
        assert len(receiver.posts) == 1
        with subtests.test("an authority that the environment names"):
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            await send(to(NAME), resolve=Names([[LOOPBACK]]))
            assert len(receiver.posts) == 2


async def test_what_speaks_no_http_is_a_failure() -> None:
    """Whatever it says."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        writer.close()

    async with await asyncio.start_server(talk, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        notify = Notify(url=SecretStr(f"http://{LOOPBACK}:{port}/hooks/token-4711"), private_addresses=True)
        assert (await why_not(notify)).startswith("no valid answer")
