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
* Prices are in USD, for one year; a TLD that sells other terms is given no price.
  Some TLDs are renewed by the vendor alone (``auto_renew_only``).
* A scoped token lists only what it may see, and nothing tells that it is scoped: use
  an account token without scopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected, Unsupported
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Domain,
    DomainChange,
    Lock,
    Phase,
    Privacy,
    RegistrationState,
    Renew,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, money, nameservers, rows
from reconciler.providers._detail import Details
from reconciler.providers._dnsimple import PAGE, Dnsimple, paged
from reconciler.providers._http import Reply
from reconciler.providers._registrar import Pages, Row

#: "Our registrar partners may offer a non-guaranteed 29-day grace period."
GRACE: Final = timedelta(days=29)
#: How far the vendor's clock and ours may be apart.
SKEW: Final = timedelta(minutes=2)
_POLLS, _PAUSE = 6, 5.0
_DETAIL, _PRICE, _TLD = "detail", "price", "tld"


class DnsimpleDomain(Driver[Domain, DomainChange]):
    """The registrations of one DNSimple account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "privacy": OpClass.PROBE,
        "delegate": OpClass.PROBE,
    }
    #: An order is carried out, and charged, after it was answered.
    settles: ClassVar[timedelta] = timedelta(hours=1)
    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Dnsimple(account)
        self._details = Details(account, self._api.http.base)

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
        detail = mapping(
            self._details.ask(
                _DETAIL, want.name, dict(raw), lambda: self._detail(want.name)
            )
        )
        state = {
            "nameservers": nameservers(detail["nameservers"]),
            "locked": detail["locked"],
            "renew_from": _registrar.not_before(now, known.expires, want.years()),
        }
        if want.renewal_near(known.expires, now):
            tld = self._tld(want.name)
            state["renewable"] = bool(tld["renewable"])
            state["renew_price"] = self._kept_price(want, raw, tld)
        return known.model_copy(update=state)

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
        hosts = self._api.get("getDomainDelegation", self._at(name, "delegation"))
        lock = self._api.get("getDomainTransferLock", self._at(name, "transfer_lock"))
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
            return {"renewable": bool(sold), "years": years}

        return mapping(self._details.ask(_TLD, tld, None, read))

    def _kept_price(
        self, want: Domain, raw: Mapping[str, Any], tld: Mapping[str, Any]
    ) -> Money | None:
        """Return the price of the wanted term; None where it cannot be told."""
        if tld["years"] != 1:
            return None

        def read() -> JsonValue:
            price, premium = self._price(want.name)
            return {"price": str(price), "premium": premium}

        said = mapping(self._details.ask(_PRICE, want.name, raw["expires_at"], read))
        return Money.model_validate(said["price"]).times(want.years())

    def _price(self, name: str) -> tuple[Money, bool]:
        """Return what one year costs now, and whether it is a premium name."""
        said = mapping(self._api.get("getDomainPrices", self._at(name, "prices")))
        return money(said["renewal_price"], "USD"), bool(said["premium"])

    def _at(self, name: str, rest: str) -> str:
        return self._api.path(f"/registrar/domains/{name}/{rest}")

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        for what in (_DETAIL, _PRICE):
            self._details.forget(what, want.name)
        if isinstance(change, Renew):
            return self._renew(want, change)
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
                path, hosts = (
                    self._at(want.name, "delegation"),
                    _registrar.hosts(change),
                )
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
        return self._api.effect(method, self._at(want.name, what), operation)

    def _renew(self, want: Domain, change: Renew) -> Receipt:
        """Pay, if neither the paid date nor the price has moved since the plan."""
        _registrar.guard(change, self._live(want, change).expires)
        price, premium = self._price(want.name)
        cost = _registrar.quoted(change, price.times(change.years))
        body: dict[str, Any] = {"period": change.years}
        if premium:
            body["premium_price"] = str(price.amount)
        path = self._at(want.name, "renewals")
        reply = self._api.effect("POST", path, "renewDomain", body)
        order = mapping(mapping(reply.data)["data"])
        self._await(f"{path}/{order.get('id')}", order, reply.request_id)
        return Receipt(
            reference=f"renewal/{order.get('id')}",
            paid=cost,
            request_id=reply.request_id,
        )

    def _await(
        self, path: str, order: Mapping[str, Any], request_id: str | None
    ) -> None:
        """Return when an order has ended well; raise Ambiguous if it has not yet."""
        for poll in range(_POLLS):
            if order.get("state") == "renewed":
                return
            if order.get("state") in {"failed", "cancelled"}:
                what = f"renewal {order.get('id')} {order['state']}"
                raise Rejected(what, request_id=request_id)
            if poll:
                self._account.sleep(_PAUSE)
            try:
                order = mapping(self._api.get("getDomainRenewal", path))
            except ProviderError:
                continue
        raise Ambiguous(
            f"renewal {order.get('id')} has begun and has not ended yet",
            request_id=request_id,
        )

    # -- recover ---------------------------------------------------------------

    def _live(self, want: Domain, change: DomainChange) -> RegistrationState:
        """Return a fresh reading of what *change* is about."""
        path = self._api.path(f"/domains/{want.name}")
        known = self._known(mapping(self._api.get("getDomain", path)))
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
        ``settles``.
        """
        del key
        if change.verb not in self.can:
            return None
        try:
            seen = want.done(change, {change.share: self._live(want, change)})
            if not seen and isinstance(change, Renew):
                seen = self._charged(want.name, since)
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None

    def _charged(self, name: str, since: datetime) -> bool | None:
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


def _phase(state: str, expires: datetime, now: datetime) -> Phase:
    """Return the phase by the vendor's state, and by the date where it has expired."""
    if state == "registered" and now < expires:
        return Phase.ACTIVE
    return Phase.GRACE if now < expires + GRACE else Phase.REDEMPTION


DRIVER = DnsimpleDomain
