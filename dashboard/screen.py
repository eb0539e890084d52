"""One request of somebody who is signed in: who they are, what may be asked, and how the answer is shown."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from assent.models import Role
from dashboard.pages import Pages
from dashboard.session import ServicesDep, SignedIn
from domain.errors import RoleNotAllowedError
from domain.people import Session
from domain.principal import Principal
from services.wiring import Services


@dataclass(frozen=True, slots=True)
class Screen:
    """What a page is made with. `now` is the server's clock, in UTC."""

    request: Request
    session: Session
    services: Services
    now: datetime

    @property
    def principal(self) -> Principal:
        """Who looks."""
        return self.session.principal

    @property
    def wants_part(self) -> bool:
        """Whether a script of the page asks for a part of it, rather than a browser for the whole."""
        return self.request.headers.get("hx-request") == "true"

    async def page(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:  # noqa: ANN401
        """Return a whole page, with what stands on every page."""
        frame = {
            "standing": await self.services.standings.current(),
            "summary": await self.services.queue.summary(self.principal),
            "path": self.request.url.path,
            "is_admin": self.principal.role is Role.ADMIN,
        }
        return self.part(template, status=status, **frame, **context)

    def part(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:  # noqa: ANN401
        """Return a part of a page."""
        shown = pages_of(self.request).render(template, me=self.principal, now=self.now, **context)
        return HTMLResponse(shown, status)


def pages_of(request: Request) -> Pages:
    """Return the templates of the application that answers."""
    pages: Pages = request.app.state.pages
    return pages


async def _screen(request: Request, session: SignedIn, services: ServicesDep) -> AsyncIterator[Screen]:
    try:
        yield Screen(request, session, services, datetime.now(UTC))
    except RoleNotAllowedError as error:
        # A refused decision is in the log already, as what it is.
        if error.decision_id is None:
            await services.audit_log.tell_refused_access(session.principal, request.method, request.url.path)
        raise


ScreenDep = Annotated[Screen, Depends(_screen)]
"""A signed-in person's request; whoever is not signed in is led to the sign-in page."""
