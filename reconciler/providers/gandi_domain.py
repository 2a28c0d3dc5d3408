"""
Gandi, API v5: registrations, their flags, delegation and renewal.

Source: the vendor's reference (api.gandi.net/docs: domains, billing, organization),
checked against two clients of others (go-gandi, the gem gandi_v5). What follows:

* The paid date is the earlier of ``hold_begins_at`` (from then on the name is on
  hold) and ``registry_ends_at``: a registry moves its own date by a year when the
  grace period begins, whether or not anybody has paid.
* The listing has flags and the registry's date; dates, lock and nameservers are in
  the details, which also have a transfer code and contacts: those are never kept.
* A renewal has a dry run, no idempotency key and no price to confirm: the price is
  asked again right before (``/domain/check``, with taxes: that is what is debited).
* Writes are accepted (202) and carried out later: one that does not show after some
  looks is *unknown*. Nothing lists orders. That a renewal did not happen is proven
  only by a prepaid account that nobody has touched since; else a person must look.
* There is no call for privacy: it is a property of each contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected, TooEarly, Unsupported
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Domain,
    DomainChange,
    Lock,
    Phase,
    RegistrationState,
    Renew,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, money, nameservers, rows
from reconciler.providers._detail import Details
from reconciler.providers._gandi import Gandi, Page
from reconciler.providers._http import Reply
from reconciler.providers._registrar import Pages, Row

#: How far the vendor's clock and ours may be apart.
SKEW: Final = timedelta(minutes=2)
#: "duration: Minimum: 1, Maximum: 9".
MOST_YEARS: Final = 9
_LOCKED: Final = "clientTransferProhibited"
_HOLDS: Final = frozenset({"clientHold", "serverHold"})
_DATES: Final = (
    "registry_ends_at",
    "hold_begins_at",
    "deletes_at",
    "restore_ends_at",
)
_LOOKS, _PAUSE = 6, 5.0
_DETAIL, _TERMS = "detail", "terms"


class GandiDomain(Driver[Domain, DomainChange]):
    """The registrations of one organization at Gandi."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "delegate": OpClass.PROBE,
    }
    #: What was accepted is carried out later, and nothing says when at the latest.
    settles: ClassVar[timedelta] = timedelta(hours=1)
    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Gandi(account)
        self._details = Details(account, self._api.http.base)

    def __repr__(self) -> str:
        return f"GandiDomain({self._account.name})"

    def identity(self) -> str | None:
        """Return the id of the organization that the token is for."""
        return self._api.organization()

    def close(self) -> None:
        """Let go of connections."""
        self._api.http.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants* by the listing, and once a day what it does not say."""
        domains = as_domains(wants)
        self._api.http.counts()
        try:
            listed = _registrar.complete((1, 0), self._page)
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(domains, listed, self._state)
        balance = _registrar.known(self._balance)
        return seen._replace(balance=balance, requests=self._api.http.counts())

    def _page(self, at: Page) -> Pages[Page]:
        listed, following, total = self._api.page(
            "listDomains", "/domain/domains", at, self._api.sharing
        )
        found = [Row(str(row["fqdn"]).lower(), row) for row in listed]
        return Pages(found, following, total)

    def _balance(self) -> Money:
        prepaid = mapping(self._billing()["prepaid"])
        return money(prepaid["amount"], prepaid["currency"])

    def _billing(self) -> Mapping[str, Any]:
        whose = f"/{self._account.identity}" if self._account.identity else ""
        return mapping(self._api.get("billingInfo", f"/billing/info{whose}"))

    def _state(self, want: Domain, raw: Mapping[str, Any]) -> RegistrationState:
        now = self._account.clock()
        detail = self._details.ask(
            _DETAIL, want.name, dict(raw), lambda: self._detail(want.name)
        )
        known = self._known(mapping(detail))
        state: dict[str, Any] = {"auto_renew": raw["autorenew"] is True}
        begins: tuple[datetime, ...] = ()
        if want.renewal_near(known.expires, now):
            mark: JsonValue = [want.years(), dict(raw)]
            terms = self._details.ask(
                _TERMS, want.name, mark, lambda: self._terms(want.name, want.years())
            )
            said = mapping(terms)
            price = said["price"]
            state["renew_price"] = Money.model_validate(price) if price else None
            state["renewable"] = not said["prohibited"]
            begins = (_registrar.utc(str(said["begins_at"])),)
        state["renew_from"] = _registrar.not_before(
            now, known.expires, want.years(), *begins
        )
        return known.model_copy(update=state)

    def _detail(self, name: str) -> JsonValue:
        """Return what may be kept of a name's details: no contact and no code."""
        said = mapping(self._api.get("getDomain", _at(name)))
        dates = mapping(said["dates"])
        return {
            "dates": {date: str(dates[date]) for date in _DATES if dates.get(date)},
            "status": [*sorted(map(str, said["status"]))],
            "nameservers": [*sorted(nameservers(said["nameservers"]))],
            "lockable": bool(said["can_tld_lock"]),
            "auto_renew": mapping(said["autorenew"])["enabled"] is True,
        }

    def _known(self, detail: Mapping[str, Any]) -> RegistrationState:
        dates = {name: _registrar.utc(text) for name, text in detail["dates"].items()}
        status = set(detail["status"])
        expires = _paid(dates, status)
        return RegistrationState(
            expires=expires,
            phase=_phase(dates, expires, self._account.clock()),
            auto_renew=detail["auto_renew"],
            locked=_LOCKED in status if detail["lockable"] else None,
            nameservers=nameservers(detail["nameservers"]),
        )

    def _terms(self, name: str, years: int) -> JsonValue:
        """Return whether, from when and for how much a name is renewed by *years*."""
        said = mapping(self._api.get("renewInfo", _at(name, "renew")))
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

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        for what in (_DETAIL, _TERMS):
            self._details.forget(what, want.name)
        paid = None
        if isinstance(change, Renew):
            reply, paid = self._renew(want, change)
        else:
            reply = self._set(want, change)
        self._await(want, change, reply)
        return Receipt(
            reference=reply.headers.get("location") or f"{change.verb}/{want.name}",
            paid=paid,
            request_id=reply.request_id,
        )

    def _set(self, want: Domain, change: DomainChange) -> Reply:
        match change:
            case AutoRenew():
                path, body = _at(want.name, "autorenew"), self._auto_renew(want, change)
                return self._api.effect("PATCH", path, "autorenew", body)
            case Lock():
                lock = {_LOCKED: _registrar.flag(change)}
                path = _at(want.name, "status")
                return self._api.effect("PATCH", path, "status", lock)
            case Delegate():
                hosts = {"nameservers": _registrar.hosts(change)}
                path = _at(want.name, "nameservers")
                return self._api.effect("PUT", path, "nameservers", hosts)
            case _:
                raise Unsupported(f"Gandi cannot {change.verb} a domain")

    def _auto_renew(self, want: Domain, change: AutoRenew) -> dict[str, Any]:
        """Return what is sent; who renews pays for the wanted term, as declared."""
        if not _registrar.flag(change):
            return {"enabled": False}
        body = {"enabled": True, "duration": min(want.years(), MOST_YEARS)}
        payer = self._account.identity
        return {**body, "org_id": payer} if payer else body

    def _renew(self, want: Domain, change: Renew) -> tuple[Reply, Money]:
        """Pay, if neither the paid date nor the price has moved since the plan."""
        live = self._known(mapping(self._detail(want.name)))
        _registrar.guard(change, live.expires)
        terms = mapping(self._terms(want.name, change.years))
        begins = _registrar.utc(str(terms["begins_at"]))
        if terms["prohibited"] or begins > self._account.clock():
            until = begins if begins > self._account.clock() else None
            raise TooEarly("Gandi prohibits the renewal for now", until=until)
        price = terms["price"]
        cost = _registrar.quoted(change, Money.model_validate(price) if price else None)
        path, body = _at(want.name, "renew"), {"duration": change.years}
        self._api.check(path, "renew", body)
        return self._api.effect("POST", path, "renew", body, pays=True), cost

    def _await(self, want: Domain, change: DomainChange, reply: Reply) -> None:
        """Return when the account shows *change*; raise Ambiguous if not soon."""
        for look in range(_LOOKS):
            if look:
                self._account.sleep(_PAUSE)
            try:
                live = self._live(want)
            except (ProviderError, ValueError, KeyError, TypeError):
                continue
            if want.done(change, {change.share: live}):
                return
        raise Ambiguous(
            f"{change.verb} was accepted and does not show yet",
            request_id=reply.request_id,
        )

    # -- recover ---------------------------------------------------------------

    def _live(self, want: Domain) -> RegistrationState:
        return self._known(mapping(self._detail(want.name)))

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh read, and for money from the prepaid account, what happened.

        Nothing is proven absent before ``settles`` has passed.
        """
        del key
        if change.verb not in self.can:
            return None
        try:
            seen = want.done(change, {change.share: self._live(want)})
            if not seen and isinstance(change, Renew):
                seen = self._untouched(since)
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None

    def _untouched(self, since: datetime) -> bool | None:
        """Return False where nothing can have been paid since then, else None."""
        billing = self._billing()
        prepaid = mapping(billing["prepaid"])
        on_account = billing.get("prepaid_monthly_invoice") or billing.get(
            "outstanding_amount"
        )
        changed = _registrar.utc(str(prepaid["updated_at"])) >= since - SKEW
        return None if on_account or changed else False


def _at(name: str, rest: str = "") -> str:
    return f"/domain/domains/{name}" + (f"/{rest}" if rest else "")


def _paid(dates: Mapping[str, datetime], status: set[str]) -> datetime:
    """
    Return the date until which is paid.

    Raises:
        Rejected: The vendor does not say: no date at all, or on hold since when.
    """
    if "registry_ends_at" not in dates:
        raise Rejected("the registrar says no expiry date (yet)")
    if "hold_begins_at" not in dates and status & _HOLDS:
        raise Rejected("it is on hold, and the registrar does not say since when")
    return min(
        dates[name] for name in ("registry_ends_at", "hold_begins_at") if name in dates
    )


def _phase(dates: Mapping[str, datetime], expires: datetime, now: datetime) -> Phase:
    """Return the phase by the vendor's own dates, where it says them."""
    deletes = dates.get("deletes_at")
    if now < expires or deletes is None:
        return _registrar.phase_by_date(expires, now)
    if now < deletes:
        return Phase.GRACE
    lost = dates.get("restore_ends_at", deletes) <= now
    return Phase.PENDING_DELETE if lost else Phase.REDEMPTION


DRIVER = GandiDomain
