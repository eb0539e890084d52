"""Where alerts go: the section `notify` of `assent.yaml`, and the secrets that they are signed with."""

import base64
import binascii
from typing import Annotated, Self

import httpx2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.errors import SettingsError
from domain.addresses import Reach, reach_of

HOW_TO_MAKE = (
    """python3 -c 'import base64, secrets; print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())'"""
)
_FORM = "whsec_<base64 of 24 to 64 random bytes>, or two of these separated by a comma while the receiver changes over"

_PREFIX = "whsec_"
_LONGEST_URL = 2_048
_SECRET_BYTES = range(24, 65)
_MOST_SECRETS = 2


class Notify(BaseModel):
    """One URL, and whether it may be one of our own network.

    The URL may hold a secret, as those of chat services do: neither a message nor a representation repeats it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = Field(max_length=_LONGEST_URL)
    private_addresses: bool = Field(default=False, strict=True)

    @field_validator("url")
    @classmethod
    def _leads_to_one_place(cls, written: SecretStr) -> SecretStr:
        try:
            url = httpx2.URL(written.get_secret_value())
        except httpx2.InvalidURL:
            message = "is not a URL: write it as https://<host>/<path>"
            raise ValueError(message) from None
        if url.scheme not in ("http", "https") or not url.host:
            message = "is not a URL of the web: write it as https://<host>/<path>"
            raise ValueError(message)
        if url.userinfo or url.fragment:
            message = "holds a name, a password or a fragment, which are not sent: write it as https://<host>/<path>"
            raise ValueError(message)
        return written

    @model_validator(mode="after")
    def _stays_where_it_may_go(self) -> Self:
        url = self.parsed()
        if url.scheme == "http" and not self.private_addresses:
            message = (
                "plain http is for private addresses alone: write https, or, where the receiver is in your own "
                "network, `private_addresses: true`"
            )
            raise ValueError(message)
        if (refusal := self._refusal_of_literal(url.host)) is not None:
            raise ValueError(refusal)
        return self

    def parsed(self) -> httpx2.URL:
        """Return the URL, in parts."""
        return httpx2.URL(self.url.get_secret_value())

    def refusal(self, address: str) -> str | None:
        """Why nothing may be sent to the IP address `address` for this URL, or None."""
        match reach_of(address):
            case Reach.PUBLIC if self.parsed().scheme == "http":
                return f"{address} is a public address, and plain http is for private ones alone: write https"
            case Reach.PRIVATE if not self.private_addresses:
                return f"{address} is a private address: if that is meant, write `private_addresses: true`"
            case Reach.SPECIAL:
                return f"{address} is an address that alerts are never sent to"
            case _:
                return None

    def _refusal_of_literal(self, host: str) -> str | None:
        """Refuse at once what needs no look-up."""
        try:
            return self.refusal(host)
        except ValueError:
            return None


def notify_secrets(secret: SecretStr | None) -> tuple[str, ...]:
    """Return what alerts are signed with, in the order written. Raises SettingsError when there is nothing."""
    if secret is None:
        message = (
            "ASSENT_NOTIFY_SECRET is not set, and assent.yaml has `notify`: set it to a secret that the receiver knows "
            f"as well. Make one by: {HOW_TO_MAKE}"
        )
        raise SettingsError(message)
    return tuple(part.strip() for part in secret.get_secret_value().split(","))


def _checked(written: SecretStr) -> SecretStr:
    secrets = notify_secrets(written)
    wrong = (
        f"there are {len(secrets)} of them"
        if len(secrets) > _MOST_SECRETS
        else next(filter(None, map(_wrong, secrets)), None)
    )
    if wrong is not None:
        message = f"is wrong, {wrong}: set it to {_FORM}"
        raise ValueError(message)
    return written


def _wrong(secret: str) -> str | None:
    """Say what is wrong with a secret, without repeating it; None when it is as it should be."""
    if not secret.startswith(_PREFIX):
        return f"one does not begin with {_PREFIX}"
    try:
        size = len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        return "one is not base64"
    return None if size in _SECRET_BYTES else f"one has {size} bytes"


NotifySecret = Annotated[SecretStr, AfterValidator(_checked)]
"""One secret of Standard Webhooks, or two."""
