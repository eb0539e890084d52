"""What each of the shop's operations takes. A submission that breaks its model is refused before anyone is asked."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from assent.operations import Parameters

MAX_CUSTOMER_ID = 10**15
MAX_REFUND_CENTS = 1_000_000


def _each_once(ids: list[int]) -> list[int]:
    if len(set(ids)) != len(ids):
        message = "name each id once"
        raise ValueError(message)
    return ids


def _arrives_as_written(subject: str) -> str:
    # Python's email package decodes encoded words (RFC 2047), which can hide other text, or a line break that starts
    # another header, from the reviewer. It also drops spaces at the ends.
    if "=?" in subject or subject != subject.strip():
        message = "write the subject as plain text, without =? and without spaces around it"
        raise ValueError(message)
    return subject


class BulkDeleteParameters(Parameters):
    """Which customers to delete: 1 to 1,000 ids, each once."""

    ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_CUSTOMER_ID)]],
        Field(min_length=1, max_length=1_000, title="Customers"),
        AfterValidator(_each_once),
    ]


class ExportParameters(Parameters):
    """How many customers to export, from the lowest id on."""

    limit: int = Field(ge=1, le=1_000, title="How many", json_schema_extra={"unit": "customers"})


class RefundParameters(Parameters):
    """How much of an order to pay back. `currency` (ISO 4217) must be the order's own."""

    amount_cents: int = Field(ge=1, le=MAX_REFUND_CENTS, title="Amount", json_schema_extra={"unit": "cents"})
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class EmailParameters(Parameters):
    """A plain-text mail to one person. `to` and `subject` are one line each: no header can be added through them."""

    to: Annotated[
        str,
        StringConstraints(
            max_length=254, pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
        ),
    ]
    subject: Annotated[
        str,
        # No control characters, and none of the other line separators that Unicode knows.
        StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"),
        AfterValidator(_arrives_as_written),
    ]
    body: str = Field(min_length=1, max_length=50_000)
