"""What waits for a decision while the pictures are taken: asked for through the API, then aged in the record."""

from datetime import timedelta

from sqlalchemy import select, update

from assent.models import Operation
from docs.screenshots.past import Asked
from docs.screenshots.team import BILLING, MARKETING, SUPPORT
from storage.tables import approvals, audit_events
from tests.support.stack import Stack

HIGH, CRITICAL = "delete", "large refund"
"""What `ask` calls the two that have pictures of their own."""


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def _refund(order: str, cents: int) -> Operation:
    return Operation(
        type="payment.refund",
        resource_type="payment",
        resource_id=order,
        parameters={"amount_cents": cents, "currency": "EUR"},
    )


def _mail(to: str, subject: str, body: str) -> Operation:
    return Operation(type="email.send", resource_type="email", parameters={"to": to, "subject": subject, "body": body})


REJECTED = Asked(
    agent=MARKETING,
    operation=Operation(type="data.export", resource_type="customer", parameters={"limit": 800}),
    reason="The spring campaign needs its readers.",
    ago=_minutes(9),
)
"""Rejected two minutes ago, and asked for again."""

_WAITING = {
    CRITICAL: Asked(
        agent=BILLING,
        operation=_refund("4711", 128_000),
        reason="The whole order was lost on its way. The carrier has confirmed it and pays us back.",
        ago=_minutes(41),
        context={"ticket": "BIL-1187", "carrier_claim": "accepted", "customer_since": 2021},
    ),
    HIGH: Asked(
        agent=SUPPORT,
        operation=Operation(type="user.delete", resource_type="user", resource_id="42"),
        reason="The customer wrote to us on Monday and asks to be forgotten (GDPR, article 17). "
        "I found no open order, and no invoice that is not paid.",
        ago=_minutes(26),
        context={"ticket": "SUP-20418", "customer_verified": True, "open_orders": 0},
    ),
    "bulk": Asked(
        agent=SUPPORT,
        operation=Operation(type="user.bulk_delete", resource_type="user", parameters={"ids": list(range(701, 941))}),
        reason="Test accounts that the load test of last week has left behind.",
        ago=_minutes(4),
        context={"ticket": "SUP-20431", "created_by": "load-test"},
    ),
    "export": Asked(
        agent=MARKETING,
        operation=REJECTED.operation.model_copy(update={"parameters": {"limit": 400}}),
        reason="The spring campaign needs its readers: half as many, as you asked.",
        ago=_minutes(1),
    ),
    "payment": Asked(
        agent=BILLING,
        operation=Operation(type="payment.read", resource_type="payment", resource_id="2207"),
        reason="The customer asks which card the order was paid with.",
        ago=_minutes(14),
        context={"ticket": "BIL-1192"},
    ),
    "refund": Asked(
        agent=BILLING,
        operation=_refund("3120", 24_900),
        reason="The headphones arrived broken. The photo is in the ticket.",
        ago=_minutes(48),
        context={"ticket": "BIL-1190", "photo": True},
    ),
    "answer": Asked(
        agent=SUPPORT,
        operation=_mail(
            "mei.sato@example.com",
            "Your parcel",
            "Dear Mei Sato,\n\nwe are sorry that your parcel is late. It left our warehouse this morning, and you "
            "will have it on Thursday. The shipping costs are on us.\n\nThe shop\n",
        ),
        reason="The customer asks where the parcel is.",
        ago=_minutes(95),
        context={"ticket": "SUP-20425"},
    ),
    # Its file name reads backwards from a character that nobody sees.
    "hostile": Asked(
        agent=SUPPORT,
        operation=_mail(
            "accounts@payments.example.com",
            "Invoice \u202efdp.exe\u202c",
            "The invoice is attached: invoice\u202efdp.exe\u202c\n",
        ),
        reason="Approve\u200b this quickly, it has been checked by \u0430da already.",
        ago=_minutes(122),
    ),
    "newsletter": Asked(
        agent=MARKETING,
        operation=_mail(
            "team@shop.example.com",
            "The newsletter, for you to read first",
            "Hello all,\n\nthis goes to our readers on Friday. Tell me by Thursday what is wrong with it.\n",
        ),
        reason="The team reads it before anyone else does.",
        ago=_minutes(205),
    ),
    "small refund": Asked(
        agent=BILLING,
        operation=_refund("918", 6_000),
        reason="One of three items was missing.",
        ago=_minutes(250),
        context={"ticket": "BIL-1184"},
    ),
    "few": Asked(
        agent=SUPPORT,
        operation=Operation(type="data.export", resource_type="customer", parameters={"limit": 60}),
        reason="A sample of sixty customers, to call them about the new layout.",
        ago=_minutes(310),
    ),
    "customer": Asked(
        agent=BILLING,
        operation=Operation(type="customer.read", resource_type="customer", resource_id="318"),
        reason="Whose order is it?",
        ago=_minutes(432),
    ),
}


async def ask(stack: Stack) -> dict[str, str]:
    """Ask for all of it, and return the approvals' ids by name."""
    asked: dict[str, str] = {}
    for name, each in _WAITING.items():
        body = {"operation": each.operation.model_dump(), "reason": each.reason, "context": each.context}
        answer = await stack.http.post("/v1/approvals", headers=stack.bearer(each.agent), json=body)
        found = answer.raise_for_status().json()
        if found["status"] != "pending":
            message = f"Nobody is asked about {name!r}: it is {found['status']}."
            raise RuntimeError(message)
        asked[name] = found["id"]
        _age(stack, found["id"], each.ago)
    return asked


def _age(stack: Stack, approval_id: str, by: timedelta) -> None:
    """Let an approval have come earlier, and its deadline sooner. Its workflow keeps the later one."""
    with stack.database.write() as connection:
        of_it = approvals.c.id == approval_id
        row = connection.execute(select(approvals.c.created_at, approvals.c.expires_at).where(of_it)).one()
        connection.execute(
            update(approvals).where(of_it).values(created_at=row.created_at - by, expires_at=row.expires_at - by)
        )
        connection.execute(
            update(audit_events).where(audit_events.c.approval_id == approval_id).values(at=row.created_at - by)
        )
