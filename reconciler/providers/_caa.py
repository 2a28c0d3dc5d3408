"""
Which CAA records are in force for a name, and whether they allow who signed for it.

Source: RFC 8659 (3: the closest name upwards that has any decides, the aliases of each
followed); what they say is read by ``model.caa``. Whom a certificate is from is told by
the organisation in its issuer, and what that one is called in CAA by what authorities
publish (CCADB). Of an authority that is not in the list, nothing is said.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from reconciler.model import caa
from reconciler.providers._names import Names

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
    force = in_force(names, name)
    same = next((all_ for all_ in ISSUERS.values() if all_[0] == issuer), (issuer,))
    asked = caa.Asked(frozenset(same), wild=name.startswith("*."))
    return issuer if caa.forbids(caa.entries(force.rows), asked) else None


def known(organisation: str | None) -> str | None:
    """Return the CAA name of the authority of that organisation, if it is known."""
    said = (organisation or "").lower().replace("\u2019", "'")
    return next((names[0] for part, names in ISSUERS.items() if part in said), None)


class Force(NamedTuple):
    """The records in force, in zone-file notation, and the name that has them."""

    at: str
    rows: tuple[str, ...] = ()


def in_force(
    names: Names, name: str, kept: dict[str, tuple[str, ...]] | None = None
) -> Force:
    """
    Return the CAA records that are in force for *name*, which may be a wildcard.

    What is learned on the way up is *kept* for the next name.

    Raises:
        Transient: The records cannot be read; authorities refuse then too.
    """
    labels = name.removeprefix("*.").split(".")
    known = {} if kept is None else kept
    for start in range(len(labels)):
        at = ".".join(labels[start:])
        if at not in known:
            known[at] = tuple(sorted(names.resolve(at, "CAA").values))
        if known[at]:
            return Force(at, known[at])
    return Force(name.removeprefix("*."))
