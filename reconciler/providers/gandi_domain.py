"""
Gandi, API v5: registrations, their flags, delegation, renewal and restoration.

Source: the vendor's reference (api.gandi.net/docs: domains, billing, organization),
checked against two clients of others (go-gandi, the gem gandi_v5). What follows:

* The paid date is the earlier of ``hold_begins_at`` (from then on the name is on
  hold) and ``registry_ends_at``: a registry moves its own date by a year when the
  grace period begins, whether or not anybody has paid.
* The listing has flags and the registry's date; dates, lock and nameservers are in
  the details, which also have a transfer code and contacts: those are never kept.
* A renewal has a dry run, no idempotency key and no price to confirm: the price is
  asked again right before (``/domain/check``, with taxes: that is what is debited).
  A restoration is the same without a dry run (``_gandi_trade``).
* Writes are accepted (202) and carried out later: one that does not show after some
  looks is *unknown*. Nothing lists orders. That a payment did not happen is proven
  only by a prepaid account that nobody has touched since; else a person must look.
* There is no call for privacy: it is a property of each contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Unsupported
from reconciler.kinds.domain import (
    AutoRenew,
    BlockTransfer,
    Delegate,
    Dnssec,
    Domain,
    DomainChange,
    Glue,
    Lock,
    RegistrationState,
    Renew,
    Restore,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import (
    Account,
    Driver,
    Money,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Risk,
)
from reconciler.providers import _delegation, _gandi_detail, _registrar
from reconciler.providers._answers import mapping, money
from reconciler.providers._detail import Details
from reconciler.providers._gandi import Gandi, Missing, Page, at
from reconciler.providers._gandi_delegation import Delegations
from reconciler.providers._gandi_trade import Trade
from reconciler.providers._http import Reply
from reconciler.providers._registrar import Pages, Row

#: How far the vendor's clock and ours may be apart.
SKEW: Final = timedelta(minutes=2)
#: "duration: Minimum: 1, Maximum: 9".
MOST_YEARS: Final = 9
_LOOKS, _PAUSE = 6, 5.0
_DETAIL: Final = "detail"


class GandiDomain(Driver[Domain, DomainChange]):
    """The registrations of one organization at Gandi."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "delegate": OpClass.PROBE,
        "ds": OpClass.PROBE,
        "glue": OpClass.PROBE,
        "restore": OpClass.PROBE,
        "block-transfer": OpClass.PROBE,
    }
    #: What was accepted is carried out later, and nothing says when at the latest.
    settles: ClassVar[timedelta] = timedelta(hours=1)
    charges: ClassVar[timedelta] = _registrar.CHARGED_BY
    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Gandi(account)
        self._details = Details(account, self._api.http.base)
        self._trade = Trade(self._api, self._details, account)
        self._delegations = Delegations(self._api, self._details, account.sleep)

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
            states = {d.name: self._missing(d, seen.states[d.name]) for d in domains}
            seen = seen._replace(states=states)
        balance = _registrar.known(self._balance)
        return seen._replace(balance=balance, requests=self._api.http.counts())

    def _page(self, at: Page) -> Pages[Page]:
        listed, following, total = self._api.page(
            "listDomains", "/domain/domains", at, self._api.sharing
        )
        found = [Row(str(row["fqdn"]).lower(), row) for row in listed]
        return Pages(found, following, total)

    def _balance(self) -> Money:
        prepaid = mapping(self._trade.billing()["prepaid"])
        return money(prepaid["amount"], prepaid["currency"])

    def _missing(self, want: Domain, state: Observed) -> Observed:
        """Return what became of a name that is not listed, where it can be told."""
        try:
            return self._trade.lost(want, state)
        except ProviderError as error:
            return _registrar.unknown(error)

    def _state(self, want: Domain, raw: Mapping[str, Any]) -> RegistrationState:
        now = self._account.clock()
        detail = self._details.ask(
            _DETAIL, want.name, dict(raw), lambda: self._detail(want.name)
        )
        known = _gandi_detail.known(mapping(detail), now)
        self._trade.remember(want.name, known)
        state: dict[str, Any] = {
            "auto_renew": raw["autorenew"] is True,
            **self._delegations.seen(want, raw, known.nameservers),
        }
        begins: tuple[datetime, ...] = ()
        if want.renewal_near(known.expires, now):
            terms = self._trade.offer(want, raw)
            price = terms["price"]
            state["renew_price"] = Money.model_validate(price) if price else None
            state["renewable"] = not terms["prohibited"]
            begins = (_registrar.utc(str(terms["begins_at"])),)
        state["renew_from"] = _registrar.not_before(
            now, known.expires, want.years(), *begins
        )
        return known.model_copy(update=state)

    def _detail(self, name: str) -> JsonValue:
        return _gandi_detail.kept(mapping(self._api.get("getDomain", at(name))))

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        self._details.forget(_DETAIL, want.name)
        self._trade.forget(want.name)
        self._delegations.forget(want.name)
        paid = None
        match change:
            case Renew():
                _registrar.guard(change, self._live(want, change).expires)
                reply, paid = self._trade.renew(want, change)
                sent = [reply]
            case Restore():
                reply, paid = self._trade.restore(want, change)
                sent = [reply]
            case Dnssec():
                sent = self._delegations.set_ds(want, change)
            case Glue():
                sent = self._delegations.set_glue(want, change)
            case BlockTransfer():
                sent = [self._delegations.block(want, change)]
            case _:
                sent = [self._set(want, change)]
        return self._receipt(want, change, sent, paid)

    def _receipt(
        self, want: Domain, change: DomainChange, sent: list[Reply], paid: Money | None
    ) -> Receipt:
        """Look until the account shows *change*."""
        last = sent[-1] if sent else None
        if last is not None:
            self._await(want, change, last)
        where = last.headers.get("location") if last else None
        return Receipt(
            reference=where or f"{change.verb}/{want.name}",
            paid=paid,
            request_id=last.request_id if last else None,
            details={"requests": len(sent)},
        )

    def _set(self, want: Domain, change: DomainChange) -> Reply:
        match change:
            case AutoRenew():
                body = self._auto_renew(want, change)
                path = at(want.name, "autorenew")
                return self._api.effect("PATCH", path, "autorenew", body)
            case Lock():
                lock = {_gandi_detail.LOCKED: _registrar.flag(change)}
                return self._api.effect(
                    "PATCH", at(want.name, "status"), "status", lock
                )
            case Delegate():
                _delegation.guard(change, self._delegations.ds(want.name))
                hosts = {"nameservers": _registrar.hosts(change)}
                path = at(want.name, "nameservers")
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

    def _await(self, want: Domain, change: DomainChange, reply: Reply) -> None:
        """Return when the account shows *change*; raise Ambiguous if not soon."""
        for look in range(_LOOKS):
            if look:
                self._account.sleep(_PAUSE)
            try:
                live = self._live(want, change)
            except (ProviderError, ValueError, KeyError, TypeError):
                continue
            if want.done(change, {change.share: live}):
                return
        raise Ambiguous(
            f"{change.verb} was accepted and does not show yet",
            request_id=reply.request_id,
        )

    # -- recover ---------------------------------------------------------------

    def _live(self, want: Domain, change: DomainChange) -> RegistrationState:
        """Return a fresh reading of what *change* is about."""
        detail = mapping(self._detail(want.name))
        known = _gandi_detail.known(detail, self._account.clock())
        match change:
            case Dnssec():
                ds = self._delegations.ds(want.name)
                return known.model_copy(update={"ds": ds})
            case Glue():
                glue = self._delegations.glue(want.name)
                return known.model_copy(update={"glue": glue})
            case _:
                return known

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh read, and for money from the prepaid account, what happened.

        Nothing is proven absent before ``settles`` has passed, and for money
        ``charges``: what was accepted may be carried out, and debited, later.
        """
        del key
        if change.verb not in self.can:
            return None
        try:
            seen = self._shows(want, change)
            if not seen and change.risk is Risk.MONEY:
                seen = False if self._trade.untouched(since - SKEW) else None
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        settled = self._account.clock() - since >= self.settled_after(change)
        return seen if seen or settled else None

    def _shows(self, want: Domain, change: DomainChange) -> bool | None:
        """Whether the account shows *change*; a name that is gone shows no return."""
        try:
            live = self._live(want, change)
        except Missing:
            if isinstance(change, Restore):
                return False
            raise
        return want.done(change, {change.share: live})


DRIVER = GandiDomain
