"""What is known of a certificate: issued, installed, served; each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime

from reconciler.model import PUBLIC, Frozen, Share, State
from reconciler.model.authority import ISSUANCE
from reconciler.model.observed import KEYS

#: Whoever connects to every address of every name, as a visitor does.
TLS: Final = Share(PUBLIC, "tls")
#: Where a certificate that was bought is looked up.
BOUGHT: Final = Share(KEYS, ISSUANCE)


class Kept(Frozen):
    """
    The certificate that the key store has; nothing of it is secret.

    Attributes:
        fingerprint: SHA-256 of the leaf, in hex.
        spki: SHA-256 of its public key, in hex.
        serial: In hex.
        issuer: The common name of who signed it.
        authority: The Issuer that it came from, where that is known.
        names: What it is good for, in lower case, sorted.
        algorithm: Of its key, as YAML writes it.
        profile: Which was asked for, where one was.
        ari: How the authority calls it (RFC 9773, 4.1).
        wrong: Why it may not be installed: the key is another one, the chain is not
            in order.
        chain: SHA-256 of who signed it, as it is to be served after it, in hex.
    """

    fingerprint: str
    spki: str
    serial: str
    issuer: str
    names: tuple[str, ...]
    not_before: AwareDatetime
    not_after: AwareDatetime
    algorithm: str
    authority: str | None = None
    profile: str | None = None
    ari: str | None = None
    wrong: str | None = None
    chain: str | None = None

    @property
    def life(self) -> timedelta:
        """How long it is valid."""
        return self.not_after - self.not_before


class Advised(Frozen):
    """
    When the authority wants it renewed (RFC 9773, 4.2).

    Attributes:
        seen: When it said so.
        check: When to ask it again.
        url: Where it explains why, if it does.
    """

    start: AwareDatetime
    end: AwareDatetime
    seen: AwareDatetime
    check: AwareDatetime
    url: str | None = None


class IssuanceState(State):
    """
    What is kept of a certificate, and what its authority says about it.

    Attributes:
        kept: None where nothing was ever issued.
        began: When an order was begun that is not finished.
        advised: The window of the authority that issued it.
        revoked: When it was revoked, as the authority says (its CRL).
        affordable: Not before then may another be ordered here, and why.
        trouble: Why the authority could not be asked; what is kept is known still.
    """

    kept: Kept | None = None
    began: AwareDatetime | None = None
    advised: Advised | None = None
    revoked: AwareDatetime | None = None
    affordable: AwareDatetime | None = None
    why_not: str | None = None
    trouble: str | None = None


class Site(Frozen):
    """
    What one place has.

    Attributes:
        fingerprint: SHA-256 of the installed leaf, in hex; None where there is none.
        not_after: When what is installed ends.
        renews: Who renews it there, where somebody does (``autossl``, ``acm``).
        trouble: What its own renewal complains of; of a place that cannot be read, why.
        names: What the place answers to, where it tells; a certificate must cover them.
        reads: Whether the place could be read.
        opaque: Somebody else's is installed, and the place tells nothing but its name.
    """

    fingerprint: str | None = None
    not_after: AwareDatetime | None = None
    renews: str | None = None
    trouble: str | None = None
    names: tuple[str, ...] = ()
    reads: bool = True
    opaque: bool = False


class InstalledState(State):
    """What the places of one account have: ``Place.mark`` -> what is there."""

    sites: Mapping[str, Site] = {}


class Served(Frozen):
    """
    What one address serves for one name.

    Attributes:
        problem: Why nothing could be had there; the rest is empty then.
        fingerprint: SHA-256 of the certificate, in hex.
        issuer: The common name of who signed it, or its organisation.
        matches: Whether it is good for the name.
        trusted: Whether its chain, as it is served, leads to a trusted authority.
        chain: SHA-256 of what is served after it, in hex.
    """

    name: str
    address: str
    problem: str | None = None
    fingerprint: str | None = None
    issuer: str | None = None
    not_after: AwareDatetime | None = None
    matches: bool = True
    trusted: bool = True
    chain: str | None = None


class TlsState(State):
    """
    What is served at every address of every name.

    Attributes:
        seen: When it was looked at.
        unknown: Names whose addresses could not be found, and why.
    """

    seen: AwareDatetime
    served: tuple[Served, ...] = ()
    unknown: Mapping[str, str] = {}


def end(one: Served) -> datetime:
    """Return when what is served ends; only of what was served whole."""
    assert one.not_after is not None  # noqa: S101  (whole leaves the others out)
    return one.not_after
