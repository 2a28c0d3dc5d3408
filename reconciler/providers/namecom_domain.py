"""
name.com, core API v1: registrations, their flags, delegation and renewal.

Source: the vendor's own specification (OpenAPI 3.1, version 1.7.0, in
``namedotcom/namecom-mcp``). What follows from it:

* The listing has everything but the price of a term; that is asked for names near
  their renewal, and anew whenever the listed price moves.
* A renewal takes years and the price, and *no* idempotency key: it is never sent
  twice. Whether a lost one happened is read from the book of orders.
* Prices are in USD; where VAT applies it comes on top of what was quoted.
* No call restores a name or stops a transfer away (``transfers`` are those to
  name.com). DS records and glue: ``_namecom_delegation``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    Transient,
    Unsupported,
)
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Dnssec,
    Domain,
    DomainChange,
    Glue,
    Lock,
    Privacy,
    RegistrationState,
    Renew,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt
from reconciler.providers import _delegation, _registrar
from reconciler.providers._detail import Details
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._namecom_delegation import Delegations
from reconciler.providers._registrar import Pages, Row

BASE: Final = "https://api.name.com"
PAGE: Final = 1000
#: How far the vendor's clock and ours may be apart.
SKEW: Final = timedelta(minutes=2)
#: "Rate limits of 20 requests per second or 3000 requests per hour apply."
_LIMITS: Final = {"requestsPerSecond": 20.0, "requestsPerHour": 3000.0}
_FLAGS: Final[Mapping[type, str]] = {
    AutoRenew: "autorenewEnabled",
    Lock: "locked",
    Privacy: "privacyEnabled",
}


class NamecomDomain(Driver[Domain, DomainChange]):
    """The registrations of one name.com account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "privacy": OpClass.PROBE,
        "delegate": OpClass.PROBE,
        "ds": OpClass.PROBE,
        "glue": OpClass.PROBE,
    }
    credentials: ClassVar[frozenset[str]] = frozenset({"username", "token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        user, token = account.secrets["username"], account.secrets["token"]
        basic = base64.b64encode(f"{user}:{token}".encode()).decode()
        self._http = Http(
            account,
            BASE,
            _WORDS,
            headers={"Authorization": f"Basic {basic}"},
            limits=_LIMITS,
            hidden=(basic,),
        )
        self._details = Details(account, self._http.base)
        self._delegations = Delegations(self._http, self._details, self._read)

    def __repr__(self) -> str:
        return f"NamecomDomain({self._account.name})"

    def identity(self) -> str | None:
        """Return the user name that the vendor knows these credentials by."""
        name = self._read("hello", "/core/v1/hello").get("username")
        return str(name) if name else None

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants* by the listing, and the price of what comes due."""
        domains = as_domains(wants)
        self._http.counts()
        try:
            listed = _registrar.complete(1, self._page)
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(domains, listed, self._state)
        balance = _registrar.known(self._balance)
        return seen._replace(balance=balance, requests=self._http.counts())

    def _page(self, page: int) -> Pages[int]:
        params: dict[str, str | int] = {"perPage": PAGE, "page": page}
        data = self._read("listDomains", "/core/v1/domains", params)
        rows, total, following = _paged(data, "domains")
        return Pages(
            [Row(str(row["domainName"]).lower(), row) for row in rows], following, total
        )

    def _balance(self) -> Money:
        return _registrar.dollars(
            self._read("balance", "/core/v1/accountinfo/balance")["balance"]
        )

    def _state(self, want: Domain, raw: Mapping[str, Any]) -> RegistrationState:
        known = self._known(raw)
        now = self._account.clock()
        near = want.renewal_near(known.expires, now)
        quote = self._quote(want, raw) if near else _listed_price(want, raw)
        start = _registrar.not_before(now, known.expires, want.years())
        more = self._delegations.seen(want, raw, known.nameservers)
        return known.model_copy(
            update={"renew_price": quote, "renew_from": start, **more}
        )

    def _known(self, raw: Mapping[str, Any]) -> RegistrationState:
        expires = _registrar.utc(raw["expireDate"])
        hosts = (str(host).lower().rstrip(".") for host in raw["nameservers"])
        return RegistrationState(
            expires=expires,
            phase=_registrar.phase_by_date(expires, self._account.clock()),
            auto_renew=raw["autorenewEnabled"],
            locked=raw["locked"],
            privacy=raw["privacyEnabled"],
            nameservers=frozenset(hosts),
        )

    def _quote(self, want: Domain, raw: Mapping[str, Any]) -> Money | None:
        """Return the price of the wanted term; None where it is not sold."""

        def read() -> JsonValue:
            path = f"/core/v1/domains/{want.name}:getPricing"
            data = self._read("getPricing", path, {"years": want.years()})
            return {"price": data["renewalPrice"]}

        mark: JsonValue = [want.years(), raw.get("renewalPrice"), raw["expireDate"]]
        price = _object(self._details.ask("price", want.name, mark, read))["price"]
        return None if price is None else _registrar.dollars(price)

    def _read(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        reply = self._http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return _object(reply.data)

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        self._details.forget("price", want.name)
        self._delegations.forget(want.name)
        path = f"/core/v1/domains/{want.name}"
        match change:
            case Renew():
                return self._renew(want, change)
            case AutoRenew() | Lock() | Privacy():
                body = {_FLAGS[type(change)]: _registrar.flag(change)}
                reply = self._effect("PATCH", path, "updateDomain", body)
            case Dnssec():
                return self._delegations.set_ds(want, change)
            case Glue():
                return self._delegations.set_glue(want, change)
            case Delegate():
                _delegation.guard(change, self._delegations.ds(want.name))
                hosts = {"nameservers": _registrar.hosts(change)}
                path += ":setNameservers"
                reply = self._effect("POST", path, "setNameservers", hosts)
            case _:
                raise Unsupported(f"name.com cannot {change.verb} a domain")
        return Receipt(
            reference=f"{change.verb}/{want.name}", request_id=reply.request_id
        )

    def _renew(self, want: Domain, change: Renew) -> Receipt:
        cost = _registrar.price(change)
        _registrar.guard(change, self._live(want).expires)
        body = {"years": change.years, "purchasePrice": float(cost.amount)}
        path = f"/core/v1/domains/{want.name}:renew"
        reply = self._effect("POST", path, "renew", body)
        data = _object(reply.data)
        return Receipt(
            reference=str(data.get("order") or want.name),
            paid=_registrar.paid(data.get("totalPaid"), cost),
            request_id=reply.request_id,
        )

    def _effect(
        self, method: str, path: str, operation: str, body: Mapping[str, Any]
    ) -> Reply:
        return self._http.call(
            method, path, operation=operation, effect=True, json=body
        )

    def _live(self, want: Domain) -> RegistrationState:
        raw = self._read("getDomain", f"/core/v1/domains/{want.name}")
        return self._known(raw)

    def _shown(self, want: Domain, change: DomainChange) -> RegistrationState:
        """Return what a fresh read says about what *change* is about."""
        known = self._live(want)
        match change:
            case Dnssec():
                ds = self._delegations.ds(want.name)
                return known.model_copy(update={"ds": ds})
            case Glue():
                glue = self._delegations.glue(want.name)
                return known.model_copy(update={"glue": glue})
            case _:
                return known

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from the book of orders, or from a fresh read, what became of *change*.

        Nothing is proven absent before ``settles`` has passed, nor from a book that
        could not be read to its end or has an order in it that is neither a success
        nor a failure.
        """
        del key
        try:
            if isinstance(change, Renew):
                seen = self._ordered(want, since)
            else:
                seen = want.done(change, {change.share: self._shown(want, change)})
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None

    def _ordered(self, want: Domain, since: datetime) -> bool | None:
        """Whether the book of orders has a renewal of *want* since then."""
        unclear = False
        page: int | None = 1
        while page is not None:
            asked: dict[str, str | int] = {"perPage": PAGE, "page": page}
            data = self._read("listOrders", "/core/v1/orders", asked)
            orders, _, page = _paged(data, "orders")
            for order in orders:
                if _registrar.utc(str(order["createDate"])) < since - SKEW:
                    continue
                verdicts = [_renewed(item, order, want.name) for item in _items(order)]
                if True in verdicts:
                    return True
                unclear = unclear or None in verdicts
        return None if unclear else False


def _items(order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_object(item) for item in order.get("orderItems") or ()]


def _renewed(
    item: Mapping[str, Any], order: Mapping[str, Any], name: str
) -> bool | None:
    """Whether one item of an order is a renewal of *name*; None if it may be."""
    named = str(item.get("name") or "").lower()
    if named not in {"", name} or "privacy" in str(item["type"]):
        return False
    said = {str(item.get("status")), str(order.get("status"))}
    if "failed" in said:
        return False
    sure = named == name and "renew" in str(item["type"]) and said == {"success"}
    return True if sure else None


def _listed_price(want: Domain, raw: Mapping[str, Any]) -> Money | None:
    """Return the listed price, which is for one year (where a year is sold)."""
    price = raw.get("renewalPrice")
    return None if price is None or want.years() != 1 else _registrar.dollars(price)


def _paged(
    data: Mapping[str, Any], what: str
) -> tuple[list[Mapping[str, Any]], int | None, int | None]:
    """Return the lines of one page, how many there are in all, and the next page."""
    rows = data.get(what)
    if not isinstance(rows, list):
        raise Rejected(f"the answer has no list of {what}")
    total, following = data.get("totalCount"), data.get("nextPage")
    return (
        [_object(row) for row in rows],
        int(total) if total is not None else None,
        int(following) if following else None,
    )


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise Rejected("the answer is not what the vendor documents")
    return data


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    return ": ".join(str(data[k]) for k in ("message", "details") if data.get(k))


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status < 300:  # noqa: PLR2004
        if isinstance(reply.data, dict) or reply.status == 204:  # noqa: PLR2004
            return None
        return Ambiguous(text, request_id=reply.request_id)
    # 422: "The pricing information [...] is temporarily unavailable."
    kind = Transient if reply.status == 422 else Rejected  # noqa: PLR2004
    return kind(text, request_id=reply.request_id)


_WORDS: Final = Words(_said, _refused)

DRIVER = NamecomDomain
