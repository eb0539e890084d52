"""What was asked for and decided in the last weeks. The same days in every run; only their dates move."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from pydantic import Field

from assent.models import Operation
from docs.screenshots.team import BILLING, MARKETING, SUPPORT
from domain.frozen import Frozen

DAYS = 30

_A_WORKDAY, _A_WEEKEND_DAY = 34, 7
_SATURDAY = 5
# The last day's exports come close to what its pattern lets through in a day.
_EXPORTED_TODAY = (80, 90, 60, 95, 75, 60)
_LATEST = timedelta(minutes=6)


class Asked(Frozen):
    """A request, by whom, and how long ago it came."""

    agent: str
    operation: Operation
    reason: str
    ago: timedelta
    context: dict[str, Any] = Field(default_factory=dict)


def requests(now: datetime, chance: random.Random) -> Iterator[Asked]:
    """Yield the requests of the last days, day by day."""
    for days_ago in reversed(range(DAYS)):
        midnight = datetime.combine(now.date() - timedelta(days=days_ago), time(), UTC)
        usual = _A_WEEKEND_DAY if midnight.weekday() >= _SATURDAY else _A_WORKDAY
        number = round(usual * chance.uniform(0.75, 1.25))
        moments = (midnight + timedelta(hours=min(max(chance.gauss(12.5, 2.8), 0), 23.9)) for _ in range(number))
        for moment in moments:
            if moment < now - _LATEST:
                yield _ask(chance, now - moment)
    since_midnight = now - datetime.combine(now.date(), time(), UTC)
    for place, limit in enumerate(_EXPORTED_TODAY, start=1):
        yield _export(limit, _LATEST + (since_midnight - _LATEST) * place / (len(_EXPORTED_TODAY) + 1))


def delay(chance: random.Random, typical: timedelta) -> timedelta:
    """Return how long something took that typically takes so long."""
    return typical * math.exp(chance.gauss(0, 0.9))


def _ask(chance: random.Random, ago: timedelta) -> Asked:
    customer, order = str(chance.randrange(1, 1_000)), str(chance.randrange(1, 5_000))
    kind = chance.choices(("read", "refund", "mail", "payment", "delete", "export"), (46, 19, 13, 9, 7, 6))[0]
    match kind:
        case "read":
            return Asked(
                agent=chance.choice((SUPPORT, SUPPORT, SUPPORT, BILLING)),
                operation=Operation(type="customer.read", resource_type="customer", resource_id=customer),
                reason="Look up the customer who wrote to us.",
                ago=ago,
            )
        case "refund":
            cents = round(min(math.exp(chance.gauss(7.7, 1.1)), 190_000))
            return Asked(
                agent=BILLING,
                operation=Operation(
                    type="payment.refund",
                    resource_type="payment",
                    resource_id=order,
                    parameters={"amount_cents": max(cents, 150), "currency": "EUR"},
                ),
                reason="The parcel came back.",
                ago=ago,
                context={"parcel_returned": chance.random() < 0.8},  # noqa: PLR2004  most of them
            )
        case "mail":
            return Asked(
                agent=chance.choice((SUPPORT, SUPPORT, MARKETING)),
                operation=Operation(
                    type="email.send",
                    resource_type="email",
                    parameters={
                        "to": f"customer{customer}@example.com",
                        "subject": "Your order",
                        "body": "Thank you for your message. Your parcel leaves today.\n",
                    },
                ),
                reason="Answer the customer.",
                ago=ago,
            )
        case "payment":
            return Asked(
                agent=BILLING,
                operation=Operation(type="payment.read", resource_type="payment", resource_id=order),
                reason="The customer asks what became of the order.",
                ago=ago,
            )
        case "delete":
            return Asked(
                agent=SUPPORT,
                operation=Operation(type="user.delete", resource_type="user", resource_id=customer),
                reason="The customer asked to be forgotten (GDPR, article 17).",
                ago=ago,
            )
        case _:
            return _export(chance.choice((40, 60, 80, 90, 150, 400)), ago)


def _export(limit: int, ago: timedelta) -> Asked:
    return Asked(
        agent=MARKETING,
        operation=Operation(type="data.export", resource_type="customer", parameters={"limit": limit}),
        reason="The weekly newsletter.",
        ago=ago,
    )
