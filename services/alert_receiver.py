"""The POST to the `notify` URL: signed, to an address that was looked at first, without redirects, and soon over."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import httpx2
from standardwebhooks.webhooks import Webhook

from config.notify import Notify

ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 3.0
_MOST_ADDRESSES = 3

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host name. Raises OSError, or UnicodeError for what cannot be a name."""


class UndeliveredError(Exception):
    """An alert did not get through. The message says why, without the URL. `for_good`: the receiver wants no more."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        """Say why."""
        super().__init__(why)
        self.for_good = for_good


class AlertReceiver:
    """Whoever is behind the `notify` URL."""

    def __init__(
        self,
        notify: Notify,
        secrets: Sequence[str],
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Take the URL, the `whsec_` secrets that all sign, and how names and certificates are looked up.

        Without `tls`, certificates are verified by the authorities of this machine or of `SSL_CERT_FILE`.
        """
        self._notify = notify
        self._url = notify.parsed()
        self._signers = [Webhook(secret) for secret in secrets]
        self._resolve = resolve or _Resolver()
        self._tls = tls or httpx2.create_ssl_context()
        self._answer_seconds = answer_seconds

    @property
    def host(self) -> str:
        """Who receives, as it may be logged: the path of the URL may be a secret."""
        return self._url.host

    async def addresses(self) -> Sequence[str]:
        """Look the host up, and return the addresses to send to now. Raises UndeliveredError."""
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(self._answer_seconds):
                found = await self._resolve(self._url.raw_host.decode("ascii"), port)
        except TimeoutError:
            why = f"no address was found within {self._answer_seconds:g} s"
            raise UndeliveredError(why) from None
        except (OSError, UnicodeError) as error:
            why = f"no address was found: {error}"
            raise UndeliveredError(why) from error
        # One that may not be sent to spoils them all: who names it may mean it to be taken at another time.
        for refusal in filter(None, map(self._notify.refusal, found)):
            raise UndeliveredError(refusal)
        return found[:_MOST_ADDRESSES]

    async def post(self, addresses: Sequence[str], alert_id: str, body: str, *, at: datetime) -> None:
        """Send `body` to the first of the addresses that can be connected to. Raises UndeliveredError."""
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "assent",
            "webhook-id": alert_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signer.sign(alert_id, at, body) for signer in self._signers),
        }
        try:
            async with asyncio.timeout(self._answer_seconds):
                status = await self._first_answer(addresses, headers, body)
        except TimeoutError:
            why = f"no answer within {self._answer_seconds:g} s"
            raise UndeliveredError(why) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            why = f"no connection: {str(error) or type(error).__name__}"
            raise UndeliveredError(why) from error
        except httpx2.HTTPError as error:
            why = f"no valid answer ({type(error).__name__})"
            raise UndeliveredError(why) from error
        if httpx2.codes.is_redirect(status):
            why = f"it answered {status}, and redirects are not followed: write the final URL"
            raise UndeliveredError(why)
        if not httpx2.codes.is_success(status):
            why = f"it answered {status}"
            raise UndeliveredError(why, for_good=status == httpx2.codes.GONE)

    async def _first_answer(self, addresses: Sequence[str], headers: dict[str, str], body: str) -> int:
        # By address, so that nothing looks the name up again; by name for the certificate. No proxy of the environment
        # comes in between, since it would look the name up itself.
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        async with httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=timeout) as client:
            *others, last = addresses
            for address in others:
                try:
                    return await self._status(client, address, headers, body)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
            return await self._status(client, last, headers, body)

    async def _status(self, client: httpx2.AsyncClient, address: str, headers: dict[str, str], body: str) -> int:
        # Without reading the answer's body, which could be endless.
        async with client.stream(
            "POST",
            self._url.copy_with(host=address),
            headers=headers,
            content=body,
            follow_redirects=False,
            extensions={"sni_hostname": self._url.raw_host.decode("ascii")},
        ) as answer:
            return answer.status_code


class _Resolver:
    """Looks names up by the system, in a thread of its own: one that hangs holds up nothing else."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._thread, look_up)
        return [str(place[0]) for *_, place in found]
