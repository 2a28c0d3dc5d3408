"""
Which versions of TLS an address takes, and what its certificate is made of.

Sources: RFC 8446 (TLS 1.3), RFC 5246 (1.2), RFC 4346 and 2246 (1.1 and 1.0: the same
ClientHello), RFC 8996 (those two are over). What follows:

* Newer versions are tried with OpenSSL. The two old ones are asked for by hand, with a
  ClientHello and nothing after it: many systems' OpenSSL can speak them no more, and
  that would make every server look good.
* A ServerHello of that version is a yes; an alert, or hanging up, is a no; silence and
  anything else is neither.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from reconciler.errors import Transient
from reconciler.kinds.certificate import Offer
from reconciler.providers._caa import known
from reconciler.providers._handshake import chain_of, unverified, why
from reconciler.providers._network import Network, NoRoute, Unreachable

_PORT: Final = 443
_OLD: Final = {"1.0": b"\x03\x01", "1.1": b"\x03\x02"}
_NEW: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_HANDSHAKE, _ALERT, _SERVER_HELLO = b"\x16", b"\x15", b"\x02"
#: A record's head; and of a ServerHello, as much as has its version.
_HEAD, _TOLD = 5, 6
#: ECDHE and RSA with AES-CBC and 3DES: what servers of that time speak.
_CIPHERS: Final = bytes.fromhex("c009c00ac013c01400330039002f0035000ac012")
_LEAST_RSA, _LEAST_EC = 2048, 256
_BROKEN: Final = frozenset(("md5", "sha1"))


def offered(network: Network, name: str, address: str, timeout: float) -> Offer:
    """
    Return what *address* offers to a visitor of *name*.

    Raises:
        Transient: Nothing at all could be had there.
    """
    asked = _Asked(network, name, address, timeout)
    versions: list[str] = []
    unsure: list[str] = []
    for version in _NEW:
        _try(version, asked.new, versions, unsure)
    if not versions:
        raise Transient("no answer" if unsure else "no handshake")
    for version in _OLD:
        _try(version, asked.old, versions, unsure)
    return _with(asked.leaf, address, tuple(sorted(versions)), tuple(sorted(unsure)))


def _try(
    version: str, ask: Callable[[str], bool], yes: list[str], unsure: list[str]
) -> None:
    """Add *version* to the list it belongs to, if to any."""
    try:
        taken = ask(version)
    except (Unreachable, NoRoute):
        raise
    except Transient:
        unsure.append(version)
    else:
        yes += [version] if taken else []


class _Asked:
    """One address that is asked again and again."""

    def __init__(
        self, network: Network, name: str, address: str, timeout: float
    ) -> None:
        self._network = network
        self._name = name
        self._address = address
        self._timeout = timeout
        self.leaf: bytes | None = None

    def _opened(self) -> socket.socket:
        at = self._network.place(self._address, _PORT)
        try:
            return socket.create_connection((at.address, at.port), self._timeout)
        except (TimeoutError, ConnectionError) as error:
            silent = isinstance(error, TimeoutError)
            raise Unreachable("no answer" if silent else why(error)) from None
        except OSError as error:
            raise NoRoute(why(error)) from None

    def new(self, version: str) -> bool:
        """Say whether a handshake of *version* comes about; raises Transient."""
        context = unverified()
        context.minimum_version = context.maximum_version = _NEW[version]
        context.set_ciphers("ALL:@SECLEVEL=0")  # a weak key is to be seen
        try:
            with (
                self._opened() as plain,
                context.wrap_socket(plain, server_hostname=self._name) as secured,
            ):
                self.leaf = chain_of(secured)[0]
        except ssl.SSLError:
            return False
        except TimeoutError:
            raise Transient("no answer") from None
        except OSError as error:
            raise Transient(why(error)) from None
        return True

    def old(self, version: str) -> bool:
        """Say whether a ClientHello of *version* is taken; raises Transient."""
        with self._opened() as plain:
            try:
                plain.sendall(hello(self._name, _OLD[version]))
                head = _exactly(plain, _HEAD)
                body = b"" if head[:1] == _ALERT else _exactly(plain, _TOLD)
            except ConnectionError:
                return False  # hung up on
            except OSError:
                raise Transient("no answer") from None
        if len(head) < _HEAD or head[:1] == _ALERT:
            return False
        if head[:1] != _HANDSHAKE or body[:1] != _SERVER_HELLO:
            raise Transient("what it answers is no TLS")
        return body[4:] == _OLD[version]


def _exactly(plain: socket.socket, number: int) -> bytes:
    """Return so many bytes; fewer where it is hung up before."""
    found = b""
    while len(found) < number:
        more = plain.recv(number - len(found))
        if not more:
            break
        found += more
    return found


def hello(name: str, version: bytes) -> bytes:
    """Return the record of a ClientHello for *name*; the handshake goes no further."""
    server = name.encode("ascii")
    host = struct.pack("!HBH", len(server) + 3, 0, len(server)) + server
    groups = bytes.fromhex("0006 0017 0018 0019")
    extensions = b"".join(
        struct.pack("!HH", number, len(body)) + body
        for number, body in ((0, host), (10, groups), (11, b"\x01\x00"))
    )
    # Nothing is ever encrypted with it: it need not be a secret, only 32 bytes.
    random = hashlib.sha256(server + version).digest()
    body = (
        version
        + random
        + b"\x00"
        + struct.pack("!H", len(_CIPHERS))
        + _CIPHERS
        + b"\x01\x00"
        + struct.pack("!H", len(extensions))
        + extensions
    )
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def _with(
    der: bytes | None, address: str, versions: tuple[str, ...], unsure: tuple[str, ...]
) -> Offer:
    """Return the offer, with what its certificate is made of where it can be read."""
    offer = Offer(address=address, versions=versions, unsure=unsure)
    if der is None:
        return offer
    try:
        leaf = x509.load_der_x509_certificate(der)
        key, strong = _key(leaf)
        algorithm = leaf.signature_hash_algorithm
        issuer = known(_organisation(leaf))
    except (ValueError, UnsupportedAlgorithm):
        return offer
    weak = [] if strong else ["key"]
    if algorithm is not None and algorithm.name in _BROKEN:
        weak.append("signature")
    return Offer(
        address=address,
        versions=versions,
        unsure=unsure,
        key=key,
        weak=tuple(weak),
        issuer=issuer,
        begins=leaf.not_valid_before_utc,
        ends=leaf.not_valid_after_utc,
    )


def _organisation(leaf: x509.Certificate) -> str | None:
    for found in leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        return str(found.value)
    return None


def _key(leaf: x509.Certificate) -> tuple[str, bool]:
    """Return what the key is, and whether it is long enough."""
    match leaf.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}", key.key_size >= _LEAST_RSA
        case ec.EllipticCurvePublicKey() as key:
            return f"EC {key.key_size}", key.key_size >= _LEAST_EC
        case dsa.DSAPublicKey() as key:
            return f"DSA {key.key_size}", False
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return "EdDSA", True
        case _:
            return "another sort", False
