"""
Whether the CAA records of a name allow the authority whose certificate is served.

Source: RFC 8659 (3: the closest name upwards that has any decides; 4.2: ``issue``;
4.3: ``issuewild``). Whom a certificate is from is told by the organisation in its
issuer, and what that one is called in CAA by what authorities publish (CCADB). Of an
authority that is not in the list, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reconciler.providers._names import Names

_RECORD: Final = re.compile(r'^(\d{1,3}) ([A-Za-z0-9]+) "?([^"]*)"?$')
#: A part of the issuer's organisation, in lower case -> its names in CAA.
ISSUERS: Final = {
    "let's encrypt": ("letsencrypt.org",),
    "google trust services": ("pki.goog",),
    "amazon": ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"),
    "digicert": (
        "digicert.com", "symantec.com", "geotrust.com", "rapidssl.com", "thawte.com",
        "www.digicert.com", "digicert.ne.jp", "cybertrust.ne.jp",
    ),
    "sectigo": ("sectigo.com", "comodo.com", "comodoca.com", "usertrust.com",
                "trust-provider.com"),
    "zerossl": ("sectigo.com", "zerossl.com"),
    "globalsign": ("globalsign.com",),
    "buypass": ("buypass.com", "buypass.no"),
    "ssl corp": ("ssl.com",),
    "godaddy": ("godaddy.com", "starfieldtech.com"),
    "identrust": ("identrust.com",),
    "entrust": ("entrust.net", "affirmtrust.com"),
    "actalis": ("actalis.it",),
    "microsoft": ("microsoft.com",),
    "cpanel": ("comodoca.com", "sectigo.com"),
}  # fmt: skip


def refused(names: Names, name: str, issuer: str) -> str | None:
    """
    Return *issuer*, the CAA name of an authority, where CAA forbids it *name*.

    *name* may be a wildcard.

    Raises:
        Transient: The records cannot be read; authorities refuse then too.
    """
    found = _closest(names, name.removeprefix("*."))
    wild = [value for tag, value in found if tag == "issuewild"]
    plain = [value for tag, value in found if tag == "issue"]
    rules = wild if name.startswith("*.") and wild else plain
    if not rules:
        return None
    allowed = {value.partition(";")[0].strip().lower() for value in rules}
    same = next((all_ for all_ in ISSUERS.values() if all_[0] == issuer), (issuer,))
    return None if allowed & set(same) else issuer


def known(organisation: str | None) -> str | None:
    """Return the CAA name of the authority of that organisation, if it is known."""
    said = (organisation or "").lower().replace("\u2019", "'")
    return next((names[0] for part, names in ISSUERS.items() if part in said), None)


def _closest(names: Names, name: str) -> list[tuple[str, str]]:
    """Return tag and value of the records that are in force for *name*."""
    labels = name.split(".")
    for start in range(len(labels) - 1):
        at = ".".join(labels[start:])
        if rows := names.resolve(at, "CAA").values:
            return [*_read(rows)]
    return []


def _read(rows: Iterable[str]) -> Iterable[tuple[str, str]]:
    for row in rows:
        if match := _RECORD.match(row):
            yield match[2].lower(), match[3]
