"""
Stripe: the invoices of one account's subscriptions, and how they are paid.

Sources: docs.stripe.com/api/invoices, /invoiceitems, /invoice-payment,
/payment_intents, /charges, /checkout/sessions, /customer_portal;
docs.stripe.com/invoicing/integration/workflow-transitions; see ``_stripe``.

* There is one invoice per period: paid or void it is at its end, so that it cannot be
  paid twice, by whomever. A charge without an invoice is never made.
* Before an invoice is paid it is read again: it must be open, with nothing under way,
  and exactly the agreed amount must be left. Whether the customer was faster does not
  matter: what is paid is paid.
* Every write has a key made from the action's. Stripe remembers it for 24 hours, a
  refusal by the bank too.
* A refusal without a bank's reason (``Invoice is already paid``, no code) says nothing
  about why: the invoice is read once more.
* What a bank decides later (SEPA) is ``Ambiguous`` until it has, and shown as
  ``processing``.
* Making void is the fence. Stripe refuses it where the invoice is paid or being paid.
* Restricted keys: write for invoices, invoice items (and tax rates, where a policy
  names a per cent); read for payment methods, payment intents, charges and
  subscriptions; write for Checkout sessions, for the links that letters carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import ValidationError

from reconciler.errors import (
    Ambiguous,
    Declined,
    ProviderError,
    Rejected,
    Unsupported,
)
from reconciler.kinds.subscription import (
    Authorize,
    Bill,
    BillingState,
    Capture,
    Charge,
    Invoice,
    Subscription,
    SubscriptionChange,
    Void,
)
from reconciler.model import (
    Absent,
    Account,
    Advice,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    Unmanaged,
    billing,
)
from reconciler.model.billing import Links, UpdateLink
from reconciler.providers import _stripe_bills as bills
from reconciler.providers import _stripe_books as books
from reconciler.providers import _stripe_native as natives
from reconciler.providers._stripe import NotThere, Stripe
from reconciler.providers._stripe_invoicing import Making, details, owner

_UNREADABLE: Final = (ValidationError, KeyError, TypeError, ValueError)
#: What the ids of Stripe's own subscriptions begin with.
_NATIVE: Final = "sub_"
_UNDER_WAY: Final = "the payment is under way"

Row = Mapping[str, Any]


class StripeBilling(Driver[Subscription, SubscriptionChange]):
    """The invoices of one Stripe account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "invoice": OpClass.KEYED,
        "charge": OpClass.KEYED,
        "void": OpClass.KEYED,
    }
    key_life: ClassVar[timedelta | None] = timedelta(hours=24)
    charges: ClassVar[timedelta] = timedelta(hours=1)
    credentials: ClassVar[frozenset[str]] = frozenset({"key"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._stripe = Stripe(account)
        self._engine = natives.Engine(self._stripe)

    def __repr__(self) -> str:
        return f"StripeBilling({self._account.name})"

    def identity(self) -> str | None:
        """Return the account's id; None where the key may not ask."""
        return self._stripe.identity()

    def examine(self) -> Iterator[Advice]:
        """Say that a key may do too much, and what nobody can read."""
        next(iter(self._stripe.each("listInvoices", "/v1/invoices")), None)
        yield from books.advice(self._stripe, self._account)

    def close(self) -> None:
        """Let go of connections."""
        self._stripe.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Subscription]) -> Observation:
        """Report all *wants*: three lists, and what the records know beside them."""
        self._stripe.http.counts()
        states: dict[str, Observed]
        unmanaged: tuple[Unmanaged, ...] = ()
        ours = [want for want in wants if not _by_engine(want) or want.books.invoiced()]
        try:
            found, intents = self._invoices(ours) if ours else ({}, {})
        except ProviderError as error:
            unread = Unknown(why=error.what, request_id=error.request_id)
            states = {want.name: unread for want in wants}
        except _UNREADABLE:
            unread = Unknown(why="the answer is not what the vendor documents")
            states = {want.name: unread for want in wants}
        else:
            engine = self._listed(owners=any(map(_by_engine, wants)))
            states = {
                w.name: self._seen(w, found.get(w.uid, []), intents, engine)
                for w in wants
            }
            if not isinstance(engine, Unknown):
                unmanaged = self._unmanaged(engine, wants)
        requests = self._stripe.http.counts()
        return Observation(states, unmanaged, requests=requests, partial=True)

    def _invoices(
        self, wants: Sequence[Subscription]
    ) -> tuple[dict[str, list[Row]], Mapping[str, Row]]:
        since = self._account.clock() - bills.WINDOW
        found = bills.wanted(bills.invoices(self._stripe, since), wants)
        # Attempts matter for what is open; a charge reads its own anew.
        rows = (row for same in found.values() for row in same)
        is_open = any(row["status"] == "open" for row in rows)
        return found, bills.attempts(self._stripe) if is_open else {}

    def _listed(self, *, owners: bool) -> Mapping[str, Row] | Unknown:
        """Return what Stripe's own engine collects, or why that is not known."""
        try:
            return self._engine.rows(owners=owners)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except _UNREADABLE:
            return Unknown(why="the answer is not what the vendor documents")

    def _seen(
        self,
        want: Subscription,
        rows: list[Row],
        intents: Mapping[str, Row],
        engine: Mapping[str, Row] | Unknown,
    ) -> Observed:
        about_engine = _by_engine(want) or want.uid.startswith(_NATIVE)
        if isinstance(engine, Unknown) and about_engine:
            return engine
        other = None if isinstance(engine, Unknown) else engine.get(want.uid)
        if _by_engine(want) and not (other or rows or want.books.invoiced()):
            return Absent()
        try:
            known = bills.recorded(want, self._account.name)
            listed = ((str(row["id"]), row) for row in rows)
            made = [bills.bill(r, intents.get(n), known.get(n)) for n, r in listed]
            customer = str(rows[0]["customer"]) if rows else None
            for name in bills.unlisted(want, self._account.name, rows):
                row = bills.invoice(self._stripe, name)
                made.append(bills.bill(row, bills.intent_of(row), known[name]))
            native = natives.native(other) if other else None
        except NotThere as error:
            why = "an invoice of the records is not in the account: is it another one?"
            return Unknown(why=why, request_id=error.request_id)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except _UNREADABLE:
            return Unknown(why="an invoice or a subscription of it cannot be read")
        return BillingState(
            way="invoice",
            customer=natives.customer_of(other) if other else customer,
            bills=bills.sorted_bills(made),
            native=native,
        )

    def _unmanaged(
        self, engine: Mapping[str, Row], wants: Sequence[Subscription]
    ) -> tuple[Unmanaged, ...]:
        """Return what Stripe's own engine collects, and no document is about."""
        known = {name for want in wants for name in (want.name, want.uid)}
        return tuple(
            Unmanaged(Subscription.kind, name, self._account.name)
            for name in sorted(engine)
            if name not in known
        )

    # -- apply -----------------------------------------------------------------

    def apply(
        self, want: Subscription, change: SubscriptionChange, key: str
    ) -> Receipt:
        """Make, pay or fence off one invoice, with keys made from *key*."""
        try:
            match change:
                case Invoice():
                    return Making(self._stripe, self._account, want, change, key).made()
                case Charge():
                    return self._charge(want, change, key)
                case Void():
                    return self._void(want, change, key)
                case Authorize() | Capture():
                    said = f"Stripe has invoices: it cannot {change.verb} one"
                    raise Unsupported(said)
        except _UNREADABLE:
            what = f"{change.verb}: the answer is not what the vendor documents"
            raise Ambiguous(what) from None

    def _bill(self, want: Subscription, change: SubscriptionChange) -> Row:
        """Return the invoice that *change* is about, read now."""
        row = bills.invoice(self._stripe, change.text("bill"))
        if bills.label(row, bills.UID) != want.uid or bills.of(row) != change.of:
            raise Rejected(f"{row['id']} is for something else", hint="plan again")
        return row

    def _charge(self, want: Subscription, change: Charge, key: str) -> Receipt:
        row = self._bill(want, change)
        if row["status"] == "paid":
            return _paid_before(row, change)
        if bills.under_way(bills.intent_of(row)):
            raise Ambiguous(_UNDER_WAY)
        left = bills.amount(row, "amount_remaining")
        if row["status"] != "open" or change.charge is None or left != change.charge:
            raise Rejected(
                f"{row['id']} is {row['status']}, with {left} left: not what was "
                f"planned to be paid ({change.charge})",
                hint="plan again",
            )
        client = self._stripe.sdk("payInvoice")
        try:
            answer = client.v1.invoices.pay(
                str(row["id"]),
                {
                    "payment_method": change.text("token"),
                    "off_session": True,
                    "expand": [bills.INTENT],
                },
                {"idempotency_key": f"{key}/pay"},
            )
        except Declined:
            raise
        except Rejected as refusal:
            return self._after(want, change, refusal)
        return _answered(answer.to_dict())

    def _after(
        self, want: Subscription, change: SubscriptionChange, refusal: Rejected
    ) -> Receipt:
        """Say what a refusal without a reason means, once the invoice is read again."""
        try:
            row = self._bill(want, change)
        except ProviderError:
            raise Ambiguous(
                f"{refusal.what}; and whether it is paid could not be read"
            ) from None
        if isinstance(change, Charge) and row["status"] == "paid":
            return _paid_before(row, change)
        if isinstance(change, Void) and row["status"] == "void":
            return _paid(row, replayed=True)
        if isinstance(change, Charge) and bills.under_way(bills.intent_of(row)):
            raise Ambiguous(_UNDER_WAY) from None
        raise refusal

    def _void(self, want: Subscription, change: Void, key: str) -> Receipt:
        row = self._bill(want, change)
        if row["status"] == "void":
            return _paid(row, replayed=True)
        if row["status"] == "paid":
            raise Rejected(f"{row['id']} is paid", hint="plan again")
        if bills.under_way(bills.intent_of(row)):
            raise Rejected(
                f"{row['id']}: {_UNDER_WAY}", hint="wait until it is decided"
            )
        client = self._stripe.sdk("voidInvoice")
        try:
            answer = client.v1.invoices.void_invoice(
                str(row["id"]), None, {"idempotency_key": f"{key}/void"}
            )
        except Rejected as refusal:
            return self._after(want, change, refusal)
        if answer.status != "void":
            raise Ambiguous(f"{row['id']} is {answer.status} after it was made void")
        return _paid(answer.to_dict(), replayed=False)

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: Subscription, change: SubscriptionChange, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh read whether a lost *change* took effect, or was refused."""
        del key
        refusal = None
        try:
            if isinstance(change, Invoice):
                made = self._made(want)
            else:
                row = self._bill(want, change)
                made = [bills.bill(row, bills.intent_of(row))]
                if isinstance(change, Charge):
                    refusal = bills.refusal(self._stripe, row, since)
        except (ProviderError, *_UNREADABLE):
            return None
        state = BillingState(way="invoice", bills=bills.sorted_bills(made))
        if want.pending(change, {change.share: state}):
            return None
        if refusal is not None:
            raise refusal
        done = want.done(change, {change.share: state})
        settled = self._account.clock() - since >= self.settled_after(change)
        return True if done else (False if settled else None)

    def _made(self, want: Subscription) -> list[Bill]:
        """Return what there is of *want*, read now."""
        since = self._account.clock() - bills.WINDOW
        rows = bills.wanted(bills.invoices(self._stripe, since), [want])[want.uid]
        return [bills.bill(row, None) for row in rows]

    # -- letters and books -----------------------------------------------------

    def links(self, bill: str) -> Links:
        """Return Stripe's page and document of an invoice; see ``Collector``."""
        row = self._stripe.get("getInvoice", f"/v1/invoices/{bill}")
        return Links(row.get("hosted_invoice_url"), row.get("invoice_pdf"))

    def update_link(self, token: str) -> UpdateLink:
        """
        Return where the owner of a method enters another card.

        The portal's login page, where it is switched on: its address stays. Otherwise
        a page of Checkout in mode ``setup``, which ends after 24 hours.
        """
        customer = owner(self._stripe, token)
        return books.update_link(self._stripe, self._account, customer)

    def captures(self, since: datetime) -> Iterator[billing.Capture]:
        """Yield all that the account took since then, and what each was for."""
        return books.captures(self._stripe, since)


def _by_engine(want: Subscription) -> bool:
    """Say whether Stripe's own engine is to collect *want*."""
    terms = want.spec.terms
    return terms is not None and terms.invoicing.collector != "reconciler"


def _answered(row: Row) -> Receipt:
    """Return what an answer to an attempt means that was no refusal."""
    if row["status"] == "paid":
        return _paid(row, replayed=False)
    intent = bills.intent_of(row)
    if intent is not None and intent.get("status") == "requires_action":
        raise Declined(
            "the customer has to confirm the payment",
            kind="action",
            declined="requires_action",
        )
    raise Ambiguous(_UNDER_WAY)


def _paid_before(row: Row, change: Charge) -> Receipt:
    """Return that an invoice is paid: by an earlier request, or by the customer."""
    paid = bills.amount(row, "amount_paid")
    if paid != change.charge:
        raise Rejected(f"{row['id']} is paid: {paid}, and not {change.charge}")
    return _paid(row, replayed=True)


def _paid(row: Row, *, replayed: bool) -> Receipt:
    told = {**details(row), "amount": str(bills.amount(row, "amount_paid"))}
    return Receipt(reference=str(row["id"]), replayed=replayed, details=told)


DRIVER = StripeBilling
