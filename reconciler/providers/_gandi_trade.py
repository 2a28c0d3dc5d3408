"""
What is bought at Gandi: renewals, and names that were deleted.

Source: the vendor's reference (``check``, ``renew``, ``restore``) and its help pages. A
name that was deleted leaves the account; a restoration can be asked for while its
``restorable`` says so. The API tells no date for it then: the paid date is the one that
was seen while the name was still there, and without that nothing is planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Rejected, TooEarly
from reconciler.kinds.domain import Domain, Phase, RegistrationState, Renew, Restore
from reconciler.model import Absent, Account, Money, Observed, Unknown
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, money, rows
from reconciler.providers._detail import Details
from reconciler.providers._gandi import Gandi, Missing, at
from reconciler.providers._http import Reply

#: How long the date of a name that may be lost is remembered: longer than any
#: registry lets it be bought back.
_REMEMBERED: Final = timedelta(days=200)
TERMS: Final = "terms"
_LOST: Final = "lost"


class Trade:
    """The purchases of one organization."""

    def __init__(self, api: Gandi, details: Details, account: Account) -> None:
        self._api = api
        self._details = details
        self._account = account

    # -- renewals --------------------------------------------------------------

    def offer(self, want: Domain, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the terms of a renewal, asked once a day."""
        mark: JsonValue = [want.years(), dict(raw)]
        kept = self._details.ask(
            TERMS, want.name, mark, lambda: self._terms(want.name, want.years())
        )
        return mapping(kept)

    def _terms(self, name: str, years: int) -> JsonValue:
        """Return whether, from when and for how much a name is renewed by *years*."""
        said = mapping(self._api.get("renewInfo", at(name, "renew")))
        said = mapping(said.get("renew", said))  # older answers were nested
        sold = years in said["durations"]
        price = self._price(name, "renew", years) if sold else None
        return {
            "prohibited": bool(said["prohibited"]),
            "begins_at": str(said["begins_at"]),
            "price": str(price) if price else None,
        }

    def _price(self, name: str, process: str, years: int) -> Money | None:
        """Return what *years* cost with taxes; None where that is not sold."""
        asked = {**self._api.sharing, "name": name, "processes": process}
        said = mapping(self._api.get("check", "/domain/check", asked))
        found = [
            money(price["price_after_taxes"], said["currency"]).times(years)
            for product in rows(said.get("products") or [], "products")
            if product.get("process") == process and product.get("name") == name
            for price in rows(product.get("prices") or [], "prices")
            if price["duration_unit"] == "y"
            and price["min_duration"] <= years <= price["max_duration"]
        ]
        return max(found, key=lambda one: one.amount, default=None)

    def renew(self, want: Domain, change: Renew) -> tuple[Reply, Money]:
        """Pay for more years, if it is time and the price has not risen."""
        now, terms = (
            self._account.clock(),
            mapping(self._terms(want.name, change.years)),
        )
        begins = _registrar.utc(str(terms["begins_at"]))
        if terms["prohibited"] or begins > now:
            until = begins if begins > now else None
            raise TooEarly("Gandi prohibits the renewal for now", until=until)
        price = terms["price"]
        cost = _registrar.quoted(change, Money.model_validate(price) if price else None)
        path, body = at(want.name, "renew"), {"duration": change.years}
        self._api.check(path, "renew", body)
        return self._api.effect("POST", path, "renew", body, pays=True), cost

    # -- what was deleted ------------------------------------------------------

    def remember(self, name: str, known: RegistrationState) -> None:
        """Keep the paid date of a name that is on its way out."""
        if known.phase is Phase.GRACE:
            until = self._account.clock() + _REMEMBERED
            self._account.cache.put(self._key(name), known.expires.isoformat(), until)

    def _key(self, name: str) -> str:
        return f"{self._api.http.base}|{self._account.name}|paid|{name}"

    def lost(self, want: Domain, state: Observed) -> Observed:
        """Return what a name is that is not listed: gone, or to be bought back."""
        if not isinstance(state, Absent) or want.spec.lifecycle != "managed":
            return state
        said = self._details.ask(
            _LOST, want.name, None, lambda: self._restorable(want.name)
        )
        if said is not True:
            return state
        paid = self._account.cache.get(self._key(want.name))
        oldest = self._account.clock() - _REMEMBERED
        if not isinstance(paid, str) or _registrar.utc(paid) < oldest:
            why = (
                "was deleted and can be bought back; when it expired is not known here"
            )
            return Unknown(why=why)
        wanted = want.spec.renewal.restore == "approve"
        return RegistrationState(
            expires=_registrar.utc(paid),
            phase=Phase.REDEMPTION,
            renewable=False,
            restore_price=self._price(want.name, "restore", 1) if wanted else None,
        )

    def _restorable(self, name: str) -> bool:
        try:
            said = mapping(self._api.get("restoreInfo", at(name, "restore")))
        except Missing:
            return False
        return said["restorable"] is True

    def forget(self, name: str) -> None:
        """Ask anew next time."""
        self._details.forget(TERMS, name)
        self._details.forget(_LOST, name)

    def restore(self, want: Domain, change: Restore) -> tuple[Reply, Money]:
        """Buy a name back, if the price has not risen and nobody has done so."""
        if not self._restorable(want.name):
            raise Rejected("it cannot be bought back (any more)", hint="plan again")
        cost = _registrar.quoted(change, self._price(want.name, "restore", 1))
        path = at(want.name, "restore")
        return self._api.effect("POST", path, "restore", {}, pays=True), cost

    # -- what was paid ---------------------------------------------------------

    def billing(self) -> Mapping[str, Any]:
        """Return what the organization has and owes."""
        whose = f"/{self._account.identity}" if self._account.identity else ""
        return mapping(self._api.get("billingInfo", f"/billing/info{whose}"))

    def untouched(self, since: datetime) -> bool:
        """Whether nothing can have been paid since then."""
        billing = self.billing()
        prepaid = mapping(billing["prepaid"])
        later = billing.get("prepaid_monthly_invoice")
        owed = billing.get("outstanding_amount")
        moved = _registrar.utc(str(prepaid["updated_at"]))
        return not later and not owed and moved < since
