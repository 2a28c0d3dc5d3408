"""How money moves at PayPal: it is held, taken, or given up; each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Ambiguous, Declined, Rejected
from reconciler.kinds.subscription import (
    Authorize,
    Capture,
    Charge,
    Of,
    Subscription,
    SubscriptionChange,
    Void,
)
from reconciler.model import Account, Money, Receipt
from reconciler.providers import _paypal_billing as words
from reconciler.providers._answers import mapping
from reconciler.providers._paypal import Forbidden, NotThere, PayPal, Refused
from reconciler.providers._paypal_bills import Bills
from reconciler.providers._paypal_books import entries
from reconciler.providers._paypal_held import Held

_ORDERS: Final = "/v2/checkout/orders"
_HELD: Final = "/v2/payments/authorizations"
#: How long an authorization is good.
_GOOD: Final = timedelta(days=29)


class Moves:
    """The steps that move money, for one account; see ``paypal_billing``."""

    def __init__(self, account: Account, paypal: PayPal, bills: Bills) -> None:
        self._name = account.name
        self._clock: Callable[[], datetime] = account.clock
        self._paypal = paypal
        self._bills = bills
        self._taken: dict[tuple[str, Of], Receipt] = {}

    def _order(
        self, want: Subscription, change: Authorize | Charge, key: str, charge: Money
    ) -> tuple[Mapping[str, Any], Mapping[str, Any], str | None]:
        """Make the order; return it, what it is about, and the request's number."""
        holds = isinstance(change, Authorize)
        custom = words.custom_id(want.uid, change.of)
        body = words.order(
            "AUTHORIZE" if holds else "CAPTURE",
            custom,
            charge,
            self._source(change.text("token")),
            None if holds else _number(want, change),
        )
        reply = self._post("createOrder", _ORDERS, body, f"{key}/order")
        found = mapping(reply.data)
        unit = words.unit_of(found, custom, charge)
        if found.get("status") == "PAYER_ACTION_REQUIRED":
            code = "PAYER_ACTION_REQUIRED"
            what = "the payer has to confirm the payment at PayPal"
            raise Declined(
                what, kind="action", declined=code, request_id=reply.request_id
            )
        return found, unit, reply.request_id

    def _post(
        self, operation: str, path: str, body: Mapping[str, Any], key: str | None = None
    ) -> Any:
        try:
            return self._paypal.post(operation, path, body, key=key)
        except Refused as refused:
            raise words.declined(refused) from None

    def _source(self, token: str) -> JsonValue:
        path = f"/v3/vault/payment-tokens/{token}"
        try:
            found = self._paypal.get("getPaymentToken", path)
        except NotThere as gone:
            what, code = "the token is not in the vault any more", "TOKEN_ID_NOT_FOUND"
            number = gone.request_id
            raise Declined(
                what, kind="hard", declined=code, request_id=number
            ) from None
        return words.source(found)

    def authorize(self, want: Subscription, change: Authorize, key: str) -> Receipt:
        bill = self._bills.to_pay(want, change)
        charge = bill.total
        if bill.state == "authorized":  # by this very step: nothing is held twice
            return Receipt(reference=bill.id, replayed=True, details={"id": bill.id})
        if bill.state != "open" or bill.payment == "processing":
            raise Rejected(f"{bill.id} is {bill.state}: there is nothing to hold for")
        same = (h for h in self._forgotten(want, change) if h.amount == charge)
        forgotten = next(same, None)
        if forgotten is not None:
            told: dict[str, JsonValue] = {"id": forgotten.id}
            receipt = Receipt(reference=forgotten.id, replayed=True, details=told)
        else:
            order, unit, number = self._order(want, change, key, charge)
            held = words.part(unit, "authorizations")
            if held is None:
                path = f"{_ORDERS}/{order['id']}/authorize"
                reply = self._post("authorizeOrder", path, {}, f"{key}/authorize")
                custom = words.custom_id(want.uid, change.of)
                unit = words.unit_of(mapping(reply.data), custom, charge)
                held, number = words.part(unit, "authorizations"), reply.request_id
            receipt = self._held(held, str(order["id"]), number)
        named = receipt.details["id"]
        self._bills.remember(
            want, change.of, "authorized", id=named, amount=str(charge)
        )
        return receipt

    def _held(
        self, thing: Mapping[str, Any] | None, order: str, number: str | None
    ) -> Receipt:
        """Return the receipt of an authorization, where money is really held."""
        if thing is None:
            raise Ambiguous("the order shows no authorization", request_id=number)
        name, status = str(thing["id"]), thing.get("status")
        if status == "PENDING":
            self._fence(name)
            what = "PayPal would review the payment first: it was given up"
            raise Declined(
                what, kind="soft", declined="PENDING_REVIEW", request_id=number
            )
        if status != "CREATED":
            raise words.not_held(thing, number)
        details: dict[str, JsonValue] = {"id": name, "order": order}
        return Receipt(reference=name, request_id=number, details=details)

    def _forgotten(
        self, want: Subscription, change: Authorize | Void
    ) -> Iterator[Held]:
        """
        Yield the authorizations of this very bill that nobody remembers.

        Looked for only where an answer was lost before: it costs a search.
        """
        tries = self._bills.books(want).tries(change.of)
        if not any(one.kind == "lost" for one in tries):
            return
        now, custom = self._clock(), words.custom_id(want.uid, change.of)
        try:
            pages = entries(self._paypal, now - _GOOD, now, held=True)
        except Forbidden:
            return
        for entry in pages.entries:
            if entry.kind == "held" and entry.custom == custom:
                held = self._bills.held(entry.id)
                if held.state == "authorized":
                    yield held

    def capture(self, want: Subscription, change: Capture, key: str) -> Receipt:
        name, charge = change.text("bill"), change.charge
        held = self._bills.held(name)
        if held.custom != words.custom_id(want.uid, change.of) or charge is None:
            raise Rejected("the authorization is of something else")
        if held.amount != charge:
            raise Rejected(f"{held.amount} is held, and not {charge}")
        if held.state == "paid":
            return self._took(want, change, held.capture or {}, None)
        if held.state != "authorized":
            raise Rejected(f"what was held cannot be taken: {held.code or held.state}")
        body = {
            "amount": words.amount(charge),
            "invoice_id": _number(want, change),
            "final_capture": True,
        }
        path = f"{_HELD}/{name}/capture"
        try:
            reply = self._paypal.post("captureAuthorization", path, body, key=key)
        except Refused as refused:
            if refused.issue != "AUTHORIZATION_ALREADY_CAPTURED":
                raise words.declined(refused) from None
            thing = self._bills.held(name).capture or {}
            return self._took(want, change, thing, refused.request_id)
        return self._took(want, change, mapping(reply.data), reply.request_id)

    def charge(self, want: Subscription, change: Charge, key: str) -> Receipt:
        bill = self._bills.to_pay(want, change)
        paid = self._taken.get((want.uid, change.of))
        if paid is not None and change.charge == bill.paid:
            return paid.model_copy(update={"replayed": True})
        if bill.state != "open":
            raise Rejected(f"{bill.id} is {bill.state}: there is nothing to pay")
        before = self._taken_before(want, change)
        if before is not None:
            found = self._took(want, change, before, None)
            return found.model_copy(update={"replayed": True})
        _, unit, number = self._order(want, change, key, bill.total)
        thing = words.part(unit, "captures")
        if thing is None:
            raise Ambiguous("the order shows no capture", request_id=number)
        return self._took(want, change, thing, number)

    def _taken_before(
        self, want: Subscription, change: Charge
    ) -> dict[str, JsonValue] | None:
        """
        Return the capture of this very bill that nobody remembers, if there is one.

        An order of one step that was lost is in the books alone. Looked for only where
        an answer was lost before: it costs a search.

        Who may not search the books cannot have closed the lost one by them: a person
        has said that it was not paid.
        """
        tries = self._bills.books(want).tries(change.of)
        if not any(one.kind == "lost" for one in tries):
            return None
        now, custom = self._clock(), words.custom_id(want.uid, change.of)
        try:
            pages = entries(self._paypal, now - _GOOD, now)
        except Forbidden:
            return None
        for entry in pages.entries:
            if entry.kind == "taken" and entry.custom == custom and entry.status != "D":
                status = "PENDING" if entry.status == "P" else "COMPLETED"
                amount = words.amount(entry.amount)
                return {"id": entry.id, "status": status, "amount": amount}
        return None

    def _took(
        self,
        want: Subscription,
        change: Capture | Charge,
        thing: Mapping[str, Any],
        number: str | None,
    ) -> Receipt:
        """Return the receipt of a capture, where money was really taken."""
        status, charge = thing.get("status"), change.charge
        if status in {"DECLINED", "FAILED"}:
            raise words.not_held(thing, number)
        if status not in {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}:
            raise Ambiguous("PayPal has not decided yet", request_id=number)
        amount = words.money_of(thing.get("amount"))
        if amount != charge:
            raise Ambiguous(f"{amount} was taken, and not {charge}", request_id=number)
        self._bills.remember(
            want, change.of, "paid", amount=str(amount), provider=self._name
        )
        name = str(thing["id"])
        details: dict[str, JsonValue] = {"amount": str(amount), "id": name}
        receipt = Receipt(reference=name, request_id=number, details=details)
        self._taken[want.uid, change.of] = receipt
        return receipt

    def void(self, want: Subscription, change: Void) -> Receipt:
        """Give up what is held; without any, there is nothing that could be paid."""
        books, name = self._bills.books(want), change.text("bill")
        held, number = books.authorized(change.of).get("id"), None
        if isinstance(held, str):
            state = self._bills.held(held).state
            if state in {"paid", "processing"}:
                raise Rejected(f"{held} is {state}: it cannot be given up")
            if state == "authorized":
                number = self._fence(held)
            name = held
        for forgotten in self._forgotten(want, change):
            self._fence(forgotten.id)
        self._bills.remember(want, change.of, "void", provider=self._name)
        return Receipt(reference=name, request_id=number)

    def _fence(self, name: str) -> str | None:
        """Void an authorization, if it is not void yet; return the request's number."""
        try:
            reply = self._paypal.post("voidAuthorization", f"{_HELD}/{name}/void", {})
        except Refused as refused:
            if refused.issue != "PREVIOUSLY_VOIDED":
                raise
            return refused.request_id
        return reply.request_id


def _number(want: Subscription, change: SubscriptionChange) -> str:
    """Return the number of the invoice, which its payer sees."""
    return str(change.details.get("number") or words.custom_id(want.uid, change.of))
