"""
DNSimple, API v2: registrations, their flags, delegation and renewal.

Source: the vendor's documentation, OpenAPI file and example answers
(``dnsimple/dnsimple-developer``). What follows from it:

* The listing has expiry, auto-renewal and privacy, and also names that are only
  *hosted*, which are no registrations. Nameservers and the transfer lock are asked
  once a day.
* A renewal has no idempotency key, and only that of a premium name confirms a price:
  the price is asked again right before, and nothing is sent if it is higher. It is an
  order that ends later. Whether a lost one happened is read from the expiry and from
  the account's book of charges, which needs a token that may read billing.
* A name in redemption is bought back by an order, too. That takes up to a day and is
  charged at its end: a lost answer is held for a person, until the name is back.
* Prices are in USD, for one year; a TLD that sells other terms is given no price.
  Some TLDs are renewed by the vendor alone (``auto_renew_only``).
* No call stops a transfer away, and vanity nameservers are no glue. DS records:
  ``_dnsimple_ds``; purchases: ``_dnsimple_orders``.
* A scoped token lists only what it may see, and nothing tells that it is scoped: use
  an account token without scopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Dnssec,
    Domain,
    DomainChange,
    Lock,
    Phase,
    Privacy,
    RegistrationState,
    Renew,
    Restore,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt
from reconciler.providers import _delegation, _registrar
from reconciler.providers._answers import mapping, nameservers, rows
from reconciler.providers._detail import Details
from reconciler.providers._dnsimple import PAGE, Dnsimple, paged
from reconciler.providers._dnsimple_ds import DsRecords
from reconciler.providers._dnsimple_orders import Orders
from reconciler.providers._http import Reply
from reconciler.providers._registrar import Pages, Row

#: "Our registrar partners may offer a non-guaranteed 29-day grace period."
GRACE: Final = timedelta(days=29)
_DETAIL, _PRICE, _TLD = "detail", "price", "tld"


class DnsimpleDomain(Driver[Domain, DomainChange]):
    """The registrations of one DNSimple account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "privacy": OpClass.PROBE,
        "delegate": OpClass.PROBE,
        "ds": OpClass.PROBE,
        # It takes up to a day, and only its own id tells how it stands.
        "restore": OpClass.BLIND,
    }
    #: An order is carried out, and charged, after it was answered.
    settles: ClassVar[timedelta] = timedelta(hours=1)
    charges: ClassVar[timedelta] = _registrar.CHARGED_BY
    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Dnsimple(account)
        self._details = Details(account, self._api.http.base)
        self._orders = Orders(self._api, account)
        self._ds = DsRecords(self._api, self._details)

    def __repr__(self) -> str:
        return f"DnsimpleDomain({self._account.name})"

    def identity(self) -> str | None:
        """Return the id of the account that the token is for."""
        return self._api.number()

    def close(self) -> None:
        """Let go of connections."""
        self._api.http.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants* by the listing, and once a day what it does not say."""
        domains = as_domains(wants)
        self._api.http.counts()
        try:
            listed = {
                name: raw
                for name, raw in _registrar.complete(1, self._page).items()
                if raw.get("state") != "hosted"
            }
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(domains, listed, self._state)
        return seen._replace(requests=self._api.http.counts())

    def _page(self, page: int) -> Pages[int]:
        path = self._api.path("/domains")
        asked = {"per_page": PAGE, "page": page}
        answer = self._api.read("listDomains", path, asked)
        listed = rows(answer["data"], "domains")
        total, following = paged(answer, page)
        found = [Row(str(row["name"]).lower(), row) for row in listed]
        return Pages(found, following, total)

    def _state(self, want: Domain, raw: Mapping[str, Any]) -> RegistrationState:
        now = self._account.clock()
        known = self._known(raw)
        if known.phase is Phase.REDEMPTION:
            return known.model_copy(update=self._way_back(want, raw))
        detail = mapping(
            self._details.ask(
                _DETAIL, want.name, dict(raw), lambda: self._detail(want.name)
            )
        )
        hosts = nameservers(detail["nameservers"])
        state: dict[str, Any] = {
            **self._ds.seen(want, raw, hosts),
            "nameservers": hosts,
            "locked": detail["locked"],
            "renew_from": _registrar.not_before(now, known.expires, want.years()),
        }
        if want.renewal_near(known.expires, now):
            tld = self._tld(want.name)
            state["renewable"] = bool(tld["renewable"])
            state["renew_price"] = self._kept_price(want, raw, tld)
        return known.model_copy(update=state)

    def _way_back(self, want: Domain, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return what buying a name back costs, where that is wanted."""
        if want.spec.renewal.restore != "approve":
            return {}
        prices = self._prices(want.name, raw)
        year, fee = (Money.model_validate(prices[one]) for one in ("year", "fee"))
        return {"restore_price": year + fee}

    def _known(self, raw: Mapping[str, Any]) -> RegistrationState:
        if not raw.get("expires_at"):
            raise Rejected("the registrar says no expiry date (yet)")
        expires = _registrar.utc(raw["expires_at"])
        return RegistrationState(
            expires=expires,
            phase=_phase(str(raw["state"]), expires, self._account.clock()),
            auto_renew=raw["auto_renew"],
            privacy=raw["private_whois"],
        )

    def _detail(self, name: str) -> JsonValue:
        """Return what the listing lacks; two questions."""
        hosts = self._api.get(
            "getDomainDelegation", self._api.registrar(name, "delegation")
        )
        lock = self._api.get(
            "getDomainTransferLock", self._api.registrar(name, "transfer_lock")
        )
        return {
            "nameservers": [*sorted(nameservers(hosts))],
            "locked": bool(mapping(lock)["enabled"]),
        }

    def _tld(self, name: str) -> Mapping[str, Any]:
        """Return what a name's TLD allows; it is asked once a day for all its names."""
        tld = name.partition(".")[2]

        def read() -> JsonValue:
            said = mapping(self._api.get("getTld", f"/tlds/{tld}"))
            sold = said["renewal_enabled"] and not said["auto_renew_only"]
            years = int(said["minimum_registration"])
            takes = str(said.get("dnssec_interface_type") or "ds")
            return {"renewable": bool(sold), "years": years, "dnssec": takes}

        return mapping(self._details.ask(_TLD, tld, None, read))

    def _kept_price(
        self, want: Domain, raw: Mapping[str, Any], tld: Mapping[str, Any]
    ) -> Money | None:
        """Return the price of the wanted term; None where it cannot be told."""
        if tld["years"] != 1:
            return None

        prices = self._prices(want.name, raw)
        return Money.model_validate(prices["year"]).times(want.years())

    def _prices(self, name: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a name costs; kept for a day, or until it is paid for."""

        def read() -> JsonValue:
            prices = self._orders.prices(name)
            return {"year": str(prices.year), "fee": str(prices.fee)}

        mark: JsonValue = [raw["expires_at"], raw["state"]]
        return mapping(self._details.ask(_PRICE, name, mark, read))

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        for what in (_DETAIL, _PRICE):
            self._details.forget(what, want.name)
        self._ds.forget(want.name)
        match change:
            case Renew() | Restore():
                _registrar.guard(change, self._live(want, change).expires)
                return self._orders.place(want, change)
            case Dnssec():
                return self._ds.set(want, change, self._tld(want.name))
            case _:
                reply = self._set(want, change)
        return Receipt(
            reference=f"{change.verb}/{want.name}", request_id=reply.request_id
        )

    def _set(self, want: Domain, change: DomainChange) -> Reply:
        match change:
            case AutoRenew():
                return self._switch(want, change, "PUT", "auto_renewal")
            case Lock():
                return self._switch(want, change, "POST", "transfer_lock")
            case Privacy():
                return self._switch(want, change, "PUT", "whois_privacy")
            case Delegate():
                _delegation.guard(change, frozenset(self._ds.now(want.name)))
                path = self._api.registrar(want.name, "delegation")
                hosts = _registrar.hosts(change)
                return self._api.effect("PUT", path, "changeDomainDelegation", hosts)
            case _:
                raise Unsupported(f"DNSimple cannot {change.verb} a domain")

    def _switch(
        self, want: Domain, change: AutoRenew | Lock | Privacy, on: str, what: str
    ) -> Reply:
        """Turn a flag on by the method *on*, or off by DELETE."""
        enable = _registrar.flag(change)
        method = on if enable else "DELETE"
        operation = f"{'enable' if enable else 'disable'}/{what}"
        return self._api.effect(method, self._api.registrar(want.name, what), operation)

    # -- recover ---------------------------------------------------------------

    def _live(self, want: Domain, change: DomainChange) -> RegistrationState:
        """Return a fresh reading of what *change* is about."""
        path = self._api.path(f"/domains/{want.name}")
        known = self._known(mapping(self._api.get("getDomain", path)))
        if isinstance(change, Dnssec):
            ds = frozenset(self._ds.now(want.name))
            return known.model_copy(update={"ds": ds})
        if not isinstance(change, Lock | Delegate):
            return known
        detail = mapping(self._detail(want.name))
        hosts = nameservers(detail["nameservers"])
        return known.model_copy(
            update={"locked": detail["locked"], "nameservers": hosts}
        )

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh read, and for money from the charges, what became of *change*.

        An expiry that has not moved proves nothing by itself: only a book of charges
        that was read to its end and has no renewal of the name does, and only after
        ``charges``: the book has orders that have ended alone.
        """
        del key
        if change.verb not in self.can:
            return None
        try:
            seen = want.done(change, {change.share: self._live(want, change)})
            if not seen and isinstance(change, Renew):
                seen = self._orders.renewed(want.name, since)
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        if not seen and isinstance(change, Restore):
            return None
        settled = self._account.clock() - since >= self.settled_after(change)
        return seen if seen or settled else None


def _phase(state: str, expires: datetime, now: datetime) -> Phase:
    """Return the phase by the vendor's state, and by the date where it has expired."""
    if state == "registered" and now < expires:
        return Phase.ACTIVE
    return Phase.GRACE if now < expires + GRACE else Phase.REDEMPTION


DRIVER = DnsimpleDomain
