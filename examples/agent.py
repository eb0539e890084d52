"""An agent that asks for one of each of the shop's operations, waits, and prints what became of them.

ASSENT_KEY=asn_... python examples/agent.py [--url http://127.0.0.1:8000]
"""

import argparse
import json
import sys

from assent import Approval, Operation
from assent.client import Assent, AssentClientError

REQUESTS = [
    (
        "Look up the customer who wrote to us.",
        Operation(type="customer.read", resource_type="customer", resource_id="7"),
    ),
    (
        "The customer asked to be forgotten (GDPR, article 17).",
        Operation(type="user.delete", resource_type="user", resource_id="43"),
    ),
    (
        "Three test accounts are left over from the last release.",
        Operation(type="user.bulk_delete", resource_type="user", parameters={"ids": [998, 999, 1000]}),
    ),
    (
        "The customer asks what became of the order.",
        Operation(type="payment.read", resource_type="payment", resource_id="2"),
    ),
    (
        "The newsletter needs its first fifty readers.",
        Operation(type="data.export", resource_type="customer", parameters={"limit": 50}),
    ),
    (
        "The parcel arrived with one item missing.",
        Operation(
            type="payment.refund",
            resource_type="payment",
            resource_id="1",
            parameters={"amount_cents": 250, "currency": "EUR"},
        ),
    ),
    (
        "Tell the customer that the money is on its way.",
        Operation(
            type="email.send",
            resource_type="email",
            parameters={
                "to": "ada.adeyemi@example.com",
                "subject": "Your refund",
                "body": "We have refunded 2.50 EUR for the missing item. We are sorry about that.\n",
            },
        ),
    ),
]


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(approval: Approval) -> None:
    """Print what became of one approval: its status, who decided and why, and what running it gave."""
    say(f"{approval.operation.type}: {approval.status.value} by {', '.join(approval.decided_by) or 'nobody'}")
    for decision in approval.decisions:
        if decision.accepted and decision.comment:
            say(f"  {decision.reviewer}: {decision.comment}")
    if approval.execution and approval.execution.error:
        say(f"  error: {approval.execution.error}")
    elif approval.execution:
        say(f"  result: {json.dumps(approval.execution.result)}")


def main(url: str | None) -> None:
    """Submit everything first, so that reviewers see it all; then wait for each."""
    with Assent(url) as assent:
        submitted = [assent.submit(operation, reason) for reason, operation in REQUESTS]
        for approval in submitted:
            say(f"asked for {approval.operation.type} ({approval.id})")
        say("waiting for the reviewers ...")
        for approval in submitted:
            report(assent.wait(approval.id))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="Assent's address (default: ASSENT_URL, else http://127.0.0.1:8000)")
    try:
        main(parser.parse_args().url)
    except (AssentClientError, ValueError) as error:
        sys.exit(str(error))
