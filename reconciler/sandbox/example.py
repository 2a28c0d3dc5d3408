"""
The example agency's world: everything as its inventory wants it, but for a few.

The sandbox starts where an agency stands on a bad Monday: most names are healthy,
some are due, some were changed by hand, one is in grace, one is not readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.kinds.certificate import Certificate
from reconciler.kinds.domain import Domain
from reconciler.kinds.domain.zone import wanted
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.kinds.issuer import Issuer
from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.kinds.payment_method import as_payment_methods
from reconciler.kinds.provider import Provider
from reconciler.kinds.server import Server
from reconciler.model import OWN, PUBLIC, AnyResource
from reconciler.sandbox.cloudflare_records import seeds as cloudflare_zone
from reconciler.sandbox.example_backups import ROOT as BACKUP_ROOT
from reconciler.sandbox.example_backups import back_up
from reconciler.sandbox.example_cards import KEY, cards_part
from reconciler.sandbox.example_certificates import issuance_part, panels
from reconciler.sandbox.example_clouds import TOKENS, cloud_part, instances
from reconciler.sandbox.example_hosting import (
    KEY as PLESK_KEY,
)
from reconciler.sandbox.example_hosting import (
    TOKEN,
    USER,
    hosting_part,
    plesk_part,
)
from reconciler.sandbox.example_notices import SECRETS as TOLD
from reconciler.sandbox.example_notices import notice_parts
from reconciler.sandbox.example_public import ODDITIES as SEEN
from reconciler.sandbox.example_public import public_part
from reconciler.sandbox.example_wallets import CLIENT, SECRET, wallets_part
from reconciler.sandbox.world import World

#: Credential -> the sandbox's fixed token; fake, and good nowhere else.
SECRETS = {
    "porkbun-api-key": "pk1_sandbox",
    "porkbun-secret-api-key": "sk1_sandbox",
    "namecom-username": "agency-test",
    "namecom-token": "sandbox-namecom-token",
    "aws-access-key-id": "sandbox",
    "aws-secret-access-key": "sandbox",
    "gandi-token": "pat_sandbox-gandi-token",
    "dnsimple-token": "sandbox-dnsimple-token",
    "cloudflare-token": "sandbox-cloudflare-token",
    "whm-user": USER,
    "whm-token": TOKEN,
    "whm-root-token": BACKUP_ROOT,
    "plesk-key": PLESK_KEY,
    **{f"{vendor}-token": token for vendor, token in TOKENS.items()},
    **TOLD,
    "stripe-key": KEY,
    "paypal-client-id": CLIENT,
    "paypal-secret": SECRET,
}
#: Who an account is where no Provider document says it, and the secret half.
_LOGINS = {
    "porkbun": ("pk1_sandbox", "sk1_sandbox"),
    "namecom": ("agency-test", "sandbox-namecom-token"),
    "gandi": ("fe0b931c-18c5-11e9-b9b5-00163ec4cb00", SECRETS["gandi-token"]),
    "dnsimple": ("1385", SECRETS["dnsimple-token"]),
    "cloudflare": (
        "023e105f4ecef8ad9ca31a8372d0c353",
        SECRETS["cloudflare-token"],
    ),
}
#: Those whose token alone says whose it is: the account is the declared one.
_BY_TOKEN = frozenset({"gandi", "dnsimple", "cloudflare"})


class Oddity(NamedTuple):
    """
    How one name differs from what the inventory wants.

    Attributes:
        registration: Fields of the registrar's seed (``expires`` in days ...).
        records: ``name/TYPE`` -> row, or None for a record that is lost.
        absent: It is not in the account.
        public: How what anyone can read differs; see ``public.py``.
        hosting: How the account on the server differs, or the machine at the cloud; see
            ``example_hosting.py`` and ``example_clouds.py``.
        card: How a payment method differs: its seed's fields, ``detached``, or
            ``default: false`` where another one is charged.
    """

    registration: Mapping[str, Any] = {}
    records: Mapping[str, tuple[str, ...] | None] = {}
    absent: bool = False
    public: Mapping[str, Any] = {}
    hosting: Mapping[str, Any] = {}
    card: Mapping[str, Any] = {}


ODDITIES: dict[str, Oddity] = {
    # Due: inside the window of those that the reconciler renews.
    "bakker.example": Oddity({"expires": 41}),
    "bakker-shop.example": Oddity({"expires": 18}, {"www/CNAME": None}),
    "fiets.example": Oddity({"expires": 12}),
    "novalaw.example": Oddity({"expires": 25}),
    # The registrar should have renewed it by now: taken over.
    "cafe-menu.example": Oddity({"expires": 9, "autoRenewFails": True}),
    # Urgent, and only a person renews it.
    "fietsplan.example": Oddity({"expires": 16, "autoRenew": False}),
    # In its grace period: it can still be renewed.
    "e-bike.example": Oddity({"expires": -4}),
    # Dearer than its ceiling.
    "studio-portfolio.example": Oddity({"expires": 30, "price": "14.99 USD"}),
    # Changed by hand.
    "broodjes.example": Oddity({"autoRenew": False}),
    "fietsen.example": Oddity({"locked": False}),
    "roses.example": Oddity({"locked": False, "privacy": False}),
    "studio.example": Oddity(
        {"nameservers": ["ns1.somewhere.example", "ns2.somewhere.example"]}
    ),
    "garden.example": Oddity({}, {"@/A": ("3600", "198.51.100.99")}),
    "tulips.example": Oddity({}, {"promo/CNAME": ("300", "shop.elsewhere.example.")}),
    # A card that its bank declines.
    "cafe-visa": Oddity(card={"behaves": "insufficient_funds"}),
    # Not in the account that should have it.
    "studio-archive.example": Oddity(absent=True),
    # What registries, DNS and web servers say, and no account does.
    **{name: Oddity(public=public) for name, public in SEEN.items()},
}
_UNMANAGED = {
    "porkbun": ("forgotten-project.example",),
    "namecom": ("fiets-outlet.example",),
}
#: The delegation set of every zone in moto's Route 53.
ROUTE53 = (
    "ns-2048.awsdns-64.com",
    "ns-2049.awsdns-65.net",
    "ns-2050.awsdns-66.org",
    "ns-2051.awsdns-67.co.uk",
)
#: Where each DNS host serves a zone from.
_SERVED_FROM = {
    "aws": ROUTE53,
    "cloudflare": ("ada.ns.cloudflare.com", "bob.ns.cloudflare.com"),
}
#: The hosting servers: vendor -> what its part of the world is made by.
_HOSTS = {"whm": hosting_part, "plesk": plesk_part}
_HEALTHY = (210, 340)
_PARKED = ("ns1.registrar.example", "ns2.registrar.example")


def world(
    resources: Mapping[str, list[AnyResource]],
    oddities: Mapping[str, Oddity] = ODDITIES,
) -> World:
    """
    Return the world of an inventory.

    Args:
        resources: The inventory's documents, by kind.
        oddities: What is not as the inventory wants it.
    """
    providers = [
        one
        for one in resources["Provider"]
        if isinstance(one, Provider) and not one.files
    ]
    domains = [one for one in resources["Domain"] if isinstance(one, Domain)]
    vendors = {provider.name: provider.spec.type for provider in providers}
    names: dict[str, dict[str, Any]] = {vendor: {} for vendor in vendors.values()}
    zones: dict[str, list[Any]] = {vendor: [] for vendor in vendors.values()}
    for number, domain in enumerate(domains):
        odd = oddities.get(domain.name, Oddity())
        vendor = vendors.get(domain.spec.provider)
        if vendor and not odd.absent:
            hosts = _delegation(domain, vendors)
            names[vendor][domain.name] = _registration(domain, number, odd, hosts)
        for target in domain.spec.dns.targets:
            zones[vendors[target]].append(_zone(vendors[target], domain, odd))
    for vendor in names.keys() & _UNMANAGED.keys():
        names[vendor] |= {name: {"expires": 150} for name in _UNMANAGED[vendor]}
    declared = {one.spec.type: one.spec.account for one in providers}
    parts = {
        vendor: _vendor(vendor, declared.get(vendor), own, zones[vendor])
        for vendor, own in names.items()
        if vendor not in {PUBLIC, OWN, *_HOSTS, *TOKENS}
    }
    hosted = resources.get("HostingAccount", [])
    otherwise = {name: one.hosting for name, one in oddities.items()}
    for vendor in names.keys() & _HOSTS.keys():
        there = [
            one
            for one in hosted
            if isinstance(one, HostingAccount)
            and vendors.get(one.spec.provider) == vendor
        ]
        parts[vendor] = _HOSTS[vendor](there, declared.get(vendor), otherwise)
    back_up(resources.get("BackupRepository", []), parts)
    machines = _machines(resources, vendors)
    for vendor in names.keys() & TOKENS.keys():
        own, account = machines.get(vendor, []), declared.get(vendor)
        parts[vendor] = cloud_part(vendor, own, account, otherwise)
    parts.get("aws", {}).update(instances(machines.get("aws", []), otherwise))
    issuers = [o for o in resources.get("Issuer", []) if isinstance(o, Issuer)]
    parts |= {"acme": issuance_part(issuers)} if issuers else {}
    if PUBLIC in names:
        certificates = [
            one
            for one in resources.get("Certificate", [])
            if isinstance(one, Certificate)
        ]
        parts[PUBLIC] = public_part(
            domains,
            certificates,
            {d.name: _delegated(names, d, vendors) for d in domains},
            vendors,
            ROUTE53,
            {name: odd.public for name, odd in oddities.items() if odd.public},
        )
        parts[PUBLIC]["panels"] = panels(certificates, domains, vendors)
    channels = resources.get("NotificationChannel", [])
    parts |= notice_parts(c for c in channels if isinstance(c, NotificationChannel))
    for gateway, part in (("stripe", cards_part), ("paypal", wallets_part)):
        gateways = {one.name: one for one in providers if one.spec.type == gateway}
        if gateways:
            parts[gateway] = part(
                gateways,
                as_payment_methods(resources.get("PaymentMethod", [])),
                {name: odd.card for name, odd in oddities.items() if odd.card},
            )
    return World.from_dict({"vendors": parts})


def _machines(
    resources: Mapping[str, list[AnyResource]], vendors: Mapping[str, str]
) -> dict[str, list[Server]]:
    """Return the machines of each vendor."""
    found: dict[str, list[Server]] = {}
    for one in resources.get("Server", []):
        if isinstance(one, Server):
            found.setdefault(vendors.get(one.spec.provider, ""), []).append(one)
    return found


def _delegated(
    names: Mapping[str, Mapping[str, Any]],
    domain: Domain,
    vendors: Mapping[str, str],
) -> list[str]:
    """Return where a name is delegated to, by hand or as it is wanted."""
    held: Mapping[str, Any] = next(
        (own[domain.name] for own in names.values() if domain.name in own), {}
    )
    return list(held.get("nameservers", _delegation(domain, vendors)))


def _registration(
    domain: Domain, number: int, odd: Oddity, hosts: list[str]
) -> dict[str, Any]:
    spec = domain.spec
    first, last = _HEALTHY
    seed: dict[str, Any] = {
        "expires": first + number * 37 % (last - first),
        "autoRenew": spec.lifecycle != "expire" and spec.renewal.mode == "registrar",
        "nameservers": hosts,
    }
    return {**seed, **odd.registration}


def _delegation(domain: Domain, vendors: Mapping[str, str]) -> list[str]:
    if isinstance(domain.spec.nameservers, tuple):
        return list(domain.spec.nameservers)
    hosts = [
        host
        for target in domain.spec.dns.targets
        for host in _SERVED_FROM.get(vendors[target], ROUTE53)
    ]
    return hosts or list(_PARKED)


def _zone(vendor: str, domain: Domain, odd: Oddity) -> dict[str, Any]:
    rows = {**wanted(domain.spec.dns), **odd.records}
    records: list[dict[str, Any]] = []
    for key, row in rows.items():
        if row and vendor == "cloudflare":
            records += cloudflare_zone(domain.name, key, row)
        elif row:
            records.append(_record(domain.name, key, row))
    return {"name": domain.name, "records": records}


def _record(zone: str, key: str, row: tuple[str, ...]) -> dict[str, Any]:
    name, _, rtype = key.partition("/")
    whole = zone if name == "@" else f"{name}.{zone}"
    values = [_quoted(value) if rtype == "TXT" else value for value in row[1:]]
    return {
        "Name": f"{whole}.",
        "Type": rtype,
        "TTL": int(row[0]),
        "ResourceRecords": [{"Value": value} for value in values],
    }


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _vendor(
    vendor: str, declared: str | None, names: dict[str, Any], zones: list[Any]
) -> dict[str, Any]:
    if vendor not in _LOGINS:
        return {"domains": names, "zones": zones}
    login, secret = _LOGINS[vendor]
    if declared and vendor in _BY_TOKEN:
        login = declared
    if vendor == "cloudflare":
        account = {"id": login, "token": secret, "domains": names, "zones": zones}
    else:
        account = {"login": login, "secret": secret, "domains": names}
    return {"accounts": [account]}
