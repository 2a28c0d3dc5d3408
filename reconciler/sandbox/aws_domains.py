"""
Amazon Route 53 Domains: a registrar in the wire format of AWS.

After the service's API reference: changes are operations that end later (the delay is
the world's), a second one of the same kind is a DuplicateRequest while the first is
open, ``CurrentExpiryYear`` must match, and a ``Consent`` below the price is refused.
The world's part is ``domains: {name: DomainSeed}``, ``prices: {tld: "14.00 USD"}``,
``unpriced: [tld]``, ``windows: {tld: days}`` (no renewal earlier before expiry) and
``delay`` (s). What is registered lives by the rules of ``registrar.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model import Period
from reconciler.sandbox import registrar
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault

_YEARS = 10
_OPEN = "IN_PROGRESS"
_PRIVACIES = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
_STATUS: Mapping[str, list[str]] = {
    "grace": ["autoRenewPeriod"],
    "redemption": ["redemptionPeriod"],
    "pending-delete": ["pendingDelete"],
}


class _Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Registrar:
    """The registrations of one bench's AWS account."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        if "accounts" not in bench.state:
            world = bench.world
            account = {
                "login": "sandbox",
                "secret": "sandbox",
                "domains": world.get("domains", {}),
            }
            seed = {"accounts": [account], "prices": world.get("prices", {})}
            own = replace(bench, world=seed, state={})
            registrar.seeded(own)
            bench.state.update(own.state)
            bench.state.update(
                operations=[],
                delay=float(world.get("delay", 0)),
                outcome="SUCCESSFUL",
                windows=dict(world.get("windows", {})),
                unpriced=list(world.get("unpriced", ())),
            )

    def answer(
        self, operation: str, asked: Mapping[str, Any], fault: Fault | None
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the body that AWS would send."""
        registrar.let_time_pass(self._bench)
        self._settle()
        serve = _OPERATIONS.get(operation)
        if serve is None:
            return 400, {"__type": "UnknownOperationException", "message": operation}
        try:
            said = serve(_Call(self._bench, asked, fault))
        except _Refused as refused:
            return 400, {"__type": refused.kind, "message": refused.message}
        self._settle()
        return 200, said

    def by_hand(self, data: Mapping[str, Any]) -> None:
        """Change what becomes of operations: ``delay`` in seconds, ``outcome``."""
        known = {name: data[name] for name in ("delay", "outcome") if name in data}
        if known.keys() != data.keys():
            raise ReconcilerError("post {delay, outcome} to operations")
        self._bench.state.update(known)

    def _settle(self) -> None:
        """Let every operation end whose time has come."""
        now = self._bench.clock()
        for operation in self._bench.state["operations"]:
            due = datetime.fromisoformat(operation["due"])
            if operation["status"] == _OPEN and now >= due:
                self._end(operation, due)

    def _end(self, operation: dict[str, Any], due: datetime) -> None:
        operation["status"] = operation["outcome"]
        operation["updated"] = due.isoformat()
        if operation["outcome"] != "SUCCESSFUL":
            operation["message"] = "the registry refused it"
            return
        domain = _domains(self._bench.state)[operation["domain"]]
        domain.update(operation["change"])
        if operation["years"]:
            registrar.extend(domain, operation["years"], due)
        self._bench.effect(
            operation["type"],
            operation["domain"],
            amount=operation["amount"],
            operation_id=operation["id"],
        )


def _domains(state: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = state["accounts"][0]["domains"]
    return found


class _Call:
    """One request, as the operations below see it."""

    def __init__(
        self, bench: Bench, asked: Mapping[str, Any], fault: Fault | None
    ) -> None:
        self.bench = bench
        self.asked = asked
        self.fault = fault.kind if fault else ""
        stale = fault is not None and fault.kind == "stale"
        self.state: dict[str, Any] = (
            fault.snapshot if fault is not None and stale else bench.state
        )

    @property
    def name(self) -> str:
        """The domain that is asked about."""
        return str(self.asked.get("DomainName", "")).lower()

    def listed(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the account holds, in order."""
        if self.fault in {"empty", "wrong-account"}:
            return []
        return registrar.listed(self.state["accounts"][0], self.bench.clock())

    def domain(self) -> dict[str, Any]:
        """Return the domain that is asked about."""
        found = dict(self.listed()).get(self.name)
        if found is None:
            raise _Refused(
                "InvalidInput",
                f"Domain {self.name} not found in the current AWS account.",
            )
        return found

    def price(self) -> Decimal:
        """Return what one year costs."""
        self.domain()
        if self.name.partition(".")[2] in self.state["unpriced"]:
            raise _Refused("UnsupportedTLD", "The TLD is not supported.")
        return Decimal(registrar.price_of(self.state, self.name)).scaleb(-2)

    def page(self, items: list[Any], key: str) -> dict[str, Any]:
        """Return one page of *items* under *key*."""
        start = int(self.asked.get("Marker") or 0)
        if self.fault == "duplicate-page":
            start = 0
        end = start + min(int(self.asked.get("MaxItems") or 20), 100)
        more = {"NextPageMarker": str(end)} if end < len(items) else {}
        return {key: items[start:end], **more}

    def begin(
        self,
        kind: str,
        change: Mapping[str, Any],
        years: int = 0,
        amount: str | None = None,
    ) -> dict[str, Any]:
        """Begin an operation, unless one of its kind is open."""
        self.domain()
        name = self.name
        operations = self.bench.state["operations"]
        for other in operations:
            if (other["domain"], other["type"], other["status"]) == (name, kind, _OPEN):
                raise _Refused("DuplicateRequest", "The request is already in progress")
        now = self.bench.clock()
        delay = timedelta(seconds=self.bench.state["delay"])
        operation = {
            "id": f"00000000-0000-4000-8000-{len(operations) + 1:012d}",
            "type": kind,
            "domain": name,
            "status": _OPEN,
            "outcome": self.bench.state["outcome"],
            "submitted": now.isoformat(),
            "updated": now.isoformat(),
            "due": (now + delay).isoformat(),
            "change": dict(change),
            "years": years,
            "amount": amount,
            "message": "",
        }
        operations.append(operation)
        return {"OperationId": operation["id"]}


def _list_domains(call: _Call) -> dict[str, Any]:
    rows = [
        {
            "DomainName": name,
            "AutoRenew": domain["auto_renew"],
            "TransferLock": domain["locked"],
            "Expiry": _seconds(domain["expires"]),
        }
        for name, domain in call.listed()
    ]
    return call.page(rows, "Domains")


def _detail(call: _Call) -> dict[str, Any]:
    domain = call.domain()
    status = ["clientTransferProhibited"] if domain["locked"] else []
    phase = registrar.phase(domain, call.bench.clock())
    status += _STATUS.get(phase, [])
    return {
        "DomainName": call.asked["DomainName"],
        "Nameservers": [{"Name": host} for host in domain["nameservers"]],
        "AutoRenew": domain["auto_renew"],
        "ExpirationDate": _seconds(domain["expires"]),
        "StatusList": status,
        "RegistrarName": "Amazon Registrar, Inc.",
        **dict.fromkeys(_PRIVACIES, domain["privacy"]),
    }


def _renew(call: _Call) -> dict[str, Any]:
    domain = call.domain()
    expires = datetime.fromisoformat(domain["expires"])
    years = int(call.asked.get("DurationInYears", 1))
    if call.asked.get("CurrentExpiryYear") != expires.year:
        raise _Refused(
            "InvalidInput", "CurrentExpiryYear does not match the current expiry date"
        )
    now = call.bench.clock()
    later = Period(months=12 * years).after(expires)
    if not 1 <= years <= _YEARS or later > Period(months=12 * _YEARS).after(now):
        raise _Refused("InvalidInput", "A registration is for 10 years at most")
    if registrar.phase(domain, now) not in {"active", "grace"}:
        raise _Refused("InvalidInput", "The domain can only be restored")
    window = call.state["windows"].get(call.name.partition(".")[2])
    if window is not None and now < expires - timedelta(days=float(window)):
        raise _Refused(
            "TLDRulesViolation", "Renewal request is outside the renewal window"
        )
    price = call.price() * years
    consent = call.asked.get("Consent") or {}
    if consent and (
        consent.get("Currency") != "USD" or Decimal(str(consent["MaxPrice"])) < price
    ):
        raise _Refused("InvalidInput", "The renewal price is more than MaxPrice")
    return call.begin("RENEW_DOMAIN", {}, years, f"{price:.2f} USD")


def _flag(field: str, value: bool) -> Callable[[_Call], dict[str, Any]]:  # noqa: FBT001
    def serve(call: _Call) -> dict[str, Any]:
        call.domain()[field] = value
        name = str(call.asked["DomainName"])
        kind = "ENABLE_AUTORENEW" if value else "DISABLE_AUTORENEW"
        call.bench.effect(kind, name)
        return {}

    return serve


def _lock(value: bool) -> Callable[[_Call], dict[str, Any]]:  # noqa: FBT001
    return lambda call: call.begin("DOMAIN_LOCK", {"locked": value})


def _privacy(call: _Call) -> dict[str, Any]:
    wanted = {call.asked[name] for name in _PRIVACIES if name in call.asked}
    if len(wanted) != 1:
        raise _Refused("InvalidInput", "The privacy of all contacts must be the same")
    return call.begin("CHANGE_PRIVACY_PROTECTION", {"privacy": wanted.pop()})


def _nameservers(call: _Call) -> dict[str, Any]:
    hosts = [str(host["Name"]).lower() for host in call.asked.get("Nameservers", ())]
    if not hosts:
        raise _Refused("InvalidInput", "Must supply nameservers")
    return call.begin("UPDATE_NAMESERVER", {"nameservers": hosts})


def _operation(call: _Call) -> dict[str, Any]:
    for operation in call.bench.state["operations"]:
        if operation["id"] == call.asked.get("OperationId"):
            return _shown(operation)
    raise _Refused("InvalidInput", "The operation does not exist")


def _operations(call: _Call) -> dict[str, Any]:
    since = float(call.asked.get("SubmittedSince") or 0)
    kinds, states = call.asked.get("Type"), call.asked.get("Status")
    shown = [
        _shown(operation)
        for operation in call.state["operations"]
        if _seconds(operation["submitted"]) >= since
        and (not kinds or operation["type"] in kinds)
        and (not states or operation["status"] in states)
    ]
    return call.page(shown, "Operations")


def _shown(operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "OperationId": operation["id"],
        "Status": operation["status"],
        "Type": operation["type"],
        "DomainName": operation["domain"],
        "SubmittedDate": _seconds(operation["submitted"]),
        "LastUpdatedDate": _seconds(operation["updated"]),
        "Message": operation["message"],
    }


def _priced(name: str, price: Decimal) -> dict[str, Any]:
    money = {"Price": float(price), "Currency": "USD"}
    return {"Name": name, "RegistrationPrice": money, "RenewalPrice": money}


def _prices(call: _Call) -> dict[str, Any]:
    tld = str(call.asked.get("Tld", ""))
    if tld in call.state["unpriced"]:
        raise _Refused("UnsupportedTLD", "The TLD is not supported.")
    chosen = [tld] if tld else sorted(call.state["prices"])
    usual = registrar.USUAL_PRICE
    prices = call.state["prices"]
    shown = [_priced(t, Decimal(prices.get(t, usual)).scaleb(-2)) for t in chosen]
    return call.page(shown, "Prices")


def _domain_prices(call: _Call) -> dict[str, Any]:
    return {"DomainPrice": _priced(str(call.asked["DomainName"]), call.price())}


_OPERATIONS: Mapping[str, Callable[[_Call], dict[str, Any]]] = {
    "ListDomains": _list_domains,
    "GetDomainDetail": _detail,
    "RenewDomain": _renew,
    "EnableDomainAutoRenew": _flag("auto_renew", value=True),
    "DisableDomainAutoRenew": _flag("auto_renew", value=False),
    "EnableDomainTransferLock": _lock(value=True),
    "DisableDomainTransferLock": _lock(value=False),
    "UpdateDomainContactPrivacy": _privacy,
    "UpdateDomainNameservers": _nameservers,
    "GetOperationDetail": _operation,
    "ListOperations": _operations,
    "ListPrices": _prices,
    "GetDomainPrices": _domain_prices,
}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()
