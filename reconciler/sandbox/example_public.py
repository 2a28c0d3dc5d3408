"""What anyone can read about the example agency: mostly what its accounts say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.kinds.certificate import Certificate
from reconciler.kinds.domain import Domain
from reconciler.kinds.domain.zone import wanted

#: Names of others that the agency's records lead to.
NAMES = {
    "spf.mail.example/TXT": ['"v=spf1 ip4:192.0.2.25 -all"'],
    "mx1.mail.example/A": ["192.0.2.26"],
    "mx2.mail.example/A": ["192.0.2.27"],
    "status.monitor.example/A": ["192.0.2.28"],
}
#: What is not as the agency's accounts have it: by name, as ``public.py`` takes it.
ODDITIES: dict[str, dict[str, Any]] = {
    # The registry's date is another one than the registrar's.
    "seeds.example": {"registryExpires": 40},
    # The DS of a provider that was left: resolvers that validate refuse the zone.
    "lawn.example": {
        "ds": [
            "2371 13 2 1F987CC6583E92DF0890718C42A1D6F0C9C36E8D2F8F5D1B3A7F06A1C0B3E4D5"
        ]
    },
    # One of four nameservers does not have the zone.
    "compost.example": {"lame": ["ns-2049.awsdns-65.net"]},
}
#: Names that no account here holds: days until they expire.
WATCHED = {"competitor.example": -24}
#: Certificate -> address -> days it is good for, where that is not the usual time.
CERTIFICATES = {"fiets.example": {"192.0.2.20": 2}}
_USUAL_DAYS = 60
_USUAL_EXPIRY = 200
_OWN = ("ns1.elsewhere.example", "ns2.elsewhere.example")


def public_part(
    domains: Iterable[Domain],
    certificates: Iterable[Certificate],
    delegations: Mapping[str, list[str]],
    vendors: Mapping[str, str],
    route53: Iterable[str],
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """
    Return the world of the vendor ``public``.

    Args:
        domains: All of the inventory.
        certificates: All of the inventory.
        delegations: The nameservers of each domain at its registrar.
        vendors: Provider -> its vendor.
        route53: The nameservers of every zone that Route 53 has.
        oddities: What is not as the accounts have it, by name.
    """
    all_domains = list(domains)
    return {
        "suffixes": sorted({d.name.rpartition(".")[2] for d in all_domains}),
        "registrations": {
            domain.name: {
                "expires": WATCHED.get(domain.name, _USUAL_EXPIRY),
                "autoRenew": False,
                "nameservers": list(_OWN),
            }
            for domain in all_domains
            if domain.spec.provider == "none"
        },
        "zones": {
            domain.name: _zone(
                domain,
                list(_OWN)
                if domain.spec.provider == "none"
                else delegations[domain.name],
            )
            for domain in all_domains
            if "aws" not in {vendors[target] for target in domain.spec.dns.targets}
        },
        "names": NAMES,
        "certificates": _certificates(certificates, all_domains),
        "oddities": dict(oddities),
        "route53": list(route53),
    }


def _zone(domain: Domain, nameservers: list[str]) -> dict[str, Any]:
    """Return a zone that is served by somebody who is no account of the agency's."""
    rows = {
        "@/A": ["192.0.2.90"],
        "@/TXT": ["v=spf1 -all"],
        "_dmarc/TXT": ["v=DMARC1; p=reject"],
        "@/CAA": ['0 issue "letsencrypt.org"'],
        **{key: list(row[1:]) for key, row in wanted(domain.spec.dns).items()},
    }
    records = {
        key: [f'"{value}"' for value in values] if key.endswith("/TXT") else values
        for key, values in rows.items()
    }
    return {"nameservers": nameservers, "records": records}


def _certificates(
    certificates: Iterable[Certificate], domains: list[Domain]
) -> dict[str, list[dict[str, Any]]]:
    """Return what every address serves: a certificate for what leads to it."""
    served: dict[str, list[dict[str, Any]]] = {}
    for one in certificates:
        odd = CERTIFICATES.get(one.name, {})
        names = list(one.spec.names)
        addresses = {a for name in names for a in _addresses(name, domains)}
        for address in sorted(addresses):
            days = odd.get(address, _USUAL_DAYS)
            served.setdefault(address, []).append({"names": names, "days": days})
    return served


def _addresses(name: str, domains: list[Domain]) -> list[str]:
    for domain in domains:
        if name == domain.name:
            rows = wanted(domain.spec.dns)
            return [*rows.get("@/A", ())[1:], *rows.get("@/AAAA", ())[1:]]
    return []
