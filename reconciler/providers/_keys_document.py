"""
One certificate as a key store keeps it: a JSON document with all of its drawer.

    {"format": "reconciler.keys/v1", "uid": "shop.example",
     "current": {"key": "<PEM>", "chain": "<PEM>"}, "pending": {...}}

Nothing that is raised here holds, or leads to, what the document says: not even the
context of an exception does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.model import Drawer, Material
from reconciler.providers._certificate import (
    certificates,
    chain_pem,
    key_pem,
    private_key,
    spki,
    wrong,
)

FORMAT: Final = "reconciler.keys/v1"
#: What is a file, a secret of AWS and a path of Vault, whatever the case of letters
#: means there.
_SAFE: Final = re.compile(r"[a-z0-9][a-z0-9_.]*(-[a-z0-9_.]+)*")
_LONGEST: Final = 120
#: AWS reads a dash and six characters at the end of a name as its own.
_THEIR_END: Final = re.compile(r"-[a-z0-9]{6}")
_PRIVATE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)


class Found(NamedTuple):
    """
    What a store has; never printed, never logged.

    Attributes:
        raw: The document; None where only a version of what was deleted is left.
        version: What the store compares when it is written again.
    """

    raw: bytes | None
    version: str

    def __repr__(self) -> str:
        return f"Found({self.version})"


class Store(Protocol):
    """One place where documents are kept, each under a name of its own."""

    def read(self, name: str) -> Found | None:
        """Return what is there; raises ProviderError where that cannot be known."""

    def write(self, name: str, raw: bytes, version: str) -> str:
        """
        Keep *raw* if *version* is still what is there; return the new version.

        Raises:
            Rejected: Another one is there, or the store refused.
            Ambiguous: The answer was lost.
        """

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""


def moved_on(name: str) -> Rejected:
    """Return the error of a comparison that failed."""
    return Rejected(f"the keys of {name} were changed by another run meanwhile")


def named(uid: str) -> str:
    """Return what the certificate *uid* is called in a store: itself, or its hash."""
    plain = _SAFE.fullmatch(uid) is not None and len(uid) <= _LONGEST
    if plain and not _THEIR_END.search(uid[-7:]):
        return uid
    return f"sha256.{sha256(uid.encode()).hexdigest()}"


def written(uid: str, drawer: Drawer) -> bytes:
    """
    Return the document of *drawer*.

    Raises:
        Rejected: What it has as current cannot be a certificate with its key.
    """
    said: dict[str, JsonValue] = {"format": FORMAT, "uid": uid}
    if (kept := drawer.current) is not None:
        if (wrong := unfit(kept)) is not None:
            raise Rejected(f"it is not kept: {wrong}")
        said["current"] = {"key": kept.key.decode(), "chain": kept.chain.decode()}
    if drawer.pending is not None:
        said["pending"] = dict(drawer.pending)
    return json.dumps(said, indent=1, sort_keys=True).encode()


def read(uid: str, found: Found | None) -> Drawer:
    """
    Return the drawer that a document holds; an empty one where there is none.

    A key that does not fit its certificate is returned as it is: that is for the
    issuer to mend, and no place takes it.

    Raises:
        Rejected: It is no document of ours, or is that of another certificate.
    """
    if found is None or found.raw is None:
        return Drawer(version=found.version if found else "")
    current: Material | None = None
    match _json(found.raw):
        case {"format": f, "uid": str() as whose, **rest} if f == FORMAT:
            pass
        case _:
            raise Rejected("what the key store has is no document of this program")
    if whose != uid:
        raise Rejected("what the key store has there is of another certificate")
    match rest:
        case {"current": {"key": str() as key, "chain": str() as chain}}:
            current = Material(key.encode(), chain.encode())
            if not readable(current):
                raise Rejected("what the key store has is no key and certificate")
        case {"current": _}:
            raise Rejected("what the key store has is no key and certificate")
        case _:
            pass
    pending = rest.get("pending")
    if pending is not None and not isinstance(pending, Mapping):
        raise Rejected("what the key store has as an order is none")
    return Drawer(current, pending, found.version)


def bought(key: str, chain: str) -> Material:
    """
    Return what somebody bought, in one form: PKCS#8, and the chain without its root.

    Raises:
        Rejected: It is no PEM, or the key needs a passphrase.
    """
    pem, certified = _key(key.encode()), _chain(chain.encode())
    if pem is None:
        raise Rejected(
            "the key that was bought cannot be read",
            hint="it has to be PEM (PRIVATE KEY), RSA or EC, and without a passphrase",
        )
    if certified is None:
        raise Rejected(
            "the certificate that was bought cannot be read",
            hint="it has to be PEM (CERTIFICATE), the leaf first",
        )
    return Material(pem, certified)


def readable(kept: Material) -> bool:
    """Say whether *kept* is a private key and at least one certificate."""
    return _key(kept.key) is not None and _chain(kept.chain) is not None


def unfit(kept: Material) -> str | None:
    """Say why *kept* is no certificate with its key; None where it is one."""
    if not readable(kept):
        return "it is no key and certificate"
    return wrong(certificates(kept.chain), kept.key)


def apart(drawer: Drawer, others: Iterable[str]) -> None:
    """
    Make sure that no key of *drawer*, nor of its order, is one of *others*.

    An account key that is a certificate's key is on every server that serves it: who
    has one of those could revoke, and order, everything (RFC 8555, 11.1).

    Raises:
        Rejected: One of them is.
    """
    known = {_public(pem) for pem in others} - {None}
    kept = [drawer.current.key.decode()] if drawer.current is not None else []
    if known & {_public(pem) for pem in (*kept, *_keys(drawer.pending))}:
        raise Rejected(
            "its key is the key of the account at the authority, too",
            hint="give the Issuer a key of its own in accountKey",
        )


def _keys(value: JsonValue | Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield every private key in *value*, as PEM."""
    match value:
        case str():
            yield from _PRIVATE.findall(value)
        case Mapping():
            for one in value.values():
                yield from _keys(one)
        case list():
            for one in value:
                yield from _keys(one)
        case _:
            pass


def _public(pem: str) -> str | None:
    with suppress(Rejected):
        return spki(private_key(pem.encode()).public_key())
    return None


def _key(pem: bytes) -> bytes | None:
    with suppress(Rejected):
        return key_pem(private_key(pem))
    return None


def _chain(pem: bytes) -> bytes | None:
    with suppress(Rejected):
        return chain_pem(certificates(pem))
    return None


def _json(raw: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(raw)
    return None
