"""Web servers, each with certificates of its own; what they say is ``web_sites``'s."""

from __future__ import annotations

import socket
import ssl
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.sandbox.web_sites import Sites, read

_PATIENCE: Final = 2.0
_NINETY: Final = timedelta(days=90)
_VERSIONS: Final = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Wanted(NamedTuple):
    """
    One certificate to be served.

    Attributes:
        trusted: Whether the sandbox's authority signed it; else somebody unknown.
        lives: How long it is good for altogether.
        issuer: The organisation of the authority, where it plays a known one.
        bits: Of an RSA key; 0 is P-256.
        versions: The oldest and the newest TLS that the address speaks; that of the
            first certificate of an address counts for all.
    """

    names: tuple[str, ...]
    not_after: datetime
    trusted: bool = True
    lives: timedelta = _NINETY
    issuer: str = ""
    bits: int = 0
    versions: tuple[str, str] = ("1.2", "1.3")


class Authority:
    """A certificate authority that exists in this process alone."""

    def __init__(self, name: str, now: datetime, organisation: str = "") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organisation:
            told = x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)
            parts.append(told)
        self._name = x509.Name(parts)
        builder = _builder(self._name, self._name, self._key.public_key())
        usage = _usage(signs=True)
        self.certificate = (
            builder.not_valid_before(now - timedelta(days=3650))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)  # noqa: FBT003
            .add_extension(usage, True)  # noqa: FBT003
            .add_extension(_identifier(self._key.public_key()), False)  # noqa: FBT003
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """The certificate that is to be trusted."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, wanted: Wanted) -> tuple[bytes, bytes]:
        """Return a certificate and its key, both as PEM."""
        key = _key(wanted.bits)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.names[0])])
        names = x509.SubjectAlternativeName([x509.DNSName(n) for n in wanted.names])
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = (
            _builder(subject, self._name, key.public_key())
            .not_valid_before(wanted.not_after - wanted.lives)
            .not_valid_after(wanted.not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)  # noqa: FBT003
            .add_extension(names, False)  # noqa: FBT003
            .add_extension(server, False)  # noqa: FBT003
            .add_extension(_usage(signs=False), True)  # noqa: FBT003
            .add_extension(by, False)  # noqa: FBT003
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return made.public_bytes(Encoding.PEM), private


def _key(bits: int) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if bits:
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(ec.SECP256R1())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
    )


def _identifier(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _nothing(_address: str, _name: str) -> None:
    """Say that no panel is behind an address."""


class TlsServers:
    """
    Web servers on loopback, one for each public address that they play.

    Args:
        wanted: What each address serves; by SNI the first whose names fit, else the
            first of all.
        installed: What a panel behind an address has for a name; it comes first.
    """

    def __init__(
        self,
        wanted: Mapping[str, list[Wanted]],
        now: datetime,
        sites: Sites | None = None,
        installed: Callable[[str, str], ssl.SSLContext | None] = _nothing,
    ) -> None:
        self._installed = installed
        self._wanted = wanted
        self._now = now
        self._sites = sites
        self._threads: list[Thread] = []
        self._listening: list[socket.socket] = []
        self.ports: dict[str, int] = {}
        self.plain: dict[str, int] = {}
        self.authorities = ""

    def start(self, host: str) -> None:
        """Make the certificates and listen on *host*, at any free ports."""
        if not self._wanted:
            return
        by = _Authorities(self._now)
        for address, wanted in self._wanted.items():
            contexts = [_context(by.of(w), w) for w in wanted]
            by_name = {
                name: context
                for w, context in zip(wanted, contexts, strict=True)
                for name in w.names
            }
            contexts[0].sni_callback = _chooser(
                by_name, partial(self._installed, address)
            )
            self.ports[address] = self._listen(host, contexts[0])
            if self._sites and any(self._sites.has_http(name) for name in by_name):
                self.plain[address] = self._listen(host, None)
        self.authorities = by.pem

    def _listen(self, host: str, context: ssl.SSLContext | None) -> int:
        listening = socket.create_server((host, 0), backlog=64)
        self._listening.append(listening)
        arguments = (listening, context, self._sites)
        served = Thread(target=_serve, args=arguments, daemon=True)
        served.start()
        self._threads.append(served)
        port: int = listening.getsockname()[1]
        return port

    def stop(self) -> None:
        """Stop listening and wait until it is so."""
        for listening in self._listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for thread in self._threads:
            thread.join()
        self._listening, self._threads, self.ports, self.plain = [], [], {}, {}


class _Authorities:
    """Who signs what; those that are trusted are made as they are needed."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known = {"": Authority("Sandbox Authority", now)}
        self._stranger = Authority("Somebody Unknown", now)

    def of(self, wanted: Wanted) -> Authority:
        if not wanted.trusted:
            return self._stranger
        if wanted.issuer not in self._known:
            made = Authority("Sandbox Root", self._now, wanted.issuer)
            self._known[wanted.issuer] = made
        return self._known[wanted.issuer]

    @property
    def pem(self) -> str:
        return "".join(one.pem for one in self._known.values())


def _context(authority: Authority, wanted: Wanted) -> ssl.SSLContext:
    """Return a context that serves *wanted*; the key touches a file for a moment."""
    certificate, key = authority.issue(wanted)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    oldest, newest = (_VERSIONS[version] for version in wanted.versions)
    if wanted.bits or wanted.versions[0] < "1.2":
        made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old on purpose
        made.minimum_version, made.maximum_version = oldest, newest
    with tempfile.TemporaryDirectory(prefix="reconciler-tls-") as folder:
        path = Path(folder) / "pair.pem"
        path.write_bytes(certificate + key)
        made.load_cert_chain(path)
    return made


def _chooser(
    by_name: Mapping[str, ssl.SSLContext],
    installed: Callable[[str], ssl.SSLContext | None],
) -> Callable[[ssl.SSLObject, str, ssl.SSLContext], None]:
    def choose(secured: ssl.SSLObject, name: str, _: ssl.SSLContext) -> None:
        parent = f"*.{(name or '').partition('.')[2]}"
        found = installed(name or "") or by_name.get(name or "") or by_name.get(parent)
        if found is not None:
            secured.context = found

    return choose


def _serve(
    listening: socket.socket, context: ssl.SSLContext | None, sites: Sites | None
) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        visitor = (connection, context, sites)
        Thread(target=_visited, args=visitor, daemon=True).start()


def _visited(
    connection: socket.socket, context: ssl.SSLContext | None, sites: Sites | None
) -> None:
    """Serve one visitor, who may leave at any time."""
    connection.settimeout(_PATIENCE)
    with connection, suppress(OSError):
        if context is None:
            _talk(connection, "http", sites)
            return
        with context.wrap_socket(connection, server_side=True) as it:
            _talk(it, "https", sites)


def _talk(opened: socket.socket, scheme: str, sites: Sites | None) -> None:
    """Answer one request; wait for the visitor to go where there is nothing to say."""
    asked = read(opened.recv, scheme)
    if asked is None or sites is None:
        return
    said = sites.answer(asked)
    if said is None:
        opened.recv(1)
    else:
        opened.sendall(said)
