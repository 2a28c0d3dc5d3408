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
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model import Period
from reconciler.sandbox import aws_departures, registrar
from reconciler.sandbox.aws_call import OPEN, Call, Refused, domains_of, seconds
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault

_YEARS = 10
_PRIVACIES = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
_STATUS: Mapping[str, list[str]] = {
    "grace": ["autoRenewPeriod"],
}


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
        aws_departures.let_go(self._bench)
        self._settle()
        serve = _OPERATIONS.get(operation)
        if serve is None:
            return 400, {"__type": "UnknownOperationException", "message": operation}
        try:
            said = serve(Call(self._bench, asked, fault))
        except Refused as refused:
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
            if operation["status"] == OPEN and now >= due:
                self._end(operation, due)

    def _end(self, operation: dict[str, Any], due: datetime) -> None:
        operation["status"] = operation["outcome"]
        operation["updated"] = due.isoformat()
        if operation["outcome"] != "SUCCESSFUL":
            operation["message"] = "the registry refused it"
            return
        domain = domains_of(self._bench.state)[operation["domain"]]
        domain.update(operation["change"])
        if operation["years"]:
            registrar.extend(domain, operation["years"], due)
        self._bench.effect(
            operation["type"],
            operation["domain"],
            amount=operation["amount"],
            operation_id=operation["id"],
        )


def _list_domains(call: Call) -> dict[str, Any]:
    rows = [
        {
            "DomainName": name,
            "AutoRenew": domain["auto_renew"],
            "TransferLock": domain["locked"],
            "Expiry": seconds(domain["expires"]),
        }
        for name, domain in call.listed()
    ]
    return call.page(rows, "Domains")


def _detail(call: Call) -> dict[str, Any]:
    domain = call.domain()
    status = ["clientTransferProhibited"] if domain["locked"] else []
    phase = registrar.phase(domain, call.bench.clock())
    status += _STATUS.get(phase, [])
    status += ["pendingTransfer"] if domain["transfer"] == "registrar" else []
    return {
        "DomainName": call.asked["DomainName"],
        "Nameservers": [_with_glue(domain, host) for host in domain["nameservers"]],
        "DnssecKeys": aws_departures.dnssec_keys(domain),
        "AutoRenew": domain["auto_renew"],
        "ExpirationDate": seconds(domain["expires"]),
        "StatusList": status,
        "RegistrarName": "Amazon Registrar, Inc.",
        **dict.fromkeys(_PRIVACIES, domain["privacy"]),
    }


def _renew(call: Call) -> dict[str, Any]:
    domain = call.domain()
    expires = datetime.fromisoformat(domain["expires"])
    years = int(call.asked.get("DurationInYears", 1))
    if call.asked.get("CurrentExpiryYear") != expires.year:
        raise Refused(
            "InvalidInput", "CurrentExpiryYear does not match the current expiry date"
        )
    now = call.bench.clock()
    later = Period(months=12 * years).after(expires)
    if not 1 <= years <= _YEARS or later > Period(months=12 * _YEARS).after(now):
        raise Refused("InvalidInput", "A registration is for 10 years at most")
    if registrar.phase(domain, now) not in {"active", "grace"}:
        raise Refused("InvalidInput", "The domain can only be restored")
    window = call.state["windows"].get(call.name.partition(".")[2])
    if window is not None and now < expires - timedelta(days=float(window)):
        raise Refused(
            "TLDRulesViolation", "Renewal request is outside the renewal window"
        )
    price = call.price() * years
    consent = call.asked.get("Consent") or {}
    if consent and (
        consent.get("Currency") != "USD" or Decimal(str(consent["MaxPrice"])) < price
    ):
        raise Refused("InvalidInput", "The renewal price is more than MaxPrice")
    return call.begin("RENEW_DOMAIN", {}, years, f"{price:.2f} USD")


def _flag(field: str, value: bool) -> Callable[[Call], dict[str, Any]]:  # noqa: FBT001
    def serve(call: Call) -> dict[str, Any]:
        call.domain()[field] = value
        name = str(call.asked["DomainName"])
        kind = "ENABLE_AUTORENEW" if value else "DISABLE_AUTORENEW"
        call.bench.effect(kind, name)
        return {}

    return serve


def _lock(value: bool) -> Callable[[Call], dict[str, Any]]:  # noqa: FBT001
    def serve(call: Call) -> dict[str, Any]:
        call.domain()
        return call.begin("DOMAIN_LOCK", {"locked": value})

    return serve


def _privacy(call: Call) -> dict[str, Any]:
    wanted = {call.asked[name] for name in _PRIVACIES if name in call.asked}
    if len(wanted) != 1:
        raise Refused("InvalidInput", "The privacy of all contacts must be the same")
    call.domain()
    return call.begin("CHANGE_PRIVACY_PROTECTION", {"privacy": wanted.pop()})


def _nameservers(call: Call) -> dict[str, Any]:
    call.domain()
    given = {str(h["Name"]).lower(): h for h in call.asked.get("Nameservers", ())}
    if not given:
        raise Refused("InvalidInput", "Must supply nameservers")
    glue = {host: _glue_ips(call.name, host, said) for host, said in given.items()}
    known = {host: ips for host, ips in glue.items() if ips}
    return call.begin("UPDATE_NAMESERVER", {"nameservers": [*given], "glue": known})


def _glue_ips(name: str, host: str, said: Mapping[str, Any]) -> list[str]:
    """A host inside the domain needs glue: one IPv4 and one IPv6 address at most."""
    ips = [ip_address(ip) for ip in said.get("GlueIps") or ()]
    if host.endswith(f".{name}") is not bool(ips):
        raise Refused("InvalidInput", f"GlueIps of {host} are wrong")
    if len({ip.version for ip in ips}) != len(ips):
        raise Refused("InvalidInput", "One IPv4 and one IPv6 address at most")
    return [str(ip) for ip in ips]


def _with_glue(domain: Mapping[str, Any], host: str) -> dict[str, Any]:
    glue = domain["glue"].get(host)
    return {"Name": host, **({"GlueIps": glue} if glue else {})}


def _operation(call: Call) -> dict[str, Any]:
    for operation in call.bench.state["operations"]:
        wanted = operation["id"] == call.asked.get("OperationId")
        if wanted and not operation.get("cancelled"):
            return _shown(operation)
    raise Refused("InvalidInput", "The operation does not exist")


def _operations(call: Call) -> dict[str, Any]:
    since = float(call.asked.get("SubmittedSince") or 0)
    kinds, states = call.asked.get("Type"), call.asked.get("Status")
    shown = [
        _shown(operation)
        for operation in call.state["operations"]
        if seconds(operation["submitted"]) >= since
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
        "SubmittedDate": seconds(operation["submitted"]),
        "LastUpdatedDate": seconds(operation["updated"]),
        "Message": operation["message"],
    }


def _priced(name: str, price: Decimal) -> dict[str, Any]:
    money = {"Price": float(price), "Currency": "USD"}
    return {"Name": name, "RegistrationPrice": money, "RenewalPrice": money}


def _prices(call: Call) -> dict[str, Any]:
    tld = str(call.asked.get("Tld", ""))
    if tld in call.state["unpriced"]:
        raise Refused("UnsupportedTLD", "The TLD is not supported.")
    chosen = [tld] if tld else sorted(call.state["prices"])
    usual = registrar.USUAL_PRICE
    prices = call.state["prices"]
    shown = [_priced(t, Decimal(prices.get(t, usual)).scaleb(-2)) for t in chosen]
    return call.page(shown, "Prices")


def _domain_prices(call: Call) -> dict[str, Any]:
    priced = _priced(str(call.asked["DomainName"]), call.price())
    price = float(aws_departures.restore_price(call.held()))
    return {
        "DomainPrice": {
            **priced,
            "RestorationPrice": {"Price": price, "Currency": "USD"},
        }
    }


_OPERATIONS: Mapping[str, Callable[[Call], dict[str, Any]]] = {
    "ListDomains": _list_domains,
    "GetDomainDetail": _detail,
    "RenewDomain": _renew,
    "EnableDomainAutoRenew": _flag("auto_renew", value=True),
    "DisableDomainAutoRenew": _flag("auto_renew", value=False),
    "EnableDomainTransferLock": _lock(value=True),
    "DisableDomainTransferLock": _lock(value=False),
    "UpdateDomainContactPrivacy": _privacy,
    "UpdateDomainNameservers": _nameservers,
    "AssociateDelegationSignerToDomain": aws_departures.associate,
    "DisassociateDelegationSignerFromDomain": aws_departures.disassociate,
    "RestoreDomain": aws_departures.restore,
    "CancelDomainTransferToAnotherAwsAccount": aws_departures.cancel,
    "GetOperationDetail": _operation,
    "ListOperations": _operations,
    "ListPrices": _prices,
    "GetDomainPrices": _domain_prices,
}
