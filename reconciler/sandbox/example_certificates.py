"""The authorities of an inventory's world, and whose certificates panels serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from reconciler.kinds.certificate import Certificate
from reconciler.kinds.domain import Domain
from reconciler.kinds.domain.zone import wanted
from reconciler.kinds.issuer import Issuer

#: The file of the account's key, which is made when the sandbox first comes up.
ACCOUNT_KEY: Final = "acme-account-key"
#: Vendors whose servers serve what is installed at them.
_PANELS: Final = {"whm", "plesk"}


def issuance_part(issuers: Iterable[Issuer]) -> dict[str, Any]:
    """
    Return the part of the authorities: one for each directory of *issuers*.

    A directory's URL is ``<endpoint>/<authority>/directory``; names are proven by what
    the sandbox's public DNS serves.
    """
    found: dict[str, Any] = {}
    for one in issuers:
        settings = {"caaIdentities": list(one.spec.caa)} if one.spec.caa else {}
        found[_authority(one.spec.directory)] = settings
        if one.spec.staging:
            found[_authority(one.spec.staging)] = {**settings, "limits": "staging"}
    return {"resolver": "public", "authorities": found}


def _authority(directory: str) -> str:
    return urlsplit(directory).path.strip("/").partition("/")[0]


def panels(
    certificates: Iterable[Certificate],
    domains: Iterable[Domain],
    vendors: Mapping[str, str],
) -> dict[str, str]:
    """Return the addresses behind which a panel serves what is installed at it."""
    rows = {domain.name: wanted(domain.spec.dns) for domain in domains}
    found: dict[str, str] = {}
    for one in certificates:
        at = {vendors.get(place.provider) for place in one.makings.places} & _PANELS
        for name in one.spec.names if at else ():
            zone = rows.get(name, {})
            addresses = (*zone.get("@/A", ())[1:], *zone.get("@/AAAA", ())[1:])
            found |= dict.fromkeys(addresses, min(map(str, at)))
    return found


def account_key() -> str:
    """Return a new key for an account at an authority, as PEM."""
    made = ec.generate_private_key(ec.SECP256R1())
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.private_bytes(*form).decode()
