"""
Where the public internet is: itself, or, for an endpoint on this machine, its stand-in.

A sandbox says at ``<endpoint>/routes`` where on this machine each public address is
played, as ``{"roots": [...], "routes": {"192.0.2.1:53": "127.0.0.1:5301"},
"authorities": "<PEM>"}``. An address that is not in there is unreachable, so that
nothing with a loopback endpoint ever speaks to the internet.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, NamedTuple

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.kinds.provider import is_loopback
from reconciler.model import Account
from reconciler.providers._http import Http, Reply, Words, authorities

#: The root servers' addresses (IANA's root hints; b.root since November 2023).
ROOTS: Final = (
    "198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10",
    "192.5.5.241", "192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30",
    "193.0.14.129", "199.7.83.42", "202.12.27.33",
)  # fmt: skip


class Unreachable(Transient):
    """Nobody listens at that address."""


class NoRoute(Transient):
    """There is no way from here to that address (often IPv6): no fault of it."""


class Place(NamedTuple):
    """A socket's address."""

    address: str
    port: int


class Network:
    """
    The internet, or its stand-in on this machine.

    Raises:
        ProviderError: (any method) A stand-in does not say where things are.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._local = is_loopback(account.endpoint)
        self._lock = Lock()
        self._told: Mapping[str, Any] | None = None

    @property
    def roots(self) -> tuple[str, ...]:
        """The addresses of the root servers."""
        return tuple(self._stand_in["roots"]) if self._local else ROOTS

    def place(self, address: str, port: int) -> Place:
        """Return where to connect to; raise Unreachable if nowhere."""
        if not self._local:
            return Place(address, port)
        at = self._stand_in["routes"].get(f"{address}:{port}")
        host, _, number = str(at).rpartition(":")
        if at is None or not is_loopback(f"tcp://{host}"):
            raise Unreachable("nobody listens there")
        return Place(host, int(number))

    def authorities(self) -> list[bytes]:
        """Return the certificates that are trusted, as DER."""
        if not self._local:
            return authorities()
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
        )

        pem = str(self._stand_in["authorities"]).encode()
        found = x509.load_pem_x509_certificates(pem)
        return [one.public_bytes(Encoding.DER) for one in found]

    @property
    def _stand_in(self) -> Mapping[str, Any]:
        with self._lock:
            if self._told is None:
                self._told = self._ask()
            return self._told

    def _ask(self) -> Mapping[str, Any]:
        words = Words(said=lambda _: "", refused=_refused)
        http = Http(self._account, "", words, headers={})
        try:
            said = http.call("GET", "/routes", operation="routes", effect=False).data
        finally:
            http.close()
        match said:
            case {"roots": list(), "routes": dict(), "authorities": str(), **rest} if (
                not rest
            ):
                return {**said}
        raise Rejected("the sandbox does not say where the internet is played")


def _refused(reply: Reply, text: str) -> ProviderError | None:
    return Rejected(text) if reply.status >= 400 else None  # noqa: PLR2004
