"""
The sites of a cPanel account, what is installed at them, and an AutoSSL that runs.

Shared by the two doors to a panel (``whm.py`` and ``cpanel.py``). Kept, after the
vendor's reference: certificates belong to virtual hosts; an installation is checked
(certificate and key go together, who signed it is in the bundle, the site answers to
one of its names) and answers with ``working_domains`` and ``warning_domains``; AutoSSL
runs every night, leaves excluded domains and what somebody else signed alone, and
writes down what it could not do. Not documented, and played: it renews in the last
fifteen days; a staging authority is refused for want of a bundle, as users report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.registrar import Seed

AUTHORITY: Final = "Sandbox AutoSSL Authority"
_LIFE: Final = timedelta(days=90)
_RENEWS: Final = timedelta(days=15)
_TAKES: Final = timedelta(days=3)
_NIGHT: Final = timedelta(hours=24)
_SINCE: Final = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2060, 1, 1, tzinfo=UTC)


class CertificateSeed(Seed):
    """
    What is installed at a site at the beginning.

    Attributes:
        ends: Days from the start of the sandbox; negative is in the past.
        automatic: AutoSSL made it; else somebody else did.
        self_signed: Nobody signed it, as a new site has it.
        names: What it is good for; all that the site answers to if left out.
    """

    ends: float = 60.0
    automatic: bool = True
    self_signed: bool = False
    names: tuple[str, ...] = ()


class SitesSeed(Seed):
    """
    The sites of one account.

    Attributes:
        addons: Domains beside the main one, each with a site of its own.
        certificates: Site -> what is installed there.
        autossl: Whether AutoSSL is on for the account.
        excluded: Domains that it leaves alone.
        problem: Why no domain of it can be validated.
        misplaced: An installation ends up at this site, and says so.
        stale_bundles: So many installations leave the bundle as it was.
    """

    addons: tuple[str, ...] = ()
    certificates: dict[str, CertificateSeed] = {}
    autossl: bool = False
    excluded: tuple[str, ...] = ()
    problem: str | None = None
    misplaced: str | None = None
    stale_bundles: int = 0


class Outcome(NamedTuple):
    """How an installation ended; *site* is where."""

    problem: str | None
    site: str = ""


def sites(seed: SitesSeed, domain: str, now: datetime) -> dict[str, Any]:
    """Return the sites of an account at its beginning, as state."""
    made: dict[str, Any] = {}
    for name in (domain, *seed.addons):
        given = seed.certificates.get(name)
        made[name] = {"pem": "", "key": "", "cab": "", "automatic": False}
        if given is not None:
            ends = now + timedelta(days=given.ends)
            names = given.names or tuple(domains(name))
            made[name] = _issued(names, ends, given)
    return made


def domains(name: str) -> list[str]:
    """Return all that a site answers to."""
    return [name, f"www.{name}", f"mail.{name}"]


def _issued(
    names: tuple[str, ...], ends: datetime, given: CertificateSeed
) -> dict[str, Any]:
    issuer = names[0] if given.self_signed else AUTHORITY
    if not (given.automatic or given.self_signed):
        issuer = "Somebody Else's Authority"
    pem, key = issued(names, ends, issuer)
    return {"pem": pem, "key": key, "cab": "", "automatic": given.automatic}


def issued(names: tuple[str, ...], ends: datetime, issuer: str) -> tuple[str, str]:
    """Return a certificate of *issuer* for *names* and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    by = _signer() if issuer == AUTHORITY else key
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(names[0]))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - _LIFE)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, names)), False)  # noqa: FBT003
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)  # noqa: FBT003
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
            False,  # noqa: FBT003
        )
        .sign(by, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


@cache
def _signer() -> ec.EllipticCurvePrivateKey:
    """Return AutoSSL's key: from its name, so that no panel has to keep it."""
    number = int.from_bytes(hashlib.sha256(AUTHORITY.encode()).digest()[:31])
    return ec.derive_private_key(number, ec.SECP256R1())


@cache
def authority() -> str:
    """Return the certificate that has signed whatever AutoSSL made, as PEM."""
    key, name = _signer(), _named(AUTHORITY)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)  # noqa: FBT003
        .add_extension(usage, True)  # noqa: FBT003
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            False,  # noqa: FBT003
        )
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


# -- what is installed ------------------------------------------------------------


def read(pem: str) -> x509.Certificate:
    """Return the first certificate of *pem*."""
    return x509.load_pem_x509_certificates(pem.encode())[0]


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the names a certificate is good for."""
    said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return said.value.get_values_for_type(x509.DNSName)


def described(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate in the words of both doors, keys by their dotted names."""
    found = read(site["pem"])
    names, ends = names_of(found), int(found.not_valid_after_utc.timestamp())
    digest = hashlib.md5(site["pem"].encode(), usedforsecurity=False).hexdigest()
    point = found.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    mark = f"{point.hex()[-10:-5]}_{point.hex()[-5:]}"
    elliptic = isinstance(found.public_key(), ec.EllipticCurvePublicKey)
    return {
        "id": f"{names[0].replace('.', '_')}_{mark}_{ends}_{digest}",
        "domains": names,
        "ecdsa_curve_name": "prime256v1" if elliptic else None,
        "is_self_signed": int(_self_signed(found)),
        "issuer.commonName": _common_name(found.issuer),
        "issuer.organizationName": None,
        "not_after": ends,
        "not_before": int(found.not_valid_before_utc.timestamp()),
        "signature_algorithm": "ecdsa-with-SHA256",
        "subject.commonName": names[0],
        "validation_type": "dv",
    }


def _self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def at(account: Mapping[str, Any], domain: str) -> str | None:
    """Return the site that answers to *domain*; None where there is none."""
    return next((name for name in account["sites"] if domain in domains(name)), None)


def install(account: dict[str, Any], form: Mapping[str, str]) -> Outcome:
    """Install ``{domain, crt, key, cab}`` as the panel does, or say why not."""
    site = at(account, form.get("domain", ""))
    if site is None:
        return Outcome("The domain does not belong to the account.")
    try:
        found = read(form.get("crt", ""))
        key = load_pem_private_key(form.get("key", "").encode(), None)
    except (ValueError, TypeError, IndexError):
        return Outcome("The certificate or the key could not be parsed.")
    if _point(key.public_key()) != _point(found.public_key()):
        return Outcome("The key does not match the certificate.")
    covered = [name for name in domains(site) if _good(name, names_of(found))]
    if not covered:
        return Outcome(f"The certificate does not support the domain {site}.")
    if not (_self_signed(found) or _bundled(found, form.get("cab", ""))):
        return Outcome("No CA bundle was found for the certificate's issuer.")
    where, cab = account["misplaced"] or site, form.get("cab", "")
    if account["stale_bundles"]:
        account["stale_bundles"] -= 1
        cab = account["sites"][where]["cab"]
    account["sites"][where] = {
        "pem": form["crt"],
        "key": form["key"],
        "cab": cab,
        "automatic": False,
    }
    return Outcome(None, where)


def _point(key: Any) -> bytes:
    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made


def _bundled(found: x509.Certificate, cab: str) -> bool:
    if "(STAGING)" in found.issuer.rfc4514_string() or not cab:
        return False
    try:
        found.verify_directly_issued_by(read(cab))
    except Exception:  # noqa: BLE001  (whatever is wrong with it, it is no bundle)
        return False
    return True


def _good(name: str, names: list[str]) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names


def told(account: Mapping[str, Any], site: str, user: str) -> dict[str, Any]:
    """Return what an installation at *site* answers with, the same at both doors."""
    names = names_of(read(account["sites"][site]["pem"]))
    working = [name for name in domains(site) if _good(name, names)]
    text = f'The SSL certificate is now installed onto the domain "{site}".'
    return {
        "action": "install",
        "aliases": domains(site)[1:],
        "domain": site,
        "extra_certificate_domains": [n for n in names if n not in domains(site)],
        "html": text,
        "ip": "192.0.2.20",
        "message": text,
        "servername": site,
        "status": 1,
        "statusmsg": text,
        "user": user,
        "warning_domains": [n for n in domains(site) if n not in working],
        "working_domains": working,
    }


# -- AutoSSL ------------------------------------------------------------------------


def nightly(bench: Bench, accounts: Mapping[str, Any]) -> None:
    """Run AutoSSL for all if a night has passed; the clock may have moved."""
    ran = datetime.fromtimestamp(bench.state["autossl_ran"], UTC)
    if bench.clock() - ran >= _NIGHT:
        bench.state["autossl_ran"] = bench.clock().timestamp()
        for user in accounts:
            run(bench, accounts, user)


def run(bench: Bench, accounts: Mapping[str, Any], user: str) -> None:
    """Run AutoSSL for one account, and write down that it ran."""
    account, now = accounts[user], bench.clock()
    if not account["autossl"] or not bench.state["autossl"]:
        return
    started = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    bench.state["autossl_logs"].append({"username": user, "start_time": started})
    account["problems"] = []
    for site in sorted(_wanting(account, bench.state, now)):
        if account["problem"]:
            account["problems"] += [
                {"domain": name, "problem": account["problem"], "time": started}
                for name in domains(site)
                if name not in account["excluded"]
            ]
            continue
        names = tuple(n for n in domains(site) if n not in account["excluded"])
        pem, key = issued(names, now + _LIFE, AUTHORITY)
        account["sites"][site] = {
            "pem": pem, "key": key, "cab": "", "automatic": True,
        }  # fmt: skip
        bench.effect("autossl", site)


def _wanting(
    account: Mapping[str, Any], state: Mapping[str, Any], now: datetime
) -> Iterator[str]:
    """Yield the sites that AutoSSL would give a certificate now."""
    for name, site in account["sites"].items():
        if set(domains(name)) <= set(account["excluded"]):
            continue
        if not site["pem"] or state["fights"]:
            yield name
            continue
        found = read(site["pem"])
        left = found.not_valid_after_utc - now
        worthless = _self_signed(found) or left <= timedelta(0)
        late = site["automatic"] and left <= _RENEWS
        if worthless or late or (state["clobbers"] and left <= _TAKES):
            yield name
