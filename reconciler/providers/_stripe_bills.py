"""
Stripe's invoices as bills: what they show of a subscription's periods.

* An invoice says by its metadata what it is for; nothing else is looked at.
* How the last attempt went is not in the invoice but in its payment intent. The list
  of invoice payments brings those along (``expand``), for all open ones at once: no
  invoice is asked for by itself. It is read *before* the invoices, so that what is paid
  meanwhile is shown as paid, and never as open with nothing under way.
* The list goes back ``WINDOW``. What was made earlier and is still to be paid is known
  from the records, and asked for by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from reconciler.errors import Declined, Rejected
from reconciler.kinds.subscription import Bill, Of, Subscription
from reconciler.model import Money
from reconciler.providers._answers import mapping
from reconciler.providers._stripe import Stripe
from reconciler.providers._stripe_declines import code_of, declined, kind_of

WINDOW: Final = timedelta(days=100)
#: So far two clocks may be apart.
_SKEW: Final = timedelta(hours=1)
INTENT: Final = "payments.data.payment.payment_intent"
#: What our objects say of themselves.
UID: Final = "reconciler_subscription"
PERIOD: Final = "reconciler_period"
PURPOSE: Final = "reconciler_purpose"
LEG: Final = "reconciler_leg"
OPERATION: Final = "reconciler_operation"
LINE: Final = "reconciler_line"
_ORDER: Final = ("paid", "authorized", "open", "draft", "uncollectible", "void")

Row = Mapping[str, Any]
Payment = Literal["none", "processing", "action", "failed"]


def labels(uid: str, of: Of, operation: str) -> dict[str, str]:
    """Return the metadata by which an object is known again."""
    return {
        UID: uid,
        PERIOD: of.period,
        PURPOSE: of.purpose,
        LEG: str(of.leg),
        OPERATION: operation,
    }


def label(row: Row, name: str) -> str:
    """Return one value of an object's metadata; empty where it has none."""
    metadata = row.get("metadata")
    return str(metadata.get(name) or "") if isinstance(metadata, dict) else ""


def of(row: Row) -> Of:
    """Return what an invoice of ours is for; raise ValueError where it does not say."""
    return Of(label(row, PERIOD), label(row, PURPOSE), int(label(row, LEG)))


def invoices(stripe: Stripe, since: datetime) -> Iterator[Row]:
    """Yield the account's invoices since then."""
    asked = {"created[gte]": int(since.timestamp())}
    return stripe.each("listInvoices", "/v1/invoices", asked)


def attempts(stripe: Stripe) -> dict[str, Row]:
    """Return the intents of what is not paid yet, by the invoice's id."""
    asked = {"status": "open", "expand[]": "data.payment.payment_intent"}
    rows = stripe.each("listInvoicePayments", "/v1/invoice_payments", asked)
    return {
        str(row["invoice"]): intent
        for row in rows
        if isinstance(intent := mapping(row["payment"]).get("payment_intent"), dict)
        and row.get("is_default")
    }


def invoice(stripe: Stripe, name: str) -> Row:
    """Return one invoice, with its intent; raise NotThere where there is none."""
    asked = {"expand[]": INTENT}
    return stripe.get("getInvoice", f"/v1/invoices/{name}", asked)


def intent_of(row: Row) -> Row | None:
    """Return the intent that came along with an invoice."""
    listed = mapping(row.get("payments") or {}).get("data") or ()
    for payment in listed:
        intent = mapping(mapping(payment)["payment"]).get("payment_intent")
        if isinstance(intent, dict) and payment.get("is_default"):
            return intent
    return None


def bill(row: Row, intent: Row | None, what: Of | None = None) -> Bill:
    """
    Return an invoice as a bill; raise ValueError where it cannot be one.

    *what* it is for is what the records say, where they know it: metadata can be
    edited by hand.
    """
    period, purpose, leg = what or of(row)
    state = row["status"]
    payment, code = _attempt(intent) if state == "open" else ("none", None)
    paid_at = mapping(row["status_transitions"]).get("paid_at")
    return Bill(
        period=period,
        purpose=purpose,
        leg=leg,
        id=str(row["id"]),
        number=row.get("number"),
        state=state,
        total=amount(row, "total"),
        left=amount(row, "amount_remaining"),
        paid=amount(row, "amount_paid"),
        payment=payment,
        code=code,
        method=_method(intent),
        at=datetime.fromtimestamp(paid_at, UTC) if paid_at else None,
    )


def amount(row: Row, field: str) -> Money:
    """Return an amount of an object; raise ValueError where it is none."""
    minor = row[field]
    if not isinstance(minor, int) or isinstance(minor, bool) or minor < 0:
        raise ValueError(f"{field} is no amount")
    return Money.of_minor(minor, str(row["currency"]).upper())


def _attempt(intent: Row | None) -> tuple[Payment, str | None]:
    if intent is None:
        return "none", None
    error = intent.get("last_payment_error")
    code = code_of(error) if isinstance(error, dict) else None
    match intent["status"]:
        case "requires_action" | "requires_confirmation":
            return "action", code
        case "requires_payment_method" if code is None:
            return "none", None
        case "requires_payment_method":
            action = kind_of(code or "") == "action"
            return ("action" if action else "failed"), code
        case "canceled":
            return "none", code
        case _:
            # Under way, succeeded a moment ago, or a word nobody knows: not to be
            # paid a second time.
            return "processing", None


def _method(intent: Row | None) -> str | None:
    if intent is None:
        return None
    error = intent.get("last_payment_error")
    failed = error.get("payment_method") if isinstance(error, dict) else None
    found = intent.get("payment_method") or failed
    found = found.get("id") if isinstance(found, dict) else found
    return str(found) if found else None


def under_way(intent: Row | None) -> bool:
    """Say whether a payment may still be decided by somebody else."""
    return _attempt(intent)[0] == "processing"


def refusal(stripe: Stripe, row: Row, since: datetime) -> Declined | None:
    """
    Return how an attempt at an open invoice was refused that was made since then.

    What is older is of an attempt before: there is a day between two of them.
    """
    intent = intent_of(row) or {}
    error = intent.get("last_payment_error")
    if row["status"] != "open" or not isinstance(error, dict):
        return None
    if (name := intent.get("latest_charge")) is not None:
        charge = stripe.get("getCharge", f"/v1/charges/{name}")
        made = datetime.fromtimestamp(charge["created"], UTC)
        if made < since - _SKEW:
            return None
    return declined(error, f"the attempt was refused ({code_of(error)})", None)


def wanted(rows: Iterable[Row], wants: Sequence[Subscription]) -> dict[str, list[Row]]:
    """Return the invoices that are about *wants*, by the uid of each."""
    found: dict[str, list[Row]] = {want.uid: [] for want in wants}
    for row in rows:
        uid = label(row, UID)
        if uid in found:
            found[uid].append(row)
    return found


def recorded(want: Subscription, account: str) -> dict[str, Of]:
    """Return what was made at *account* by the records: what each invoice is for."""
    made = want.books.invoiced()
    return {one.id: one.of for one in made if one.provider == account}


def unlisted(want: Subscription, account: str, rows: Iterable[Row]) -> list[str]:
    """Return what is to be paid still by the records, and is not among *rows*."""
    listed, books = {row["id"] for row in rows}, want.books
    return [
        name
        for name, of in recorded(want, account).items()
        if name not in listed and not books.paid(of) and not books.voided(of)
    ]


def sorted_bills(bills: Iterable[Bill]) -> tuple[Bill, ...]:
    """Return bills in order; of two for the same, the one that was paid comes first."""
    return tuple(sorted(bills, key=lambda b: (b.of, _ORDER.index(b.state), b.id)))


def of_the_same(rows: Iterable[Row], uid: str, what: Of) -> list[Row]:
    """Return the invoices for the very same thing that are not void."""
    same = []
    for row in rows:
        if label(row, UID) != uid:
            continue
        try:
            about = of(row)
        except ValueError:
            raise Rejected(f"{row['id']} does not say what it is for") from None
        if about == what:
            same.append(row)
    return same
