"""What the shop's database holds when it is made: the same customers and orders every time."""

import sqlite3
from collections.abc import Iterator

CUSTOMERS = 1_000
ORDERS = 5_000

SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (id),  -- NULL once the customer has been deleted
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    refunded_cents INTEGER NOT NULL DEFAULT 0 CHECK (refunded_cents BETWEEN 0 AND amount_cents),
    status TEXT NOT NULL CHECK (status IN ('paid', 'shipped', 'delivered', 'refunded'))
);
CREATE INDEX orders_of_customer ON orders (customer_id);
CREATE TABLE refunds (
    idempotency_key TEXT PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
    currency TEXT NOT NULL,
    remaining_cents INTEGER NOT NULL,  -- what could still be refunded right after this refund
    refunded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""

# Forty given names and twenty-five family names: every customer has a name, and so an address, of their own.
GIVEN_NAMES = (
    "Ada Amara Anna Arjun Aylin Bruno Carla Chen Chloe Daniel Diego Elena Emil Fatima Felix Grace Hana Hugo Ines Ivan "
    "Jamal Jana Jonas Kofi Laila Leo Lucia Maja Marco Mei Nadia Noah Olga Omar Priya Rosa Samuel Tariq Yuki Zoe"
)
FAMILY_NAMES = (
    "Adeyemi Andersen Bauer Costa Diaz Dubois Fischer Garcia Haddad Ito Jansen Kaya Kowalski Larsen Mensah Moreau "
    "Nguyen Novak Okafor Patel Rossi Sato Silva Smith Weber"
)
_CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP")
_STATUSES = ("delivered", "delivered", "shipped", "paid")


def fill(connection: sqlite3.Connection) -> None:
    """Make the tables and their first rows in an empty database."""
    connection.executescript(SCHEMA)
    with connection:
        connection.executemany("INSERT INTO customers (id, name, email) VALUES (?, ?, ?)", _customers())
        connection.executemany(
            "INSERT INTO orders (id, customer_id, amount_cents, currency, status) VALUES (?, ?, ?, ?, ?)", _orders()
        )


def _customers() -> Iterator[tuple[int, str, str]]:
    given_names, family_names = GIVEN_NAMES.split(), FAMILY_NAMES.split()
    for position in range(CUSTOMERS):
        turn, place = divmod(position, len(given_names))
        given = given_names[place]
        # 16 shares no factor with the 25 family names, so each given name meets each of them once.
        family = family_names[(place + 16 * turn) % len(family_names)]
        yield position + 1, f"{given} {family}", f"{given}.{family}@example.com".lower()


def _orders() -> Iterator[tuple[int, int, int, str, str]]:
    # Multiples of primes spread amounts and customers without a random generator.
    for position in range(ORDERS):
        customer_id = position * 7_919 % CUSTOMERS + 1
        amount_cents = (position + 1) * 104_729 % 24_500 + 500
        currency = _CURRENCIES[position % len(_CURRENCIES)]
        status = _STATUSES[position // len(_CURRENCIES) % len(_STATUSES)]
        yield position + 1, customer_id, amount_cents, currency, status
