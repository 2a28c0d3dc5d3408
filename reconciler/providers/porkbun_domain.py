"""
Porkbun, API v3: registrations, their auto-renewal, delegation and renewal.

Sources: the vendor's reference (porkbun.com/llms, API 3.7 to 3.9) and its own
client. What it has and what follows from it:

* Renewals are for the registry's shortest term and take the exact price in cents,
  an ``Idempotency-Key`` kept for 24 hours, and no premium names. Another term than
  that is reported as not renewable, so that none is ever planned.
* The price that is paid is guarded by the vendor: it refuses any other amount.
  Where the planned price comes from: ``_porkbun_quote``.
* There is no call for the transfer lock nor for privacy, none that restores a name
  or stops a transfer, and none says whose keys these are: ``identity`` is None.
* DS records and glue: ``_porkbun_delegation``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

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
    RegistrationState,
    Renew,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import (
    Account,
    Advice,
    Driver,
    Money,
    Observation,
    OpClass,
    Receipt,
)
from reconciler.providers import _delegation, _registrar
from reconciler.providers._detail import Details
from reconciler.providers._http import Http, Reply
from reconciler.providers._porkbun_delegation import Delegations
from reconciler.providers._porkbun_quote import Quotes
from reconciler.providers._porkbun_words import WORDS, mapping, on, phase, transfer
from reconciler.providers._registrar import Pages, Row

BASE: Final = "https://api.porkbun.com/api/json/v3"
PAGE: Final = 1000
#: A registration or renewal younger than this cannot be renewed.
TOO_SOON: Final = timedelta(days=30)
#: The vendor publishes no limit; clients report errors from bursts.
_LIMITS: Final = {"requestsPerSecond": 10.0}
_NS: Final = "nameservers"


class PorkbunDomain(Driver[Domain, DomainChange]):
    """The registrations of one Porkbun account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.KEYED,
        "auto-renew": OpClass.PROBE,
        "delegate": OpClass.PROBE,
        "ds": OpClass.PROBE,
        "glue": OpClass.PROBE,
    }
    key_life: ClassVar[timedelta | None] = timedelta(hours=24)
    credentials: ClassVar[frozenset[str]] = frozenset({"apiKey", "secretApiKey"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._http = Http(
            account,
            BASE,
            WORDS,
            headers={
                "X-API-Key": account.secrets["apiKey"],
                "X-Secret-API-Key": account.secrets["secretApiKey"],
            },
            limits=_LIMITS,
        )
        self._details = Details(account, self._http.base)
        self._delegations = Delegations(self._http, self._details)
        self._sent: set[str] = set()

    def __repr__(self) -> str:
        return f"PorkbunDomain({self._account.name})"

    def identity(self) -> str | None:
        """No call tells whose keys these are."""
        return None

    def examine(self) -> Iterator[Advice]:
        """Name the domains that the API may not touch, by the vendor's own switch."""
        listed = _registrar.complete(0, self._page)
        shut = sorted(n for n, raw in listed.items() if not on(raw.get("apiAccess", 1)))
        if shut:
            more = f" and {len(shut) - 3} more" if len(shut) > 3 else ""  # noqa: PLR2004
            yield Advice(
                f"API access is off for {', '.join(shut[:3])}{more}: they can be "
                "listed, and nothing else",
                "switch it on in the domain's details at porkbun.com",
            )

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants*: the listing, and once a day what it does not say."""
        domains = as_domains(wants)
        self._http.counts()
        try:
            listed = _registrar.complete(0, self._page)
            quotes = Quotes(self._http, self._details)
            quotes.prepare(domains, listed, self._account.clock())
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(
                domains, listed, lambda want, raw: self._state(want, raw, quotes)
            )
        balance = _registrar.known(self._balance)
        return seen._replace(balance=balance, requests=self._http.counts())

    def _page(self, start: int) -> Pages[int]:
        data = self._read("listAll", "/domain/listAll", params={"start": start})
        rows = data.get("domains")
        if not isinstance(rows, list) or data.get("count", len(rows)) != len(rows):
            raise Rejected("listAll: the answer has no list of domains")
        found = [Row(str(mapping(row)["domain"]).lower(), mapping(row)) for row in rows]
        more = start + len(rows) if len(rows) >= PAGE else None
        return Pages(found, more)

    def _balance(self) -> Money:
        data = self._read("balance", "/account/balance")
        return Money.of_minor(int(data["balance"]), "USD")

    def _state(
        self, want: Domain, raw: Mapping[str, Any], quotes: Quotes
    ) -> RegistrationState:
        now = self._account.clock()
        expires = _registrar.utc(raw["expireDate"])
        quote = quotes.of(want, expires, now)
        created = _registrar.utc(raw["createDate"])
        hosts = self._nameservers(want.name, raw)
        return RegistrationState(
            expires=expires,
            phase=phase(str(raw["status"]), expires, now),
            auto_renew=on(raw["autoRenew"]),
            locked=on(raw["securityLock"]),
            privacy=on(raw["whoisPrivacy"]),
            nameservers=hosts,
            transfer=transfer(str(raw["status"])),
            **self._delegations.seen(want, raw, hosts),
            renew_price=quote,
            renew_from=_registrar.not_before(
                now, expires, want.years(), created + TOO_SOON
            ),
            renewable=_reachable(raw) and quotes.allowed(want),
        )

    def _nameservers(self, name: str, raw: Mapping[str, Any]) -> frozenset[str] | None:
        if not on(raw.get("apiAccess", 1)):
            return None
        hosts = self._details.ask(_NS, name, dict(raw), lambda: self._get_ns(name))
        assert isinstance(hosts, list)  # noqa: S101  (made by _get_ns alone)
        return frozenset(str(host) for host in hosts)

    def _get_ns(self, name: str) -> list[Any]:
        hosts = self._read("getNs", f"/domain/getNs/{name}").get("ns")
        if not isinstance(hosts, list):
            raise Rejected("getNs: the answer has no list of nameservers")
        return sorted({str(host).lower().rstrip(".") for host in hosts})

    def _read(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        reply = self._http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``."""
        self._details.forget(_NS, want.name)
        self._delegations.forget(want.name)
        match change:
            case Renew():
                return self._renew(want, change, key)
            case AutoRenew():
                status = "on" if _registrar.flag(change) else "off"
                return self._set("updateAutoRenew", want, {"status": status})
            case Delegate():
                _delegation.guard(change, self._delegations.ds(want.name))
                return self._set("updateNs", want, {"ns": _registrar.hosts(change)})
            case Dnssec():
                return self._delegations.set_ds(want, change)
            case Glue():
                return self._delegations.set_glue(want, change)
            case _:
                raise Unsupported(f"porkbun cannot {change.verb} a domain")

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh read whether a lost *change* took effect.

        An expiry that has not moved does not prove that nobody has paid: None.
        """
        del key
        if change.verb not in self.can:
            return None
        try:
            seen = bool(want.done(change, {change.share: self._live(want, change)}))
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        if seen:
            return True
        settled = self._account.clock() - since >= self.settles
        return False if settled and not isinstance(change, Renew) else None

    def _live(self, want: Domain, change: DomainChange) -> RegistrationState:
        row = mapping(self._read("get", f"/domain/get/{want.name}").get("domain"))
        more: dict[str, Any] = {}
        match change:
            case Delegate():
                more["nameservers"] = frozenset(self._get_ns(want.name))
            case Dnssec():
                more["ds"] = self._delegations.ds(want.name)
            case Glue():
                more["glue"] = self._delegations.glue(want.name)
            case _:
                pass
        return RegistrationState(
            expires=_registrar.utc(row["expireDate"]),
            auto_renew=on(row["autoRenew"]),
            **more,
        )

    def _renew(self, want: Domain, change: Renew, key: str) -> Receipt:
        """Pay, by the exact price; a key sent before is answered from the record."""
        cost = _registrar.price(change)
        if key not in self._sent:
            self._look_first(want, change)
        self._sent.add(key)
        reply = self._effect("renew", want, {"cost": cost.minor}, key)
        data = mapping(reply.data)
        taken = data["cost"] if isinstance(data.get("cost"), int) else cost.minor
        return Receipt(
            reference=str(data.get("orderId", "")) or want.name,
            paid=Money.of_minor(taken, "USD"),
            request_id=reply.request_id,
            replayed=reply.headers.get("idempotent-replayed") == "true",
            details={"expires": str(data.get("expirationDate", ""))},
        )

    def _look_first(self, want: Domain, change: Renew) -> None:
        """
        Raise where the account shows that the change is out of date; nothing is sent.

        Never Rejected: another process may have sent this very key, and only what the
        vendor says to the key is a *no* to that.
        """
        try:
            self._guard(want, change)
        except Rejected as error:
            raise Transient(error.what, request_id=error.request_id) from None

    def _guard(self, want: Domain, change: Renew) -> None:
        live = self._live(want, change)
        if want.done(change, {change.share: live}):
            raise Ambiguous(
                f"the expiry moved to {live.expires.date()} already: "
                "by this request, sent before, or by somebody else"
            )
        _registrar.guard(change, live.expires)

    def _set(self, operation: str, want: Domain, body: Mapping[str, Any]) -> Receipt:
        reply = self._effect(operation, want, body)
        results = mapping(mapping(reply.data).get("results") or {})
        own = mapping(results.get(want.name) or {})
        if own.get("status") == "ERROR":
            text = self._http.shown(f"{operation}: {own.get('message')}")
            raise Rejected(text, request_id=reply.request_id)
        return Receipt(
            reference=f"{operation}/{want.name}", request_id=reply.request_id
        )

    def _effect(
        self,
        operation: str,
        want: Domain,
        body: Mapping[str, Any],
        key: str | None = None,
    ) -> Reply:
        return self._http.call(
            "POST",
            f"/domain/{operation}/{want.name}",
            operation=operation,
            effect=True,
            key=key,
            json=body,
        )


def _reachable(raw: Mapping[str, Any]) -> bool:
    """Whether the name is registered here and opted in to the API."""
    return on(raw.get("apiAccess", 1)) and not on(raw.get("notLocal", 0))


DRIVER = PorkbunDomain
