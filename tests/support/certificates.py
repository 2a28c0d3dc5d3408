"""Certificates, a key store in memory, and the contract of what installs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from reconciler.kinds.certificate import (
    Certificate,
    Changes,
    Install,
    InstalledState,
    IssuanceState,
    Kept,
    Served,
    Site,
    TlsState,
)
from reconciler.kinds.certificate.state import TLS
from reconciler.model import (
    ISSUANCE,
    Account,
    AnyDriver,
    Drawer,
    Makings,
    Material,
    Place,
    Share,
    Unknown,
)
from reconciler.providers._install import fingerprint
from reconciler.testing import Case
from tests.support.contract import NOW, SandboxContract

CA = Share("ca", ISSUANCE)


@cache
def authority() -> tuple[trustme.CA, trustme.CA]:
    """Return a root and the authority below it that signs."""
    root = trustme.CA()
    return root, root.create_child_ca()


@cache
def material(
    *names: str,
    days: float = 90,
    begins: float = -1,
    rsa: bool = False,
    number: int = 0,
) -> Material:
    """Return a certificate that ends in *days*; another *number* is another one."""
    del number
    kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
    made = authority()[1].issue_cert(
        *names,
        not_before=NOW + timedelta(days=begins),
        not_after=NOW + timedelta(days=days),
        key_type=kind,
    )
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    return Material(made.private_key_pem.bytes(), chain)


def leaf(one: Material) -> x509.Certificate:
    return x509.load_pem_x509_certificates(one.chain)[0]


def mark(one: Material) -> str:
    """Return the fingerprint of its certificate."""
    return fingerprint(leaf(one))


def kept(one: Material, **more: Any) -> Kept:
    """Return what a key store would tell of it."""
    found = leaf(one)
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return Kept.model_validate(
        {
            "fingerprint": mark(one),
            "spki": "00" * 32,
            "serial": f"{found.serial_number:x}",
            "issuer": "Test",
            "names": sorted(said.value.get_values_for_type(x509.DNSName)),
            "not_before": found.not_valid_before_utc,
            "not_after": found.not_valid_after_utc,
            "algorithm": "ecdsa-p256",
            "authority": "ca",
            **more,
        }
    )


class MemoryKeys:
    """A key store that is lost with the process."""

    def __init__(self) -> None:
        self.drawers: dict[str, Drawer] = {}

    def open(self, want: Any) -> Drawer:
        return self.drawers.get(want.name, Drawer())

    def put(self, want: Any, drawer: Drawer) -> Drawer:
        self.drawers[want.name] = drawer
        return drawer

    def fill(self, name: str, one: Material) -> None:
        self.drawers[name] = Drawer(current=one)


def place(target: str, family: str = "install", **more: Any) -> Place:
    return Place.model_validate(
        {"target": target, "provider": "main", "family": family, **more}
    )


def certificate(name: str, places: Iterable[Place], **spec: Any) -> Certificate:
    """Return a certificate of the issuer ``ca`` that belongs at *places*."""
    whole: dict[str, Any] = {"names": [name, f"www.{name}"], **spec}
    if whole.get("mode", "acme") == "acme":
        whole = {"issuers": ["ca"], "key": {"store": {"file": "keys"}}, **whole}
    made = Certificate.model_validate({"metadata": {"name": name}, "spec": whole})
    found = Makings(places=tuple(places))
    return made.joined(lambda: found)


def have(
    want: Certificate,
    installed: Any,
    one: Material | None = None,
    served: Sequence[Served] | None = None,
) -> dict[Share, Any]:
    """Return what is known of *want*: kept, at its places, and at its addresses."""
    found: dict[Share, Any] = {
        share: installed for share in want.shares() if share.family != ISSUANCE
    }
    if one is not None:
        found[CA] = IssuanceState(kept=kept(one))
    if served is not None:
        found[TLS] = TlsState(seen=NOW, served=tuple(served))
    return found


def serves(name: str, one: Material, address: str = "192.0.2.20") -> Served:
    return Served(
        name=name,
        address=address,
        fingerprint=mark(one),
        not_after=leaf(one).not_valid_after_utc,
    )


class InstallContract(SandboxContract):
    """
    The contract of a driver that installs.

    Attributes:
        deeds: The effects that are its verbs'.
        served: What an address serves for the want that has to be reloaded.
    """

    extra = "nothing is ever unmanaged here"
    deeds: ClassVar[Mapping[str, str]]

    def start(self) -> Account:
        keys = MemoryKeys()
        for name, one in self.kept().items():
            keys.fill(name, one)
        return super().start()._replace(keys=keys)

    def kept(self) -> Mapping[str, Material]:
        """Return what the key store has, by the names of the wants."""
        raise NotImplementedError

    def effects(self, name: str) -> int:
        found = self.sandbox.ledger.effects(self.vendor, name)
        return sum(effect.operation in self.deeds.values() for effect in found)

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        """Return the cases, from what all three states show."""
        wants, found = self.wants(), {}
        seen = driver.observe(wants)
        for want in wants:
            for change in self.changes(want, seen.states[want.name], account):
                found.setdefault(change.verb, Case(want, change))
        return list(found.values())

    def changes(self, want: Any, state: Any, account: Account) -> list[Changes]:
        one = self.kept().get(want.name)
        old = [serves(want.name, material(want.name, days=9))]
        return [*want.diff(have(want, state, one, old), account.clock())]

    def shows(self, driver: AnyDriver, case: Case) -> bool:
        if isinstance(case.change, Install):
            return super().shows(driver, case)
        return self.effects(case.want.name) > 0

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """A place that is not there is one that cannot be read: a person has to look."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        state = seen.states[self.missing().name]
        assert isinstance(state, InstalledState)
        assert [site.reads for site in state.sites.values()] == [False]
        assert not seen.unmanaged
        assert seen.partial

    def test_what_was_installed_needs_nothing_more(self) -> None:
        account = self.start()
        driver = self.made(account)
        for case in self.cases(driver, account):
            driver.apply(case.want, case.change, "key-1")
        seen = driver.observe(self.wants())
        for want in self.wants():
            one = self.kept().get(want.name)
            served = [serves(want.name, one)] if one else None
            left = want.diff(
                have(want, seen.states[want.name], one, served), account.clock()
            )
            assert [*left] == []


def unreadable(state: Any) -> list[str]:
    """Return why the places of *state* cannot be read."""
    assert isinstance(state, InstalledState)
    return [site.trouble or "" for site in state.sites.values() if not site.reads]


def only(state: Any) -> Site:
    """Return the one site of *state*."""
    assert isinstance(state, InstalledState), state
    (site,) = state.sites.values()
    return site


def why(state: Any) -> str:
    assert isinstance(state, Unknown)
    return state.why


@cache
def issued_with(
    names: tuple[str, ...],
    days: float,
    rsa: int = 0,
    uses: tuple[str, ...] = (),
    purposes: tuple[str, ...] = (),
) -> Material:
    """Return a certificate with a kind of key and uses that are said."""
    signer = x509.load_pem_x509_certificate(_signer()[0])
    by = load_pem_private_key(_signer()[1], None)
    key: Any = (
        rsa_keys.generate_private_key(65537, rsa)
        if rsa
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), False)
    )
    if uses:
        usage = x509.KeyUsage(**{use: use in uses for use in _USES})
        builder = builder.add_extension(usage, True)
    if purposes:
        found = x509.ExtendedKeyUsage([_PURPOSES[one] for one in purposes])
        builder = builder.add_extension(found, False)
    made = builder.sign(by, hashes.SHA256())  # type: ignore[arg-type]
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Material(private, made.public_bytes(Encoding.PEM) + _signer()[0])


@cache
def _signer() -> tuple[bytes, bytes]:
    ca = trustme.CA()
    return ca.cert_pem.bytes(), ca.private_key_pem.bytes()


_USES = (
    "digital_signature", "content_commitment", "key_encipherment",
    "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
    "encipher_only", "decipher_only",
)  # fmt: skip
_PURPOSES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "mail": ExtendedKeyUsageOID.EMAIL_PROTECTION,
}
