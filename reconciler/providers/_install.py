"""
What every place of a certificate has in common: what is checked before it is put there.

A certificate that does not fit its key, or whose chain is in the wrong order, takes a
site off the net the moment it is loaded; one that ends earlier than what is there, or
is for other names, later. None of that is left to the place: some of them take anything
(and some only say afterwards that they did not).

Sources: RFC 5280 (6.1: each certificate is signed by the next), RFC 9525 (names),
RFC 8446 (4.4.2: the leaf comes first, then its issuers in order).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import ClassVar, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from reconciler.errors import ProviderError, Rejected, Transient, Unsupported
from reconciler.kinds.certificate import (
    NEXT,
    Certificate,
    Changes,
    Check,
    Install,
    InstalledState,
    Reload,
    Site,
)
from reconciler.model import (
    Account,
    Driver,
    Material,
    Observation,
    Observed,
    Place,
    Receipt,
    Unknown,
)
from reconciler.model.names import covered
from reconciler.providers._certificate import fingerprint, names_of

#: The verb after which a place has what is kept.
INSTALL: Final = "install"
#: What stays unread because of what a place has says so in one sentence.
_UNREADABLE: Final = (ValueError, TypeError)


class Pair(NamedTuple):
    """
    A certificate and its key, checked against each other; never printed, never logged.

    Attributes:
        key: PKCS#8, PEM.
        leaf: The certificate itself, PEM.
        issuers: Who signed it, in order, PEM; without the root.
        certificate: The leaf, read.
    """

    key: bytes
    leaf: bytes
    issuers: bytes
    certificate: x509.Certificate

    def __repr__(self) -> str:
        return f"Pair({self.fingerprint[:8]})"

    @property
    def fullchain(self) -> bytes:
        """The leaf and its issuers, as most servers read them."""
        return self.leaf + self.issuers

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf, in hex."""
        return fingerprint(self.certificate)


class Seen(NamedTuple):
    """What is told of a certificate that is installed somewhere."""

    fingerprint: str
    not_after: datetime

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Seen:
        """Return what *certificate* is."""
        return cls(fingerprint(certificate), certificate.not_valid_after_utc)


def read_leaf(pem: bytes) -> x509.Certificate:
    """Return the first certificate of *pem*; raise ValueError if it is none."""
    return x509.load_pem_x509_certificates(pem)[0]


def seen(pem: bytes) -> Seen:
    """Return what the first certificate of *pem* is; raise ValueError if it is none."""
    return Seen.of(read_leaf(pem))


def fits(key: bytes, certificate: x509.Certificate) -> bool:
    """Say whether *key* (PEM) is the one of *certificate*; ValueError if it is none."""
    private = load_pem_private_key(key, None, unsafe_skip_rsa_key_validation=True)
    return _raw(private.public_key()) == _raw(certificate.public_key())


def _raw(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def checked(material: Material, names: Iterable[str], now: datetime) -> Pair:
    """
    Return *material* as it may be installed for *names*.

    Raises:
        Rejected: It may not, and why.
    """
    try:
        chain = x509.load_pem_x509_certificates(material.chain)
        matches = fits(material.key, chain[0])
    except _UNREADABLE:
        raise Rejected("what is kept is no certificate with its key") from None
    leaf = chain[0]
    if not matches:
        raise Rejected("the key that is kept is not the certificate's")
    _in_order(chain)
    said = names_of(leaf)
    bare = [name for name in names if not covered(name, said)]
    if bare:
        raise Rejected(f"the certificate that is kept is not good for {bare[0]}")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        ends = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M}"
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M}"
        raise Rejected(f"the certificate that is kept is valid from {begins} to {ends}")
    pem = [one.public_bytes(Encoding.PEM) for one in chain]
    return Pair(material.key, pem[0], b"".join(pem[1:]), leaf)


def _in_order(chain: Sequence[x509.Certificate]) -> None:
    """Raise Rejected where one of *chain* was not signed by the next."""
    for number, (one, by) in enumerate(pairwise(chain), 1):
        try:
            one.verify_directly_issued_by(by)
        except (InvalidSignature, *_UNREADABLE):
            raise Rejected(
                f"the chain is not in order: certificate {number} was not signed "
                "by the one after it"
            ) from None
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        raise Rejected(
            "the certificate is kept without who signed it: no browser could follow it",
            hint="put the intermediate certificates after it",
        )


class Installer(Driver[Certificate, Changes]):
    """
    An account with places for certificates.

    Attributes:
        family: Which of the kind's families it holds.
    """

    family: ClassVar[str] = INSTALL
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self.account = account

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.account.name})"

    # -- what each has to say ----------------------------------------------------

    @abstractmethod
    def prepare(self, wants: Sequence[Certificate]) -> None:
        """
        Read what is read once for all *wants*; they may also be one.

        Raises:
            ProviderError: The account cannot be read: nothing is known of any place.
        """

    @abstractmethod
    def look(self, want: Certificate, place: Place) -> Site:
        """
        Return what *place* has, from what ``prepare`` read and what it still asks.

        Raises:
            ProviderError: This one cannot be read.
        """

    @abstractmethod
    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Put *pair* there; errors as of ``Driver.apply``."""

    def reload(self, want: Certificate, place: Place) -> Receipt:
        """Make *place* serve what it has."""
        raise Unsupported(f"{place.target} cannot be told to reload ({want.ref})")

    def check(self, want: Certificate, place: Place) -> Receipt:
        """Have *place* renew what it renews itself."""
        raise Unsupported(f"{place.target} renews nothing itself ({want.ref})")

    def requests(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        return {}

    # -- what is the same for all --------------------------------------------------

    def places(self, want: Certificate) -> list[Place]:
        """Return the places of *want* that this account has."""
        mine = (self.account.name, self.family)
        return [one for one in want.makings.places if one.share == mine]

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """Report what is at every place of *wants*."""
        self.requests()
        try:
            self.prepare(wants)
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            states: dict[str, Observed] = {want.name: lost for want in wants}
        else:
            states = {want.name: self._state(want) for want in wants}
        return Observation(states, requests=self.requests(), partial=True)

    def _state(self, want: Certificate) -> InstalledState:
        sites: dict[str, Site] = {}
        for place in self.places(want):
            try:
                sites[place.mark] = self.look(want, place)
            except ProviderError as error:
                sites[place.mark] = Site(reads=False, trouble=error.what)
        return InstalledState(sites=sites)

    def apply(self, want: Certificate, change: Changes, key: str) -> Receipt:
        """Install, reload or wake up; see ``Driver.apply``."""
        del key  # what is put there is the same however often it is put there
        place = self.place(want, change)
        match change:
            case Install():
                here = self._now(want, place)
                pair = self._ready(want, change, here)
                done = self.install(want, place, pair)
                told = {"fingerprint": pair.fingerprint, **done.details}
                return done.model_copy(update={"details": told})
            case Reload():
                self.prepare([want])
                return self.reload(want, place)
            case Check():
                self.prepare([want])
                return self.check(want, place)
            case _:
                raise Unsupported(f"{place.target} cannot {change.verb} a certificate")

    def happened(
        self,
        want: Certificate,
        change: Changes,
        key: str,
        since: datetime,
    ) -> bool | None:
        """
        Say from a fresh reading whether an installation took effect.

        Of a reload nothing tells; what was lost of one may be done again.
        """
        del key
        settled = self.account.clock() - since >= self.settles
        if not isinstance(change, Install):
            return False if settled else None
        try:
            place = self.place(want, change)
            here = self._now(want, place)
            wanted = self._fingerprint(want, change)
        except ProviderError:
            return None
        if here.fingerprint == wanted:
            return True
        return False if settled else None

    def place(self, want: Certificate, change: Changes) -> Place:
        """Return the place that *change* is about; raise Rejected if it is gone."""
        mark = change.details.get("mark")
        for place in self.places(want):
            if place.mark == mark:
                return place
        raise Rejected(f"{want.ref} is not installed at {mark}", hint="plan again")

    def _now(self, want: Certificate, place: Place) -> Site:
        """Return a fresh reading of *place*."""
        self.prepare([want])
        here = self.look(want, place)
        if not here.reads:
            raise Transient(f"{place.target} cannot be read: {here.trouble}")
        return here

    def kept(self, want: Certificate) -> Material:
        """Return what was issued last; raise Rejected where nothing was."""
        if self.account.keys is None:
            raise Rejected("there is no key store to take the certificate from")
        found = self.account.keys.open(want).current
        if found is None:
            raise Rejected(f"{want.ref}: nothing is kept that could be installed")
        return found

    def _fingerprint(self, want: Certificate, change: Install) -> str:
        """Return which one *change* was to install."""
        asked = str(change.details.get("fingerprint"))
        if asked != NEXT:
            return asked
        try:
            return seen(self.kept(want).chain).fingerprint
        except (*_UNREADABLE, IndexError):
            raise Rejected("what is kept is no certificate") from None

    def _ready(self, want: Certificate, change: Install, here: Site) -> Pair:
        """Return what *change* installs; raise Rejected where that may not be."""
        pair = checked(self.kept(want), want.spec.names, self.account.clock())
        asked = str(change.details.get("fingerprint"))
        if asked not in {NEXT, pair.fingerprint}:
            raise Rejected(
                f"{asked[:8]} was to be installed, and {pair.fingerprint[:8]} is kept",
                hint="plan again",
            )
        ends = pair.certificate.not_valid_after_utc
        # Who allowed an action that was held has seen what it replaces.
        seen_by_somebody = change.hold is not None
        if here.not_after and here.not_after > ends and not seen_by_somebody:
            fact = want.recorded.get(f"installed/{change.details.get('mark')}")
            ours = fact.get("fingerprint") if isinstance(fact, dict) else None
            if ours is None or ours != here.fingerprint:
                raise Rejected(
                    f"what is there ends on {here.not_after:%Y-%m-%d}, later than "
                    f"what would replace it ({ends:%Y-%m-%d})",
                    hint="plan again: it is held until somebody has looked",
                )
        return pair
