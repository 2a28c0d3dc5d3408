"""
How the one invoice of a period is made at Stripe.

Three requests, each with its own key made from the action's: a draft, which nobody can
pay; its lines; and its finalisation, which gives it its number, takes the customer's
credit off, and lets the customer pay. A run that ends in between leaves a draft, and
the next one finds it by what it says of itself, completes it, and makes no second one.

``auto_advance`` is off from the first request on: Stripe's own engine never collects
what this tool does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pydantic import JsonValue

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.subscription import Invoice, Subscription
from reconciler.model import Account, Money, Receipt
from reconciler.providers import _stripe_bills as bills
from reconciler.providers._answers import mapping
from reconciler.providers._stripe import NotThere, Stripe

if TYPE_CHECKING:
    from stripe.params import InvoiceCreateParams, InvoiceItemCreateParams

_OPEN: Final = frozenset({"open", "paid", "uncollectible"})
_SHOWN: Final = 200

Row = Mapping[str, Any]


class Line(NamedTuple):
    """One line of an invoice, in words."""

    text: str
    amount: Money


class Making:
    """Makes, or completes, one invoice."""

    def __init__(
        self,
        stripe: Stripe,
        account: Account,
        want: Subscription,
        change: Invoice,
        key: str,
    ) -> None:
        self._stripe = stripe
        self._now = account.clock
        self._want = want
        self._change = change
        self._key = key
        self._amount = Money.model_validate(change.text("amount"))

    def made(self) -> Receipt:
        """
        Return the invoice, open or paid by credit already.

        Raises:
            Rejected: It cannot be made, or is there already and is another.
            Ambiguous: It may have been finalised.
        """
        customer = self._customer()
        found = self._existing(customer)
        if found is not None and found["status"] in _OPEN:
            return self._receipt(found, replayed=True)
        draft = found or self._draft(customer)
        self._fill(customer, draft)
        self._check(str(draft["id"]))
        return self._receipt(self._finalized(str(draft["id"])), replayed=False)

    def _customer(self) -> str:
        token = self._change.details.get("token")
        if not isinstance(token, str):
            raise Rejected("no payment method says whose invoice it is")
        return owner(self._stripe, token)

    def _existing(self, customer: str) -> Row | None:
        """Return what was made for the same before, by this action or another, ever."""
        asked = {"customer": customer}
        rows = self._stripe.each("listInvoices", "/v1/invoices", asked)
        uid, of = self._want.uid, self._change.of
        found = bills.of_the_same(rows, uid, of)
        if len(found) > 1:
            names = ", ".join(str(row["id"]) for row in found)
            raise Rejected(f"there are several invoices for {of.generation}: {names}")
        if found and found[0]["status"] == "void":
            raise Rejected(
                f"{found[0]['id']} was made for it, and is void",
                hint="a person made it void: settle how the period is paid",
            )
        return found[0] if found else None

    # -- the draft ----------------------------------------------------------------

    def _draft(self, customer: str) -> Row:
        operation = self._key.rpartition("-")[0] or self._key
        params: dict[str, Any] = {
            "customer": customer,
            "auto_advance": False,
            "currency": self._amount.currency.lower(),
            "metadata": bills.labels(self._want.uid, self._change.of, operation),
            "pending_invoice_items_behavior": "exclude",
            **self._collected(),
            **self._tax(),
        }
        client = self._stripe.sdk("createInvoice")
        made = client.v1.invoices.create(
            cast("InvoiceCreateParams", params),
            {"idempotency_key": f"{self._key}/create"},
        )
        return made.to_dict()

    def _collected(self) -> dict[str, Any]:
        """Say when it is due; what is charged by itself is due at once."""
        if self._change.details["collect"] != "invoice":
            return {"collection_method": "charge_automatically"}
        due = datetime.fromisoformat(self._change.text("due"))
        when: dict[str, int] = {"due_date": int(due.timestamp())}
        if due <= self._now():
            when = {"days_until_due": 0}
        return {"collection_method": "send_invoice", **when}

    def _tax(self) -> dict[str, Any]:
        match self._change.details.get("tax"):
            case None | "none":
                return {}
            case "gateway":
                return {"automatic_tax": {"enabled": True}}
            case str() as percent if percent.endswith("%"):
                return {"default_tax_rates": [self._rate(percent)]}
            case list() as rates:
                return {"default_tax_rates": [str(rate) for rate in rates]}
            case other:
                raise Rejected(f"{other!r} is no tax that Stripe knows")

    def _rate(self, percent: str) -> str:
        """Return the account's rate of so many per cent on top; make one if needed."""
        wanted = Decimal(percent.removesuffix("%"))
        asked = {"active": "true"}
        for row in self._stripe.each("listTaxRates", "/v1/tax_rates", asked):
            if not row["inclusive"] and Decimal(str(row["percentage"])) == wanted:
                return str(row["id"])
        client = self._stripe.sdk("createTaxRate")
        made = client.v1.tax_rates.create(
            {"display_name": "VAT", "inclusive": False, "percentage": float(wanted)},
            {"idempotency_key": f"{self._key}/rate"},
        )
        return str(made.id)

    # -- its lines ----------------------------------------------------------------

    def _lines(self) -> list[Line]:
        told = self._change.details.get("lines")
        if not isinstance(told, list) or not told:
            return [Line(self._text(), self._amount)]
        return [_line(one) for one in told]

    def _text(self) -> str:
        begins = self._change.text("begins")
        last = date.fromisoformat(self._change.text("ends")) - timedelta(days=1)
        names = (one.partition("/")[2] for one in self._want.spec.covers)
        return f"{', '.join(names)[:_SHOWN]}: {begins} to {last.isoformat()}"

    def _fill(self, customer: str, draft: Row) -> None:
        """Put every line on a draft that it does not have yet."""
        there = {
            bills.label(mapping(row), bills.LINE)
            for row in mapping(draft["lines"]).get("data") or ()
        }
        client = self._stripe.sdk("createInvoiceItem")
        for number, line in enumerate(self._lines()):
            if str(number) in there:
                continue
            params: dict[str, Any] = {
                "customer": customer,
                "invoice": draft["id"],
                "amount": line.amount.minor,
                "currency": line.amount.currency.lower(),
                "description": line.text,
                "period": {
                    "start": _midnight(self._change.text("begins")),
                    "end": _midnight(self._change.text("ends")),
                },
                "metadata": {bills.LINE: str(number)},
            }
            client.v1.invoice_items.create(
                cast("InvoiceItemCreateParams", params),
                {"idempotency_key": f"{self._key}/item/{number}"},
            )

    # -- letting it be paid -------------------------------------------------------

    def _check(self, name: str) -> None:
        """Refuse to finalise what does not come to what was agreed; nobody owes it."""
        draft = self._stripe.get("getInvoice", f"/v1/invoices/{name}")
        wrong = self._wrong(draft)
        if draft["status"] == "draft" and wrong:
            hint = f"delete the draft {name} at Stripe; nobody can pay it"
            raise Rejected(f"the draft {name} {wrong}", hint=hint)

    def _wrong(self, row: Row) -> str | None:
        subtotal = bills.amount(row, "subtotal")
        if subtotal != self._amount and not self._included(row):
            return f"comes to {subtotal}, and not to {self._amount}"
        if row.get("auto_advance"):
            return "would be collected by Stripe's own engine"
        return None

    def _included(self, row: Row) -> bool:
        """Say whether the agreed amount is on its lines, whatever a rate includes."""
        lines = mapping(row["lines"]).get("data") or ()
        return bool(sum(line["amount"] for line in lines) == self._amount.minor)

    def _finalized(self, name: str) -> Row:
        client = self._stripe.sdk("finalizeInvoice")
        done = client.v1.invoices.finalize_invoice(
            name,
            {"auto_advance": False},
            {"idempotency_key": f"{self._key}/finalize"},
        )
        row: Row = done.to_dict()
        if row["status"] not in _OPEN:
            raise Ambiguous(f"{name} is {row['status']} after it was finalised")
        return row

    def _receipt(self, row: Row, *, replayed: bool) -> Receipt:
        if (wrong := self._wrong(row)) is not None:
            raise Rejected(
                f"{row['id']} was made for it before, and {wrong}",
                hint="see to that invoice at Stripe: make it void, or let it be paid",
            )
        return Receipt(
            reference=str(row["id"]), replayed=replayed, details=details(row)
        )


def details(row: Row) -> dict[str, JsonValue]:
    """Return what the records keep of an invoice: no address that opens it."""
    return {
        "id": str(row["id"]),
        "number": row.get("number"),
        "total": str(bills.amount(row, "total")),
        "left": str(bills.amount(row, "amount_remaining")),
    }


def owner(stripe: Stripe, token: str) -> str:
    """Return the customer that a payment method is attached to."""
    try:
        method = stripe.get("getPaymentMethod", f"/v1/payment_methods/{token}")
    except NotThere:
        raise Rejected("the payment method is not in the account") from None
    customer = method.get("customer")
    if not isinstance(customer, str):
        raise Rejected("the payment method is attached to no customer any more")
    return customer


def _line(told: JsonValue) -> Line:
    match told:
        case {"text": str() as text, "amount": str() as amount}:
            return Line(text[:_SHOWN], Money.model_validate(amount))
        case _:
            raise Rejected("a line of the invoice has no text and amount")


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
