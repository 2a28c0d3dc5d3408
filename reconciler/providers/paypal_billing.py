"""
PayPal: money is held first and taken then; each of both at most once.

Source: developer.paypal.com (orders v2, payments v2, idempotency, authorize and
capture, payment receiving preferences), and ``_paypal``.

* A bill is a number of ours until its money is held: PayPal is not asked for one. So
  ``invoice`` sends nothing, and what is shown comes from the records; of what is held,
  and neither taken nor given up, the authorization is read, one by one.
* ``authorize``: an order with intent AUTHORIZE, paid by a token of the vault. Its id is
  kept for 6 hours (``PayPal-Request-Id``). Later, and where an answer was lost, the
  books are looked through for an authorization that is still good, and that is used: a
  hold that nobody remembers takes no money, and ends after 29 days. One that PayPal
  wants to review first is given up at once: a soft decline.
* ``capture``: of that authorization, by its id, all of it; its id is kept for 45 days,
  and it cannot be captured twice. The invoice's number goes with the capture, so that
  an account that blocks accidental payments (they do, unless told otherwise) refuses a
  second one by another authorization.
* ``void``: no request id is documented. PayPal refuses it of what was captured, and a
  read shows it.
* ``charge``: an account that may not authorize (AUTH_CAPTURE_NOT_ENABLED) says so in
  its ``limits`` (``stepsPerPayment: 1``): an order with intent CAPTURE, whose id is
  kept for 6 hours. After that only the account's setting *block accidental payments*
  (which no API shows) and the books, 3 hours late, tell a second payment from a first.
* Nobody documents what becomes of another body under the same request id, so what comes
  back is compared with what was asked.

Never tried against the live service: whether every wallet may be authorized from the
vault with nobody present. A refusal of it says so, and nothing is taken.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from pydantic import JsonValue, ValidationError

from reconciler.errors import Declined, ProviderError, Rejected
from reconciler.kinds.subscription import (
    Authorize,
    Capture,
    Charge,
    Invoice,
    Subscription,
    SubscriptionChange,
    Void,
)
from reconciler.kinds.subscription.amounts import nets
from reconciler.kinds.subscription.state import Way
from reconciler.model import (
    Account,
    Advice,
    Change,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    billing,
)
from reconciler.model.billing import Links, UpdateLink
from reconciler.providers import _paypal_billing as words
from reconciler.providers._answers import mapping
from reconciler.providers._paypal import CREDENTIALS, Forbidden, PayPal
from reconciler.providers._paypal_bills import Bills
from reconciler.providers._paypal_books import ACTIVITY, LATE, entries, taken
from reconciler.providers._paypal_moves import Moves

ORDER_KEPT: Final = timedelta(hours=6)
CAPTURE_KEPT: Final = timedelta(days=45)
#: The limit that says that this account cannot hold money first.
STEPS: Final = "stepsPerPayment"
#: Where a payer sees all merchants that may charge the wallet, and chooses its source.
AUTOMATIC: Final = "https://www.paypal.com/myaccount/autopay/"


class PayPalBilling(Driver[Subscription, SubscriptionChange]):
    """What subscriptions owe, paid by one PayPal account's vault."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "invoice": OpClass.KEYED,
        "authorize": OpClass.KEYED,
        "capture": OpClass.KEYED,
        "charge": OpClass.KEYED,
        "void": OpClass.PROBE,
    }
    key_life: ClassVar[timedelta | None] = CAPTURE_KEPT
    charges: ClassVar[timedelta] = LATE
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False
    numbers: ClassVar[bool] = True

    def __init__(self, account: Account) -> None:
        self._account = account
        self._paypal = PayPal(account)
        single = account.limits.get(STEPS) == 1
        self._way: Way = "capture" if single else "authorize"
        self._bills = Bills(account, self._paypal)
        self._moves = Moves(account, self._paypal, self._bills)

    def __repr__(self) -> str:
        return f"PayPalBilling({self._account.name})"

    def identity(self) -> str | None:
        """Return the merchant's payer id; None where the app may not ask."""
        return self._paypal.identity()

    def remembered(self, change: Change) -> timedelta | None:
        """Return how long PayPal keeps the id: of an order for hours."""
        short = isinstance(change, (Authorize, Charge))
        return ORDER_KEPT if short else CAPTURE_KEPT

    def examine(self) -> Iterator[Advice]:
        """Say what the books cannot show, and what no API shows."""
        now = self._account.clock()
        try:
            entries(self._paypal, now - timedelta(hours=1), now)
        except Forbidden:
            yield Advice(
                "the app may not search transactions: the books cannot be compared, "
                "and a payment whose answer was lost cannot be found",
                "switch on Transaction search for the app at developer.paypal.com; "
                "PayPal takes up to 9 hours to let it in",
            )
        if self._way == "capture":
            yield Advice(
                f"{STEPS} is 1: only the account's own setting keeps PayPal from "
                "taking an invoice twice after a lost answer, and no API shows it",
                'look at it: Account settings > Payment preferences > "Block '
                'accidental payments" is to be Yes. Better: let the account '
                f"authorize, and take {STEPS} away",
            )

    def close(self) -> None:
        """Let go of connections."""
        self._paypal.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Subscription]) -> Observation:
        """Report all *wants*: from the records, and from what is held for them."""
        self._paypal.http.counts()
        states: dict[str, Observed] = {want.name: self._seen(want) for want in wants}
        requests = self._paypal.http.counts()
        return Observation(states, requests=requests, partial=True)

    def _seen(self, want: Subscription) -> Observed:
        try:
            return self._bills.state(want, self._way)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except (ValidationError, KeyError, TypeError, ValueError):
            return Unknown(why="the answer is not what the vendor documents")

    # -- apply -----------------------------------------------------------------

    def apply(
        self, want: Subscription, change: SubscriptionChange, key: str
    ) -> Receipt:
        """Do one step of one period; see ``Driver.apply``."""
        match change:
            case Invoice():
                return self._invoice(want, change)
            case Authorize():
                return self._moves.authorize(want, change, key)
            case Capture():
                return self._moves.capture(want, change, key)
            case Charge():
                if self._way == "authorize":
                    raise Rejected(f"this account holds money first; see {STEPS}")
                return self._moves.charge(want, change, key)
            case Void():
                return self._moves.void(want, change)

    def _invoice(self, want: Subscription, change: Invoice) -> Receipt:
        """Say what is to be paid; PayPal has nothing to make for it."""
        of, details = change.of, change.details
        number = str(details.get("number") or words.custom_id(want.uid, of))
        tax = details.get("tax", "none")
        parts = [words.with_tax(net, tax) for net in nets(change)]
        total = str(sum(parts[1:], parts[0]))
        told: dict[str, JsonValue] = {"id": number, "number": number, "total": total}
        dates = {name: details[name] for name in ("begins", "ends", "due")}
        provider = self._account.name
        self._bills.remember(want, of, "invoice", provider=provider, **told, **dates)
        return Receipt(reference=number, details={**told, "left": total})

    def happened(
        self, want: Subscription, change: SubscriptionChange, key: str, since: datetime
    ) -> bool | None:
        """Say from PayPal's books whether a lost *change* took effect."""
        del key
        settled = self._account.clock() - since >= self.settles
        held = self._bills.books(want).authorized(change.of).get("id")
        try:
            if isinstance(change, Charge):
                return self._charged(want, change, since)
            if not isinstance(change, (Capture, Void)) or not isinstance(held, str):
                return None
            found = self._bills.held(held)
        except ProviderError:
            return None
        state = found.state
        if state == "processing":
            return None
        if isinstance(change, Capture) and found.declined:
            what, code = "it was declined", str(found.code)
            raise Declined(what, kind="soft", declined=code)
        done = state == ("paid" if isinstance(change, Capture) else "void")
        return True if done else (False if settled else None)

    def _charged(
        self, want: Subscription, change: Charge, since: datetime
    ) -> bool | None:
        now, custom = self._account.clock(), words.custom_id(want.uid, change.of)
        pages = entries(self._paypal, since - timedelta(days=1), now)
        found = [e for e in pages.entries if e.kind == "taken" and e.custom == custom]
        if any(entry.status in {"S", "V"} for entry in found):
            return True
        if any(entry.status == "P" for entry in found):
            return None
        return False if pages.fresh > since + self.settles else None

    # -- for letters and for the books ---------------------------------------------

    def links(self, bill: str) -> Links:
        """Return nothing: what is held, or paid from the vault, has no page."""
        del bill
        return Links(None, None)

    def update_link(self, token: str) -> UpdateLink:
        """
        Return where the owner of a wallet changes what it pays with.

        Raises:
            Rejected: The token is a card: PayPal has no page to enter another one on.
            ProviderError: It cannot be read.
        """
        found = self._paypal.get("getPaymentToken", f"/v3/vault/payment-tokens/{token}")
        if "paypal" not in mapping(found["payment_source"]):
            what = "PayPal has no page for another card: it is stored by your checkout"
            raise Rejected(what)
        return UpdateLink(AUTOMATIC, None)

    def captures(self, since: datetime) -> Iterator[billing.Capture]:
        """
        Yield all that the account took since then, by its own (late) books.

        ``operation`` is the payment's name, which has no action's id in it: two
        captures of one name are one too many.
        """
        yield from taken(entries(self._paypal, since, self._account.clock()))

    def holds(self, since: datetime, known: Container[str]) -> Iterator[billing.Hold]:
        """
        Yield what is held for us since then, but for what is *known*.

        The books name every authorization there was; each that nobody knows is asked
        for, whether it still holds anything.

        Raises:
            ProviderError: They cannot be read, or not by this app.
        """
        now = self._account.clock()
        for entry in entries(self._paypal, since, now, held=True).entries:
            ours = words.named(entry.custom)
            if entry.kind != "held" or ours is None or entry.id in known:
                continue
            held = self._bills.held(entry.id)
            if held.state == "authorized":
                page = f"{ACTIVITY}/{entry.id}"
                yield billing.Hold(entry.id, entry.at, held.amount, *ours, page)


DRIVER = PayPalBilling
