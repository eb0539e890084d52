"""The shop: what its operations change, what they refuse, and that nothing is ever half done."""

import contextlib
import csv
import os
import re
import runpy
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from typing import IO, Any, TypeVar, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from assent.operations import NoParameters, OperationCall, Parameters
from examples.shop.operations import (
    bulk_delete_users,
    delete_user,
    export_customers,
    read_customer,
    read_payment,
    refund_payment,
    send_email,
)
from examples.shop.parameters import BulkDeleteParameters, EmailParameters, ExportParameters, RefundParameters
from examples.shop.store import ShopError, open_shop
from operations.registry import OperationRegistry
from services.wiring import load_assent_file

ROOT = Path(__file__).parents[2]
MAIL = {"to": "ada.adeyemi@example.com", "subject": "Your refund", "body": "On its way.\n"}

P = TypeVar("P", bound=BaseModel)


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop of the test's own, not made yet."""
    monkeypatch.setenv("ASSENT_DATA_DIR", str(tmp_path))
    return tmp_path / "shop"


def call(parameters: P, resource_id: str = "", key: str = "018f3c6e-1") -> OperationCall[P]:
    return OperationCall(
        approval_id="018f3c6e",
        agent_id="shop-agent",
        type="any",
        resource_type="any",
        resource_id=resource_id,
        parameters=parameters,
        idempotency_key=key,
    )


def rows(query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(open_shop())) as connection:
        return connection.execute(query).fetchall()


def change(statement: str) -> None:
    with closing(sqlite3.connect(open_shop())) as connection, connection:
        connection.execute(statement)


def everything() -> list[list[tuple[Any, ...]]]:
    return [rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("customers", "orders", "refunds")]  # noqa: S608  our own words


def test_the_shop_is_the_same_every_time(shop: Path) -> None:
    """A thousand customers with ids 1 to 1000, and five thousand orders of theirs: the same in every copy."""
    assert not shop.exists()
    first = everything()
    customers, orders, refunds = first
    assert [row[0] for row in customers] == list(range(1, 1001))
    assert len({row[1] for row in customers}) == len({row[2] for row in customers}) == 1000
    assert all(row[2].endswith("@example.com") and row[2].isascii() for row in customers)
    assert [row[0] for row in orders] == list(range(1, 5001))
    assert {row[1] for row in orders} <= {row[0] for row in customers}
    assert refunds == []
    (shop / "shop.db").unlink()
    assert everything() == first


def test_a_shop_left_half_built_is_built_again(shop: Path) -> None:
    """A process killed while it built the shop does not stand in the way of the next one."""
    shop.mkdir()
    (shop / "shop.db.unfinished").write_bytes(b"half a database")
    assert rows("SELECT count(*) FROM customers") == [(1000,)]
    assert {path.name for path in shop.iterdir()} == {"shop.db", "shop.lock"}


def _streams(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def test_processes_that_start_at_once_share_one_shop() -> None:
    """No process replaces a shop that another one already uses: every deletion is still there at the end."""
    program = (
        "import sys\n"
        "from assent.operations import NoParameters, OperationCall\n"
        "from examples.shop.operations import delete_user\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "delete_user(OperationCall(approval_id='a', agent_id='a', type='t', resource_type='user',"
        " resource_id=sys.argv[1], parameters=NoParameters(), idempotency_key='k'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    started = [
        subprocess.Popen(  # noqa: S603  our own words
            [sys.executable, "-c", program, str(number)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(1, 5)
    ]
    with contextlib.ExitStack() as running:
        for process in started:
            running.enter_context(process)
        assert [_streams(process)[1].readline() for process in started] == ["ready\n"] * 4
        for process in started:  # at once: each goes when its input is closed
            _streams(process)[0].close()
        assert [process.wait(timeout=30) for process in started] == [0, 0, 0, 0]
    assert rows("SELECT min(id), count(*) FROM customers") == [(5, 996)]


def test_delete_user_deletes_one_customer_and_keeps_the_books() -> None:
    """The customer is gone; their orders stay without saying whose they were; nobody else is touched."""
    customers, orders, _ = everything()
    assert delete_user(call(NoParameters(), "42")) == {"deleted_customer_id": 42, "anonymised_orders": 5}
    customers_left, orders_left, _ = everything()
    assert customers_left == [row for row in customers if row[0] != 42]
    assert orders_left == [(row[0], None if row[1] == 42 else row[1], *row[2:]) for row in orders]


@pytest.mark.parametrize("operation", [delete_user, read_customer])
def test_an_unknown_customer_is_named(operation: Callable[[OperationCall[NoParameters]], object]) -> None:
    """The error says which customer there is not, also when they were deleted before."""
    delete_user(call(NoParameters(), "42"))
    for number in ("42", "1001", "9" * 18):
        with pytest.raises(ShopError, match=rf"^There is no customer {number}\.$"):
            operation(call(NoParameters(), number))


@pytest.mark.parametrize("resource_id", ["", "0", "042", "-1", "1.0", "1 OR 1=1", "٤٢", "1\n", "9" * 19])
def test_what_is_no_id_changes_nothing(resource_id: str) -> None:
    """One customer has one written id; whatever else arrives is refused before the database is asked."""
    before = everything()
    with pytest.raises(ShopError, match=r"is not a valid customer id\."):
        delete_user(call(NoParameters(), resource_id))
    with pytest.raises(ShopError, match=r"is not a valid customer id\."):
        read_customer(call(NoParameters(), resource_id))
    with pytest.raises(ShopError, match="is not a valid order id"):
        read_payment(call(NoParameters(), resource_id))
    with pytest.raises(ShopError, match=r"is not a valid order id\."):
        refund_payment(call(RefundParameters(amount_cents=1, currency="EUR"), resource_id))
    assert everything() == before


def test_bulk_delete_deletes_all() -> None:
    """A thousand customers are deleted in one transaction."""
    result = bulk_delete_users(call(BulkDeleteParameters(ids=list(range(1, 1001)))))
    assert result == {"deleted_customers": 1000, "anonymised_orders": 5000}
    assert rows("SELECT count(*) FROM customers") == [(0,)]
    assert rows("SELECT count(*), count(customer_id) FROM orders") == [(5000, 0)]


def test_bulk_delete_deletes_all_or_nobody() -> None:
    """One unknown id, and nobody is deleted."""
    before = everything()
    with pytest.raises(ShopError, match=r"^Nobody was deleted: there is no customer 1001, 5000\.$"):
        bulk_delete_users(call(BulkDeleteParameters(ids=[1, 2, 1001, 5000])))
    with pytest.raises(ShopError, match=r"1010 and 5 more\.$"):
        bulk_delete_users(call(BulkDeleteParameters(ids=[1, *range(1001, 1016)])))
    assert everything() == before


def test_a_failure_in_the_middle_of_a_bulk_delete_undoes_it() -> None:
    """The database itself fails at the last customer: the first ones are still there."""
    change(
        "CREATE TRIGGER keep_three BEFORE DELETE ON customers WHEN old.id = 3"
        " BEGIN SELECT raise(ABORT, 'three stays'); END"
    )
    before = everything()
    with pytest.raises(sqlite3.IntegrityError, match="three stays"):
        bulk_delete_users(call(BulkDeleteParameters(ids=[1, 2, 3])))
    assert everything() == before


def test_read_payment_reads() -> None:
    """What was paid, by whom, and nothing changes."""
    before = everything()
    ((customer_id, cents, currency, refunded, status),) = rows(
        "SELECT customer_id, amount_cents, currency, refunded_cents, status FROM orders WHERE id = 2"
    )
    assert read_payment(call(NoParameters(), "2")) == {
        "order_id": 2,
        "customer_id": customer_id,
        "amount_cents": cents,
        "currency": currency,
        "refunded_cents": refunded,
        "status": status,
    }
    with pytest.raises(ShopError, match="There is no order 5001"):
        read_payment(call(NoParameters(), "5001"))
    assert everything() == before


def test_read_customer_reads() -> None:
    """Reading gives the customer, and changes nothing."""
    before = everything()
    assert read_customer(call(NoParameters(), "1")) == {
        "id": 1,
        "name": "Ada Adeyemi",
        "email": "ada.adeyemi@example.com",
        "orders": 5,
    }
    assert everything() == before


def test_export_writes_the_first_customers(shop: Path) -> None:
    """The file has a line per customer, is named by the idempotency key, and only its owner can read it."""
    result = export_customers(call(ExportParameters(limit=3), key="018f3c6e-2"))
    path = shop / "exports" / "018f3c6e-2.csv"
    assert result == {"path": str(path), "rows": 3}
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert header == ["id", "name", "email"]
    assert [tuple(line) for line in lines] == [(str(row[0]), *row[1:]) for row in rows("SELECT * FROM customers")[:3]]
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_export_says_how_many_there_were() -> None:
    """The result counts the rows that were written, not those that were asked for."""
    change("DELETE FROM customers WHERE id > 10")
    assert export_customers(call(ExportParameters(limit=1000)))["rows"] == 10


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1+1", "\uff1d1", '=A1&",";"'])
def test_no_exported_cell_is_a_formula(name: str) -> None:
    """A customer's name cannot run anything in the spreadsheet that opens the file (OWASP, CSV Injection)."""
    with closing(sqlite3.connect(open_shop())) as connection, connection:
        connection.execute("UPDATE customers SET name = ? WHERE id = 1", (name,))
    path = export_customers(call(ExportParameters(limit=1)))["path"]
    with Path(str(path)).open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))[1]
    assert cells == ["1", f"'{name}", "ada.adeyemi@example.com"]


@pytest.mark.parametrize("key", ["../../escaped", "/tmp/escaped", "UPPER", "a" * 65, "", "a\x00b", "ключ", "."])  # noqa: S108  never written
def test_any_key_names_a_file_inside_its_folder(shop: Path, key: str) -> None:
    """A file name cannot lead elsewhere, and two keys never share a file, whatever the file system folds."""
    paths = {
        export_customers(call(ExportParameters(limit=1), key=each))["path"] for each in (key, key.lower(), f"{key}-")
    }
    assert len(paths) == len({key, key.lower(), f"{key}-"})
    assert {Path(str(path)).resolve() for path in paths} == set((shop / "exports").resolve().iterdir())


def test_refund_pays_back_and_never_more_than_remains() -> None:
    """Order 1 cost 72.29 EUR: it can be refunded in parts, up to that and no further."""
    assert rows("SELECT amount_cents, currency, refunded_cents FROM orders WHERE id = 1") == [(7229, "EUR", 0)]
    part = RefundParameters(amount_cents=7000, currency="EUR")
    rest = RefundParameters(amount_cents=229, currency="EUR")
    expected = {"order_id": 1, "refunded_cents": 7000, "currency": "EUR", "remaining_cents": 229}
    assert refund_payment(call(part, "1", "k1")) == expected
    assert rows("SELECT refunded_cents, status FROM orders WHERE id = 1") == [(7000, "delivered")]
    with pytest.raises(ShopError, match=r"^Only 229 cents of order 1 remain to be refunded\.$"):
        refund_payment(call(RefundParameters(amount_cents=230, currency="EUR"), "1", "k2"))
    assert refund_payment(call(rest, "1", "k2"))["remaining_cents"] == 0
    with pytest.raises(ShopError, match="Only 0 cents"):
        refund_payment(call(RefundParameters(amount_cents=1, currency="EUR"), "1", "k3"))
    assert rows("SELECT refunded_cents, status FROM orders WHERE id = 1") == [(7229, "refunded")]
    assert rows("SELECT idempotency_key, amount_cents FROM refunds ORDER BY 1") == [("k1", 7000), ("k2", 229)]
    # A repeated try tells what the first one told, whatever has happened since.
    assert refund_payment(call(part, "1", "k1")) == expected


def test_a_refund_is_made_once_per_key() -> None:
    """A second try pays nothing; a key that comes with another refund is refused."""
    wanted = RefundParameters(amount_cents=100, currency="EUR")
    first = refund_payment(call(wanted, "1", "k1"))
    after = everything()
    assert refund_payment(call(wanted, "1", "k1")) == first
    for other, order in ((RefundParameters(amount_cents=101, currency="EUR"), "1"), (wanted, "2")):
        with pytest.raises(ShopError, match="already made another refund"):
            refund_payment(call(other, order, "k1"))
    assert everything() == after


@pytest.mark.parametrize(
    ("order", "currency", "error"),
    [("1", "USD", "Order 1 was paid in EUR, not in USD."), ("5001", "EUR", "There is no order 5001.")],
)
def test_a_refund_that_does_not_fit_its_order_is_refused(order: str, currency: str, error: str) -> None:
    """The order decides on the currency; nothing is written."""
    before = everything()
    with pytest.raises(ShopError, match=f"^{error}$"):
        refund_payment(call(RefundParameters(amount_cents=1, currency=currency), order))
    assert everything() == before


def test_a_customer_who_is_gone_still_gets_a_refund() -> None:
    """Deleting a customer does not take their money."""
    delete_user(call(NoParameters(), "1"))
    assert refund_payment(call(RefundParameters(amount_cents=1, currency="EUR"), "1"))["refunded_cents"] == 1


def test_send_email_puts_one_mail_into_the_outbox(shop: Path) -> None:
    """The mail is a whole .eml named by the key; a second try leaves it as it is."""
    result = send_email(call(EmailParameters(**MAIL), key="018f3c6e-3"))
    path = shop / "outbox" / "018f3c6e-3.eml"
    assert result == {"path": str(path), "to": "ada.adeyemi@example.com"}
    written = path.read_bytes()
    assert send_email(call(EmailParameters(**MAIL), key="018f3c6e-3")) == result
    assert path.read_bytes() == written
    assert list(path.parent.iterdir()) == [path]
    mail = message_from_bytes(written, policy=policy.default)
    assert (mail["To"], mail["Subject"], mail["From"]) == (MAIL["to"], MAIL["subject"], "The shop <shop@example.com>")
    assert mail.get_content() == "On its way.\r\n"


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


_HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
_TRICKY = st.text(st.sampled_from("a =?_-,;:<>@\"'utf8q0dé☕"), min_size=1, max_size=200)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(subject=_TRICKY | st.text(min_size=1, max_size=200), body=_TRICKY | st.text(min_size=1, max_size=2000))
def test_a_mail_says_what_was_approved(shop: Path, subject: str, body: str) -> None:
    """Whatever subject and body the model accepts arrive as they were approved, and add no header."""
    try:
        parameters = EmailParameters(to="a.b+c%d@example.com", subject=subject, body=body)
    except ValidationError:
        return
    path = shop / "outbox" / "k.eml"
    path.unlink(missing_ok=True)
    send_email(call(parameters, key="k"))
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert sorted(mail.keys()) == sorted(_HEADERS)
    assert (mail["To"], mail["Subject"]) == (parameters.to, subject)
    # A mail's lines end in CRLF, its last one too: only line ends may differ.
    assert _lines(mail.get_content()) == _lines(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "Hello\r\nBcc: all@example.com"},
        {"subject": "Hello\nBcc: all@example.com"},
        {"subject": "Hello\u2028Bcc: all@example.com"},
        {"subject": "=?utf-8?q?Hello=0d=0aBcc:_all@example.com?="},
        {"subject": ""},
        {"subject": " "},
        {"subject": "x" * 201},
        {"to": "a@example.com\r\nBcc: all@example.com"},
        {"to": "a@example.com\n"},
        {"to": "a@example.com, b@example.com"},
        {"to": "=?utf-8?q?a?=@example.com"},
        {"to": "Ada <a@example.com>"},
        {"to": "a@localhost"},
        {"to": f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.example.com"},
        {"body": ""},
        {"body": "x" * 50_001},
        {"cc": "b@example.com"},
    ],
)
def test_a_mail_that_could_be_another_one_is_refused(wrong: dict[str, str]) -> None:
    """No header can be added through an address or a subject, and every field is bounded."""
    EmailParameters(**MAIL)
    with pytest.raises(ValidationError):
        EmailParameters.model_validate({**MAIL, **wrong})


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (BulkDeleteParameters, {"ids": []}),
        (BulkDeleteParameters, {"ids": [1, 1]}),
        (BulkDeleteParameters, {"ids": [0]}),
        (BulkDeleteParameters, {"ids": [True]}),
        (BulkDeleteParameters, {"ids": ["1"]}),
        (BulkDeleteParameters, {"ids": list(range(1, 1002))}),
        (ExportParameters, {}),
        (ExportParameters, {"limit": 0}),
        (ExportParameters, {"limit": 1001}),
        (ExportParameters, {"limit": 1.5}),
        (RefundParameters, {"amount_cents": 0, "currency": "EUR"}),
        (RefundParameters, {"amount_cents": -1, "currency": "EUR"}),
        (RefundParameters, {"amount_cents": 1_000_001, "currency": "EUR"}),
        (RefundParameters, {"amount_cents": 1, "currency": "eur"}),
        (RefundParameters, {"amount_cents": 1, "currency": "EURO"}),
        (RefundParameters, {"amount_cents": 1, "currency": "EUR\n"}),
        (NoParameters, {"force": True}),
    ],
)
def test_parameters_out_of_bounds_are_refused(model: type[Parameters], parameters: dict[str, Any]) -> None:
    """Every amount is positive, every list has an end, nothing is converted."""
    for good in ({"ids": [1, 2]}, {"limit": 1}, {"amount_cents": 1, "currency": "EUR"}, {}):
        if set(good) == set(model.model_fields):
            model.model_validate(good)
    with pytest.raises(ValidationError):
        model.model_validate(parameters)


@pytest.fixture(scope="module")
def declared() -> OperationRegistry:
    """What `assent.yaml` declares, with all that it names imported."""
    return load_assent_file(ROOT / "assent.yaml")[0]


def test_assent_yaml_declares_the_shop(declared: OperationRegistry) -> None:
    """The seven operations touch the data that the shop's owner says; only what is idempotent is declared so."""
    assert {name: one.data_class.value for name, one in declared.declarations.items()} == {
        "user.delete": "personal",
        "user.bulk_delete": "personal",
        "customer.read": "personal",
        "payment.read": "regulated",
        "data.export": "personal",
        "payment.refund": "internal",
        "email.send": "internal",
    }
    assert {name for name, one in declared.declarations.items() if one.idempotent} == {"payment.refund", "email.send"}


@pytest.mark.parametrize("name", ["user.delete", "customer.read", "payment.read", "payment.refund"])
def test_assent_yaml_takes_only_written_ids(declared: OperationRegistry, name: str) -> None:
    """An id that the shop would refuse is refused before anyone is asked."""
    pattern = declared.declarations[name].resource_id
    assert pattern is not None
    assert [each for each in ("1", "9" * 18, "", "0", "042", "1\n", "٤٢", "9" * 19) if re.fullmatch(pattern, each)] == [
        "1",
        "9" * 18,
    ]


def test_every_declared_function_takes_the_model_declared_beside_it(declared: OperationRegistry) -> None:
    """The bounds that a submission is checked against are those that the function was written for."""
    for name in declared.declarations:
        operation = declared.find(name)
        assert operation is not None
        assert get_type_hints(operation.function)["call"] == OperationCall[operation.parameters]  # type: ignore[name-defined]  # known at run time only


def test_the_agent_asks_for_what_is_declared(declared: OperationRegistry) -> None:
    """The example agent asks for each operation once, and none of its requests is refused."""
    asked = runpy.run_path(str(ROOT / "examples" / "agent.py"))["REQUESTS"]
    assert sorted(operation.type for _, operation in asked) == sorted(declared.declarations)
    for _, operation in asked:
        checked, _ = declared.checked(operation)
        assert checked == operation
