"""What routes ask for: the use cases, the caller, and the headers that many of them take."""

from typing import Annotated

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.errors import NotAuthenticatedError
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
    if credentials is None:
        message = "Send a key as `Authorization: Bearer asn_…`. An admin makes one by POST /v1/keys."
        raise NotAuthenticatedError(message)
    return await services.keys.authenticate(credentials.credentials)


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, whatever their role; the use cases say what each role may do."""

ApprovalId = Annotated[str, Path(max_length=64, description="The approval's id.")]

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
