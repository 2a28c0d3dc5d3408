"""
What is bought at DNSimple: renewals and restorations, as orders that end later.

Source: the vendor's documentation of ``renewals``, ``restores``, ``prices`` and billing
charges; "the final price of the restore will be the restore fee plus the domain's
renewal fee" (its support pages), and it "takes up to a day to complete".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.domain import Domain, Renew, Restore
from reconciler.model import Account, Money, Receipt
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, money, rows
from reconciler.providers._dnsimple import Dnsimple

#: How far the vendor's clock and ours may be apart.
SKEW: Final = timedelta(minutes=2)
_POLLS, _PAUSE = 6, 5.0


class Prices(NamedTuple):
    """
    What one name costs now.

    Attributes:
        year: One year more.
        fee: What buying it back costs on top of that.
        premium: Whether a price has to be confirmed.
    """

    year: Money
    fee: Money
    premium: bool

    def of(self, change: Renew | Restore) -> Money:
        """Return what *change* costs in all."""
        if isinstance(change, Renew):
            return self.year.times(change.years)
        return self.year + self.fee


class Orders:
    """The purchases of one account."""

    def __init__(self, api: Dnsimple, account: Account) -> None:
        self._api = api
        self._account = account

    def prices(self, name: str) -> Prices:
        """Return what *name* costs now."""
        path = self._api.registrar(name, "prices")
        said = mapping(self._api.get("getDomainPrices", path))
        year, fee = said["renewal_price"], said["restore_price"]
        return Prices(money(year, "USD"), money(fee, "USD"), bool(said["premium"]))

    def place(self, want: Domain, change: Renew | Restore) -> Receipt:
        """Pay, if the price has not risen since the plan, and wait for the end."""
        prices = self.prices(want.name)
        cost = _registrar.quoted(change, prices.of(change))
        body: dict[str, Any] = {}
        if isinstance(change, Renew):
            what, done, body["period"] = "renewal", "renewed", change.years
            confirmed = prices.year
        else:
            what, done, confirmed = "restore", "restored", prices.fee
        if prices.premium:
            body["premium_price"] = str(confirmed.amount)
        path = self._api.registrar(want.name, f"{what}s")
        reply = self._api.effect("POST", path, f"{change.verb}Domain", body)
        order = mapping(mapping(reply.data)["data"])
        order_id = f"{what}/{order.get('id')}"
        self._await(f"{path}/{order.get('id')}", order, done, reply.request_id)
        return Receipt(reference=order_id, paid=cost, request_id=reply.request_id)

    def _await(
        self, path: str, order: Mapping[str, Any], done: str, request_id: str | None
    ) -> None:
        """Return when an order has ended well; raise Ambiguous if it has not yet."""
        number = order.get("id")
        for poll in range(_POLLS):
            if order.get("state") == done:
                return
            if order.get("state") in {"failed", "cancelled"}:
                what = f"order {number} {order['state']}"
                raise Rejected(what, request_id=request_id)
            if poll:
                self._account.sleep(_PAUSE)
            try:
                order = mapping(self._api.get("getOrder", path))
            except ProviderError:
                continue
        raise Ambiguous(
            f"order {number} has begun and has not ended yet", request_id=request_id
        )

    def renewed(self, name: str, since: datetime) -> bool | None:
        """Whether a renewal of *name* was charged since then; None if it was undone."""
        path = self._api.path("/billing/charges")
        start = (since - timedelta(days=2)).date().isoformat()
        found: bool | None = False
        for charge in self._api.all("listCharges", path, start_date=start):
            if _registrar.utc(str(charge["invoiced_at"])) < since - SKEW:
                continue
            if any(_is_renewal(item, name) for item in rows(charge["items"], "items")):
                if charge["state"] == "collected":
                    return True
                found = None
        return found


def _is_renewal(item: Mapping[str, Any], name: str) -> bool:
    about = str(item.get("product_reference") or "").lower()
    return item.get("product_type") == "domain-renewal" and about == name
