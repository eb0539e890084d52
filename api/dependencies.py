"""What routes ask for: the use cases, the caller, and the headers that many of them take."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.errors import RoleNotAllowedError
from domain.principal import Principal
from services.wiring import Services

_bearer = HTTPBearer(auto_error=False, description="A key: `asn_…`", scheme_name="Key")


def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request,
    services: ServicesDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> AsyncIterator[Principal]:
    # No key and a wrong one are refused in the same words.
    principal = await services.keys.authenticate("" if credentials is None else credentials.credentials)
    try:
        yield principal
    except RoleNotAllowedError as error:
        # A refused decision is in the log already, as what it is.
        if error.decision_id is None:
            await services.audit_log.tell_refused_access(principal, request.method, request.url.path)
        raise


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, whatever their role; the use cases say what each role may do."""

STORABLE = r"^[^\x00]*$"
"""The pattern of what may be looked for: PostgreSQL cannot even compare with a NUL character."""

ApprovalId = Annotated[str, Path(max_length=64, pattern=STORABLE, description="The approval's id.")]
PatternId = Annotated[str, Path(max_length=64, pattern=STORABLE, description="The pattern's id.")]
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
