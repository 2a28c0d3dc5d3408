"""What a TLS handshake shows, and whether the chain in it is to be trusted."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from cryptography import x509
from cryptography.x509 import verification

from reconciler.providers._certificate import names_of
from reconciler.providers._network import Network

#: Why nothing could be had where this machine has no route: no fault of the address.
NO_ROUTE: Final = "there is no way to it from here"


class Trust:
    """The authorities that are trusted, and the account's own time to judge by."""

    def __init__(self, network: Network, clock: Callable[[], datetime]) -> None:
        self._network = network
        self._clock = clock

    def holds(self, leaf: x509.Certificate, others: list[x509.Certificate]) -> bool:
        """Say whether the chain holds, at a time when the leaf itself does."""
        names = names_of(leaf)
        if not names or self._store is None:
            return False
        name = names[0].replace("*.", "any.", 1)
        latest = leaf.not_valid_after_utc - timedelta(seconds=1)
        now = min(max(self._clock(), leaf.not_valid_before_utc), latest)
        builder = verification.PolicyBuilder().store(self._store).time(_naive(now))
        try:
            builder.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
        except (verification.VerificationError, ValueError):
            return False
        return True

    @cached_property
    def _store(self) -> verification.Store | None:
        found = [_parsed(one) for one in self._network.authorities()]
        known = [one for one in found if one is not None]
        return verification.Store(known) if known else None


def unverified() -> ssl.SSLContext:
    """Return a context for reading what is served, which is trusted with nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def why(error: OSError) -> str:
    """Say what went wrong without the machine's own words."""
    match error:
        case ConnectionRefusedError():
            return "the connection is refused"
        case ConnectionError():
            return "the connection breaks"
        case _:
            return NO_ROUTE


def chain_of(secured: ssl.SSLSocket) -> list[bytes]:
    """
    Return what the server sent, the leaf first.

    Python has a public way since 3.13; before that only the object below it has one.
    """
    public = getattr(secured, "get_unverified_chain", None)
    if public is not None:
        return [bytes(one) for one in public()]
    below: Any = secured._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    found = below.get_unverified_chain() or ()
    pems = (ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found)
    return [*pems] or [secured.getpeercert(binary_form=True) or b""]


def _naive(moment: datetime) -> datetime:
    """Return UTC without saying so, which is what the verifier takes."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _parsed(der: bytes) -> x509.Certificate | None:
    """Return an authority's certificate; None for one that this library refuses."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None
