"""
What anyone can see of a name: its page, its handshakes, its records, its files.

Sources: those of ``_offers`` (TLS), ``_observatory`` (pages), ``_caa``, ``_signatures``
(DNS), ``_security_txt`` and ``_exposed``. What follows:

* Only names that a certificate of the inventory is for are asked, with GET alone, each
  once a day. A redirect that leads away is told, and nobody goes there.
* What did not answer is unknown, by name and part, and never good: a page that was not
  seen whole has no grade.
* What is read decides between words of ours, and is kept nowhere: neither a header nor
  a line of a file can come to a terminal, a report or a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Transient
from reconciler.kinds.certificate import (
    Certificate,
    Offer,
    Scanned,
    SecurityTxt,
    SurfaceState,
)
from reconciler.kinds.certificate.observatory import (
    HSTS,
    REDIRECTION,
    grade,
    score,
)
from reconciler.model import Account, Change, Observation, Witness
from reconciler.providers import _security_txt as security_txt
from reconciler.providers._caa import refused
from reconciler.providers._exposed import MOST, PATHS, exposed
from reconciler.providers._looks import PATIENCE, Habits, Looks
from reconciler.providers._names import Names
from reconciler.providers._network import Network, NoRoute, Unreachable
from reconciler.providers._observatory import ORIGIN, Visit, redirected, results, strict
from reconciler.providers._offers import offered
from reconciler.providers._signatures import bogus
from reconciler.providers._visit import Step, visited
from reconciler.providers._web import TIMEOUT, Web, unwilling

#: So many addresses of a name are tried; the certificates of all are ``public_tls``'s.
_ADDRESSES: Final = 8


class PublicSurface(Witness[Certificate]):
    """What every name of a certificate shows to anyone."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._network = Network(account)
        self._names = Names(account, self._network)
        self._web = Web(account, self._network, self._names)
        self._timeout = account.limits.get("timeoutSeconds", TIMEOUT)
        habits = Habits("surface", SurfaceState, _mark, in_trouble=_in_trouble)
        self._looks = Looks(account, account.endpoint or "", habits)

    def __repr__(self) -> str:
        return f"PublicSurface({self._account.name})"

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """Report what is seen of each certificate's names, once a day."""
        return self._looks.observe(wants, self._look)

    def touched(self, want: Certificate, change: Change | None) -> None:
        """Look again after any change; see ``Witness``."""
        del change
        self._looks.forget(want)

    def _look(self, want: Certificate) -> SurfaceState:
        now = self._account.clock()
        sites: list[Scanned] = []
        failed: ProviderError | None = None
        for name in want.spec.names:
            if name.startswith("*."):
                continue
            look = _Look(name)
            try:
                if self._account.clock() >= now + PATIENCE:
                    look.unknown["all of it"] = "there was no time for it"
                else:
                    self._one(look, want)
            except ProviderError as error:
                look.unknown["its addresses"], failed = error.what, error
            sites.append(look.site())
        if failed is not None and all("its addresses" in s.unknown for s in sites):
            raise failed
        return SurfaceState(seen=now, sites=tuple(sites))

    def _one(self, look: _Look, want: Certificate) -> None:
        """Look at one name; raises ProviderError where its addresses are unknown."""
        addresses = self._names.addresses(look.name)
        if not addresses:
            look.unknown["all of it"] = "it has no address"
            return
        self._handshakes(look, addresses[:_ADDRESSES])
        if look.offers:
            look.part("its page", lambda: self._page(look, want.spec.names))
            look.part("its security.txt", lambda: self._contact(look))
            if want.spec.scan == "full":
                look.part("its files", lambda: self._files(look))
            look.part("its CAA records", lambda: self._issuer(look))
        else:
            look.unknown["its page"] = "there is no https"
        look.part("its signatures in DNS", lambda: self._signed(look))

    def _handshakes(self, look: _Look, addresses: Sequence[str]) -> None:
        no_way: NoRoute | None = None
        for address in addresses:
            try:
                offer = offered(self._network, look.name, address, self._timeout)
            except NoRoute as error:
                no_way = error
            except Transient as error:
                look.unknown[f"its TLS at {address}"] = error.what
            else:
                look.offers.append(offer)
                if offer.unsure:
                    versions = " and ".join(offer.unsure)
                    look.unknown[f"TLS {versions} at {address}"] = "no answer"
        if no_way is not None and not look.offers and not look.unknown:
            look.unknown["its TLS"] = no_way.what

    def _page(self, look: _Look, own: Sequence[str]) -> None:
        https = visited(self._web, "https", look.name, own)
        http = self._plain(look.name, own, https)
        first, last = https[0].reply, https[-1].reply
        assert first is not None  # noqa: S101  (its own name is asked)
        if last is None:  # it leads to others: of theirs nothing is judged
            look.results = {REDIRECTION: redirected(http), HSTS: strict(first)}
            return
        if not 200 <= last.status < 300:  # noqa: PLR2004
            raise Transient(f"it answers {last.status}")
        if last.cut:
            raise Transient("it is longer than 1 MiB")
        at = https[-1]
        shared = self._web.get("https", at.host, at.path, {"Origin": ORIGIN}, 1024)
        look.results = results(Visit(http, https, shared))
        look.score = score(look.results)

    def _plain(
        self, name: str, own: Sequence[str], known: Sequence[Step]
    ) -> list[Step]:
        """Return the way from http on; nothing where nobody listens there."""
        try:
            return visited(self._web, "http", name, own, known)
        except (Unreachable, NoRoute):
            return []

    def _contact(self, look: _Look) -> None:
        most = security_txt.MOST
        reply = self._web.get("https", look.name, security_txt.PATH, most=most)
        if unwilling(reply):
            raise Transient(f"it answers {reply.status}")
        look.security = security_txt.read(reply)

    def _files(self, look: _Look) -> None:
        for path in PATHS:
            reply = self._web.get("https", look.name, f"/{path}", most=MOST)
            if unwilling(reply):
                raise Transient(f"it answers {reply.status}")
            if exposed(path, reply):
                look.exposed.append(path)

    def _issuer(self, look: _Look) -> None:
        issuers = sorted({one.issuer for one in look.offers if one.issuer})
        found = (refused(self._names, look.name, issuer) for issuer in issuers)
        look.refused = next(filter(None, found), None)

    def _signed(self, look: _Look) -> None:
        zone = self._names.zone(look.name)
        look.bogus = bogus(self._names, zone, self._account.clock())


@dataclass
class _Look:
    """What is found of one name, part by part."""

    name: str
    results: dict[str, str] = field(default_factory=dict)
    score: int | None = None
    offers: list[Offer] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)
    security: SecurityTxt | None = None
    refused: str | None = None
    bogus: str | None = None
    unknown: dict[str, str] = field(default_factory=dict)

    def part(self, what: str, look: Callable[[], None]) -> None:
        """Look at one part; what cannot be looked at is unknown."""
        try:
            look()
        except ProviderError as error:
            self.unknown[what] = error.what
        except (ValueError, OSError) as error:
            self.unknown[what] = f"it cannot be read ({type(error).__name__})"

    def site(self) -> Scanned:
        """Return all of it."""
        return Scanned(
            name=self.name,
            grade=None if self.score is None else grade(self.score),
            score=self.score,
            results=self.results,
            offers=tuple(self.offers),
            exposed=tuple(self.exposed),
            security=self.security,
            refused=self.refused,
            bogus=self.bogus,
            unknown=self.unknown,
        )


def _mark(want: Certificate) -> JsonValue:
    return [*want.spec.names, want.spec.scan]


def _in_trouble(state: SurfaceState) -> bool:
    return any(site.unknown for site in state.sites)


DRIVER = PublicSurface
