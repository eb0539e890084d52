"""What routes ask for: the use cases, the caller, and the headers that many of them take."""

from typing import Annotated

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.principal import Principal
from services.wiring import Services

_bearer = HTTPBearer(auto_error=False, description="A key: `asn_…`", scheme_name="Key")


def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def _caller(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    # No key and a wrong one are refused in the same words.
    return await services.keys.authenticate("" if credentials is None else credentials.credentials)


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, whatever their role; the use cases say what each role may do."""

STORABLE = r"^[^\x00]*$"
"""The pattern of what may be looked for: PostgreSQL cannot even compare with a NUL character."""

ApprovalId = Annotated[str, Path(max_length=64, pattern=STORABLE, description="The approval's id.")]
KeyId = Annotated[str, Path(max_length=32, pattern=STORABLE, description="The key's id.")]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Makes a repeated request the same request. Any printable text without spaces, unique per request.",
    ),
]
