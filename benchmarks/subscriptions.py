"""Ten thousand customers who pay: what one plan asks of the gateway, and takes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.agency import Agency
from benchmarks.row import Row, Size
from reconciler.kinds.subscription import Of
from reconciler.providers._stripe_bills import labels
from reconciler.sandbox import Sandbox
from reconciler.sandbox.stripe_objects import invoice_object

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/stripe:
  type: stripe
  account: acct_sandbox
  endpoint: {stripe}
  limits: {{requestsPerSecond: 2000}}
  credentials: {{key: {{file: .sandbox/secrets/stripe-key}}}}
"""
_CUSTOMER = """\
Customer/c{number:05d}:
  legalName: Customer {number} BV
  country: NL
  contacts: {{billing: {{env: MAIL}}}}
  payment:
    primary: m{number:05d}
    consent: {{reference: order {number}, date: 2026-01-04, max: 200.00 EUR}}
PaymentMethod/m{number:05d}:
  {{customer: c{number:05d}, provider: stripe, token: pm_{number:05d}}}
Domain/s{number:05d}.example: {{provider: none, lifecycle: observe}}
Subscription/s{number:05d}:
  customer: c{number:05d}
  since: {since}
  price: 100.00 EUR/year
  covers: [Domain/s{number:05d}.example]
"""
#: On one page of Stripe's lists.
_PAGE = 100
#: Customers, for the methods; invoices; attempts at those that are open.
_LISTS = 2
#: Whose key it is, by each driver; what Stripe's own engine collects; open payments.
_ONCE = 6


def subscriptions(size: Size) -> Iterator[Row]:
    """Plan so many subscriptions, each of a customer of its own and invoiced once."""
    since = datetime.now(UTC).date() - timedelta(days=30)
    documents = "".join(
        _CUSTOMER.format(number=number, since=since) for number in range(size.middle)
    )
    with (
        tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder,
        Agency(Path(folder), ACCOUNTS, documents) as agency,
    ):
        _invoiced(agency.sandbox, since)
        agency.plan()  # reads the YAML for the first time
        agency.sandbox.ledger.reset_requests()
        used = agency.plan()
        asked = agency.sandbox.ledger.requests().get("stripe", {})
    pages = _LISTS * math.ceil(size.middle / _PAGE)
    what = f"plan of {size.middle:,} subscriptions of as many customers"
    shown = ", ".join(f"{name} {count}" for name, count in sorted(asked.items()))
    yield Row(f"{what}: requests", sum(asked.values()), "", pages + _ONCE, note=shown)
    yield Row(what, used.cpu, "s", note=f"{used.wall:.1f} s wall, {used.rss:.0f} MB")


def _invoiced(sandbox: Sandbox, since: date) -> None:
    """Let the gateway have one paid invoice for each customer."""
    (account,) = sandbox.benches["stripe"][1].state["accounts"]
    created = int((datetime.now(UTC) - timedelta(days=31)).timestamp())
    for number, customer in enumerate(account["customers"].values()):
        row = invoice_object(f"in_{number:05d}", created, customer)
        uid = f"s{customer['id'].removeprefix('cus_c')}"
        row |= {
            "metadata": labels(uid, Of(since.isoformat()), "bench"),
            "status": "paid",
            "number": f"B-{number:05d}",
            "total": 10000,
            "amount_due": 10000,
            "amount_paid": 10000,
        }
        row["status_transitions"]["paid_at"] = created
        account["invoices"][row["id"]] = row
