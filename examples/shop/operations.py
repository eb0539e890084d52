"""The shop's operations, as `assent.yaml` names them. Each runs only after Assent has let it through."""

import csv
import io
import re
import sqlite3
from email import policy
from email.message import EmailMessage
from email.utils import formatdate

from pydantic import JsonValue

from assent.operations import NoParameters, OperationCall
from examples.shop.files import file_for, write_whole
from examples.shop.parameters import BulkDeleteParameters, EmailParameters, ExportParameters, RefundParameters
from examples.shop.store import ShopError, transaction

Result = dict[str, JsonValue]

# A spreadsheet takes a cell that starts with one of these for a formula. Source: OWASP, CSV Injection.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# assent.yaml says the same; a function is safe without it, too. SQLite's integers have 64 bits.
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_SENDER = "The shop <shop@example.com>"


def delete_user(call: OperationCall[NoParameters]) -> Result:
    """Delete one customer. Their orders stay, for the books, without saying whose they were."""
    customer_id = _number(call.resource_id, "customer")
    with transaction() as connection:
        if not _exists(connection, customer_id):
            raise _unknown_customer(customer_id)
        return {"deleted_customer_id": customer_id, "anonymised_orders": _delete(connection, customer_id)}


def bulk_delete_users(call: OperationCall[BulkDeleteParameters]) -> Result:
    """Delete all the customers named, or none of them when one does not exist."""
    ids = call.parameters.ids
    with transaction() as connection:
        unknown = [customer_id for customer_id in ids if not _exists(connection, customer_id)]
        if unknown:
            shown = ", ".join(str(customer_id) for customer_id in unknown[:10])
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""  # noqa: PLR2004  the ten shown
            message = f"Nobody was deleted: there is no customer {shown}{more}."
            raise ShopError(message)
        orders = sum(_delete(connection, customer_id) for customer_id in ids)
    return {"deleted_customers": len(ids), "anonymised_orders": orders}


def read_customer(call: OperationCall[NoParameters]) -> Result:
    """Return one customer, with the number of their orders."""
    customer_id = _number(call.resource_id, "customer")
    with transaction() as connection:
        found = connection.execute(
            "SELECT id, name, email, (SELECT count(*) FROM orders WHERE customer_id = customers.id) AS orders"
            " FROM customers WHERE id = ?",
            (customer_id,),
        ).fetchone()
    if found is None:
        raise _unknown_customer(customer_id)
    return dict(found)


def read_payment(call: OperationCall[NoParameters]) -> Result:
    """Return what was paid for one order, and by whom."""
    order_id = _number(call.resource_id, "order")
    with transaction() as connection:
        found = connection.execute(
            "SELECT id AS order_id, customer_id, amount_cents, currency, refunded_cents, status"
            " FROM orders WHERE id = ?",
            (order_id,),
        ).fetchone()
    if found is None:
        message = f"There is no order {order_id}."
        raise ShopError(message)
    return dict(found)


def export_customers(call: OperationCall[ExportParameters]) -> Result:
    """Write the first customers to a CSV file that a spreadsheet opens without running anything."""
    with transaction() as connection:
        customers = connection.execute(
            "SELECT id, name, email FROM customers ORDER BY id LIMIT ?", (call.parameters.limit,)
        ).fetchall()
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("id", "name", "email"))
    writer.writerows((row["id"], _as_text(row["name"]), _as_text(row["email"])) for row in customers)
    path = file_for("exports", call.idempotency_key, ".csv")
    write_whole(path, table.getvalue().encode())
    return {"path": str(path), "rows": len(customers)}


def refund_payment(call: OperationCall[RefundParameters]) -> Result:
    """Pay back some of an order, once per idempotency key, and never more than what remains of it."""
    order_id = _number(call.resource_id, "order")
    wanted = call.parameters
    with transaction() as connection:
        made = connection.execute(
            "SELECT order_id, amount_cents, currency, remaining_cents FROM refunds WHERE idempotency_key = ?",
            (call.idempotency_key,),
        ).fetchone()
        if made is None:
            return _refund(connection, order_id, wanted, call.idempotency_key)
    if (made["order_id"], made["amount_cents"], made["currency"]) != (order_id, wanted.amount_cents, wanted.currency):
        message = "This idempotency key has already made another refund."
        raise ShopError(message)
    return _refunded(order_id, wanted, made["remaining_cents"])


def send_email(call: OperationCall[EmailParameters]) -> Result:
    """Put a mail into the outbox, once per idempotency key."""
    path = file_for("outbox", call.idempotency_key, ".eml")
    if not path.exists():
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = _SENDER
        message["To"] = call.parameters.to
        message["Subject"] = call.parameters.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{path.stem}@shop.example.com>"
        message.set_content(call.parameters.body)
        write_whole(path, message.as_bytes())
    return {"path": str(path), "to": call.parameters.to}


def _number(resource_id: str, noun: str) -> int:
    if _NUMBER.fullmatch(resource_id) is None:
        message = f"{resource_id!r} is not a valid {noun} id."
        raise ShopError(message)
    return int(resource_id)


def _unknown_customer(customer_id: int) -> ShopError:
    return ShopError(f"There is no customer {customer_id}.")


def _exists(connection: sqlite3.Connection, customer_id: int) -> bool:
    return connection.execute("SELECT 1 FROM customers WHERE id = ?", (customer_id,)).fetchone() is not None


def _delete(connection: sqlite3.Connection, customer_id: int) -> int:
    """Delete an existing customer; return the number of orders that no longer name them."""
    orders = connection.execute("UPDATE orders SET customer_id = NULL WHERE customer_id = ?", (customer_id,)).rowcount
    connection.execute("DELETE FROM customers WHERE id = ?", (customer_id,))
    return orders


def _refund(connection: sqlite3.Connection, order_id: int, wanted: RefundParameters, idempotency_key: str) -> Result:
    order = connection.execute(
        "SELECT amount_cents - refunded_cents AS remaining_cents, currency FROM orders WHERE id = ?", (order_id,)
    ).fetchone()
    if order is None:
        message = f"There is no order {order_id}."
        raise ShopError(message)
    if order["currency"] != wanted.currency:
        message = f"Order {order_id} was paid in {order['currency']}, not in {wanted.currency}."
        raise ShopError(message)
    if wanted.amount_cents > order["remaining_cents"]:
        message = f"Only {order['remaining_cents']} cents of order {order_id} remain to be refunded."
        raise ShopError(message)
    remaining = order["remaining_cents"] - wanted.amount_cents
    connection.execute(
        "UPDATE orders SET refunded_cents = refunded_cents + ?,"
        " status = CASE ? WHEN 0 THEN 'refunded' ELSE status END WHERE id = ?",
        (wanted.amount_cents, remaining, order_id),
    )
    connection.execute(
        "INSERT INTO refunds (idempotency_key, order_id, amount_cents, currency, remaining_cents)"
        " VALUES (?, ?, ?, ?, ?)",
        (idempotency_key, order_id, wanted.amount_cents, wanted.currency, remaining),
    )
    return _refunded(order_id, wanted, remaining)


def _refunded(order_id: int, wanted: RefundParameters, remaining_cents: int) -> Result:
    return {
        "order_id": order_id,
        "refunded_cents": wanted.amount_cents,
        "currency": wanted.currency,
        "remaining_cents": remaining_cents,
    }


def _as_text(cell: str) -> str:
    is_formula = cell.startswith(_STARTS_A_FORMULA) or cell.lstrip().startswith(_STARTS_A_FORMULA)
    return f"'{cell}" if is_formula else cell
