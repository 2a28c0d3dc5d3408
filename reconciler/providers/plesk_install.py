"""
Certificates of the sites of a Plesk server.

Sources (docs.plesk.com, "Plesk API RPC"): "Installing Certificates", "Retrieving List
of Certificates", "Getting Information About Sites", "Hosting" (``certificate_name``).
What follows:

* The command line takes a key from a file of the server alone, and the gateway uploads
  none. The XML API takes it in the body of a POST, which ends in no log.
* A certificate goes into the repository of a subscription under a name, and is served
  by a site that is set to that name. Nothing tells what is in a repository but the
  names: the name *is* the fingerprint, so that the same name is the same certificate.
  What has another name is somebody else's, and its end is not told: only a person
  replaces it.
* A site is a subscription's main one, or one of its others; it answers to its name and
  to ``www.`` before it.
* A result may be an error half-way: the site is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, Final, NamedTuple
from xml.etree.ElementTree import Element

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.certificate import Certificate, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._install import Installer, Pair, seen
from reconciler.providers._panel import after
from reconciler.providers._plesk import CREDENTIALS, Plesk, SaidNo
from reconciler.providers._plesk_xml import (
    named,
    node,
    properties,
    results,
    text_of,
)

#: How the names of our certificates begin; the fingerprint follows.
OURS: Final = "reconciler "
#: How the panel's own extension names those that it renews.
_THEIRS: Final = "Lets Encrypt "
_DATASET: Final = ("gen_info", "hosting")
_HOSTING: Final = "data/hosting/vrt_hst/property"


class Spot(NamedTuple):
    """
    One site.

    Attributes:
        webspace: The subscription that has it.
        user: The system user of that.
        certificate: The name of what it serves; empty where that is nothing.
    """

    name: str
    webspace: str
    user: str
    certificate: str

    @property
    def domains(self) -> frozenset[str]:
        """All that it answers to."""
        return frozenset({self.name, f"www.{self.name}"})


class PleskInstall(Installer):
    """The sites of one Plesk server, as places of certificates."""

    can: ClassVar = {"install": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._plesk = Plesk(account)
        self._spots: list[Spot] = []

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._plesk.identity()

    def requests(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        return self._plesk.http.counts()

    # -- reading --------------------------------------------------------------------

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Read which sites the server has, and the name of each one's certificate."""
        del wants  # the listing is of the whole server
        asked = (node("get", node("filter"), node("dataset", *map(node, _DATASET))),)
        packet = self._plesk.packet(
            node("webspace", *asked), node("site", *asked), operation="sites"
        )
        whose: dict[str, tuple[str, str]] = {}
        found: dict[str, Spot] = {}
        for row in _rows(packet, "webspace"):
            name, settings = _name(row), named(row, _HOSTING)
            user = settings.get("ftp_login", "")
            if not name or name in found:
                raise Rejected("the listing is not one of sites: it proves nothing")
            whose[text_of(row, "id")] = name, user
            if settings:
                found[name] = Spot(name, name, user, _certificate(settings))
        for row in _rows(packet, "site"):
            name, settings = _name(row), named(row, _HOSTING)
            owner = whose.get(text_of(row, "data/gen_info/webspace-id"))
            if owner is not None and settings and name not in found:
                found[name] = Spot(name, *owner, _certificate(settings))
        self._spots = list(found.values())

    def look(self, want: Certificate, place: Place) -> Site:
        """Return what the sites of *place* have."""
        spots = self._fitting(want, place)
        names = [one.certificate for one in spots]
        trouble = None
        if len(set(names)) > 1:
            trouble = f"{spots[0].name} and {spots[1].name} have different certificates"
        mark = _mark(names)
        return Site(
            fingerprint=mark,
            not_after=self._end(want, mark),
            renews="plesk" if any(name.startswith(_THEIRS) for name in names) else None,
            trouble=trouble,
            names=tuple(sorted({name for one in spots for name in _served(one)})),
            opaque=any(map(_served, spots)),
        )

    def _fitting(self, want: Certificate, place: Place) -> list[Spot]:
        """Return the sites of *place* that answer to a name of *want*, in order."""
        wanted = {name for name in want.spec.names if not name.startswith("*.")}
        anchor = {place.site} if place.site else wanted
        owners = {one.webspace for one in self._spots if anchor & one.domains}
        found = sorted(
            one
            for one in self._spots
            if wanted & one.domains
            and (one.user == place.account if place.account else one.webspace in owners)
        )
        if not found:
            raise Rejected(
                f"the server has no site of {place.account or place.site or want.name} "
                f"that answers to {want.spec.names[0]}"
            )
        return found

    def _end(self, want: Certificate, mark: str | None) -> datetime | None:
        """Return when what is there ends; of what is not kept nobody can tell."""
        try:
            kept = seen(self.kept(want).chain)
        except (ProviderError, ValueError, IndexError):
            return None
        return kept.not_after if kept.fingerprint == mark else None

    # -- acting ---------------------------------------------------------------------

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Install *pair* at each site of *place*; all of them must take it."""
        called = f"{OURS}{pair.fingerprint}"
        spots = self._fitting(want, place)
        done: list[str] = []
        for spot in spots:
            try:
                self._store(spot, called, pair)
                self._assign(spot, called)
            except ProviderError as error:
                again = (
                    partial(self._again, want, place)
                    if isinstance(error, SaidNo)
                    else None
                )
                raise after(error, pair, done, again) from None
            done.append(spot.name)
        return Receipt(reference=f"{spots[0].webspace}/{','.join(done)}")

    def _store(self, spot: Spot, called: str, pair: Pair) -> None:
        """Put *pair* into the repository, where it is not in it yet."""
        chosen = node("filter", node("domain-name", spot.webspace))
        pool = self._plesk.packet(
            node("certificate", node("get-pool", chosen)), operation="get-pool"
        )
        if called in {text_of(one, "name") for one in pool.iter("certificate")}:
            return
        content = node(
            "content",
            node("csr"),
            node("pvt", pair.key.decode()),
            node("cert", pair.leaf.decode()),
            node("ca", pair.issuers.decode()),
        )
        put = node(
            "install", node("name", called), node("webspace", spot.webspace), content
        )
        self._plesk.packet(
            node("certificate", put), operation="certificate install", effect=True
        )

    def _assign(self, spot: Spot, called: str) -> None:
        settings = properties([("ssl", "true"), ("certificate_name", called)])
        values = node("values", node("hosting", node("vrt_hst", *settings)))
        chosen = node("filter", node("name", spot.name))
        self._plesk.packet(
            node("site", node("set", chosen, values)), operation="site set", effect=True
        )

    def _again(self, want: Certificate, place: Place) -> Site:
        self.prepare([want])
        return self.look(want, place)


def _rows(packet: Element, operator: str) -> list[Element]:
    found = results(packet, operator, "get")
    return [one for one in found if one.find("data") is not None]


def _name(row: Element) -> str:
    info = "data/gen_info"
    found = text_of(row, f"{info}/ascii-name") or text_of(row, f"{info}/name")
    return found.lower()


def _certificate(settings: dict[str, str]) -> str:
    return settings.get("certificate_name", "")


def _mark(names: Sequence[str]) -> str | None:
    """Return the fingerprint that all have; of what nobody knows, one of nothing."""
    if len(set(names)) == 1 and names[0].startswith(OURS):
        return names[0].removeprefix(OURS)
    if not any(names):
        return None
    return hashlib.sha256(" ".join(names).encode()).hexdigest()


def _served(spot: Spot) -> frozenset[str]:
    """Return what visitors may get a certificate for that is somebody else's."""
    theirs = spot.certificate and not spot.certificate.startswith(OURS)
    return spot.domains if theirs else frozenset()


DRIVER = PleskInstall
