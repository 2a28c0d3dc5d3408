"""
AWS Certificate Manager, in its wire format: what moto takes and ACM does not.

moto takes a key that is another one's, a chain inside of the certificate, no chain at
all, tags at a second import, another kind of key under the same ARN; it goes by the
machine's own clock, and forgets everything when it stops. After AWS' API Reference and
User Guide ("Prerequisites for importing ACM certificates", "Reimport a certificate").
The world's part is::

    aws: {certificates: [{region, names, type, status, ends, inUseBy, renewal}]}
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import JsonValue

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.panel_sites import issued, names_of

TARGET: Final = "CertificateManager."
_LARGEST: Final = 5120
_CURVES: Final = {
    "secp256r1": "prime256v1",
    "secp384r1": "secp384r1",
    "secp521r1": "secp521r1",
}
_DEFAULT_TYPES: Final = ("RSA_1024", "RSA_2048")
_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment",
    "data_encipherment", "key_agreement",
)  # fmt: skip
_CNAME: Final = {
    "Name": "_d930b28b.sandbox.example.",
    "Type": "CNAME",
    "Value": "_c9edd76e.acm-validations.aws.",
}


class _No(Exception):
    """ACM says no: its code, and why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Acm:
    """The certificates of one account, in all regions."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        if "certificates" not in bench.state:
            bench.state["certificates"] = {}
            for seed in bench.world.get("certificates", ()):
                self.by_hand(seed)

    @property
    def _all(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._bench.state["certificates"]
        return found

    def answer(
        self, operation: str, asked: Mapping[str, Any], region: str, fault: Fault | None
    ) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        table: Mapping[str, Callable[[Mapping[str, Any], str], JsonValue]] = {
            "ImportCertificate": self._import,
            "ListCertificates": self._list,
            "DescribeCertificate": self._describe,
            "GetCertificate": self._get,
            "ListTagsForCertificate": self._tags,
        }
        serve = table.get(operation)
        if serve is None:
            return 400, {"__type": "InvalidAction", "message": f"no {operation} here"}
        try:
            if fault is not None and fault.kind == "duplicate-page":
                asked = {**asked, "NextToken": None}
                said = self._list(asked, region)
                return 200, {**_object(said), "NextToken": "again"}
            return 200, serve(asked, region)
        except _No as no:
            return 400, {"__type": no.code, "message": str(no)}

    # -- importing -----------------------------------------------------------------

    def _import(self, asked: Mapping[str, Any], region: str) -> JsonValue:
        leaf, key, chain = (
            _blob(asked.get(name))
            for name in ("Certificate", "PrivateKey", "CertificateChain")
        )
        found = self._checked(leaf, key, chain)
        arn = asked.get("CertificateArn")
        if arn is None:
            number = len(self._all) + 1
            account = self._bench.state["account"]
            arn = f"arn:aws:acm:{region}:{account}:certificate/{number:08d}-sandbox"
            tags = {t["Key"]: t.get("Value", "") for t in asked.get("Tags") or ()}
            self._all[arn] = {"tags": tags, "in_use_by": [], "region": region}
        else:
            self._may_replace(self._row(arn, region), found, asked)
        self._all[arn].update(
            pem=leaf.decode(),
            chain=chain.decode(),
            type="IMPORTED",
            status="ISSUED",
            since=self._bench.clock().timestamp(),
            renewal={},
        )
        self._bench.effect("ImportCertificate", names_of(found)[0], arn=arn)
        return {"CertificateArn": arn}

    def _checked(self, leaf: bytes, key: bytes, chain: bytes) -> x509.Certificate:
        kind = "ValidationException"
        if leaf.count(b"-----BEGIN CERTIFICATE-----") != 1:
            raise _No(kind, "Provide exactly one certificate in the certificate field.")
        if len(key) > _LARGEST:
            raise _No(kind, "The private key is larger than 5120 bytes.")
        try:
            found = x509.load_pem_x509_certificate(leaf)
            private = load_pem_private_key(key, None)
        except (ValueError, TypeError):
            raise _No(kind, "The certificate or the key is not valid PEM.") from None
        if _point(private.public_key()) != _point(found.public_key()):
            raise _No(kind, "The private key does not match the certificate.")
        now = self._bench.clock()
        if not found.not_valid_before_utc <= now < found.not_valid_after_utc:
            raise _No(kind, "The certificate is not in effect, or has expired.")
        if found.issuer != found.subject:
            _signed(found, chain)
        return found

    def _may_replace(
        self, row: Mapping[str, Any], new: x509.Certificate, asked: Mapping[str, Any]
    ) -> None:
        kind = "ValidationException"
        if asked.get("Tags"):
            raise _No(kind, "Tagging is not permitted on re-import.")
        if row["type"] != "IMPORTED":
            raise _No(kind, "Only imported certificates can be re-imported.")
        old = x509.load_pem_x509_certificate(row["pem"].encode())
        if _key_type(old) != _key_type(new):
            raise _No(kind, "The new certificate's key type or size is another one.")
        spared = {"key_encipherment"} if _key_type(new).startswith("EC_") else set()
        if _uses(old) - _uses(new) - spared:
            raise _No(kind, "A value of the Key Usage extension was removed.")
        gone = _purposes(old) - _purposes(new) - {ExtendedKeyUsageOID.CLIENT_AUTH}
        if gone:
            raise _No(kind, "A value of the Extended Key Usage extension was removed.")

    # -- reading ---------------------------------------------------------------------

    def _row(self, arn: Any, region: str) -> dict[str, Any]:
        row = self._all.get(str(arn))
        if row is None or row["region"] != region:
            raise _No("ResourceNotFoundException", f"Could not find certificate {arn}.")
        return row

    def _list(self, asked: Mapping[str, Any], region: str) -> JsonValue:
        kinds = (asked.get("Includes") or {}).get("keyTypes") or _DEFAULT_TYPES
        rows = [
            {**_summary(arn, row), "InUse": bool(row["in_use_by"])}
            for arn, row in sorted(self._all.items())
            if row["region"] == region and _key_type(_read(row)) in kinds
        ]
        size, start = (
            int(asked.get("MaxItems") or 100),
            int(asked.get("NextToken") or 0),
        )
        page: dict[str, Any] = {"CertificateSummaryList": rows[start : start + size]}
        if start + size < len(rows):
            page["NextToken"] = str(start + size)
        return page

    def _describe(self, asked: Mapping[str, Any], region: str) -> JsonValue:
        arn = str(asked.get("CertificateArn"))
        row = self._row(arn, region)
        said = {**_summary(arn, row), "InUseBy": row["in_use_by"]}
        names = said.pop("SubjectAlternativeNameSummaries")
        said["SubjectAlternativeNames"] = names
        if row["type"] == "AMAZON_ISSUED":
            waits = row["status"] == "PENDING_VALIDATION"
            state = "PENDING_VALIDATION" if waits else "SUCCESS"
            said["DomainValidationOptions"] = _options(names, state)
            if row["status"] == "FAILED":
                said["FailureReason"] = "CAA_ERROR"
            if row["renewal"]:
                said["RenewalSummary"] = {
                    **row["renewal"],
                    "DomainValidationOptions": _options(names, "PENDING_VALIDATION"),
                    "UpdatedAt": row["since"],
                }
        return {"Certificate": said}

    def _get(self, asked: Mapping[str, Any], region: str) -> JsonValue:
        row = self._row(asked.get("CertificateArn"), region)
        if row["status"] != "ISSUED":
            raise _No(
                "RequestInProgressException", "The certificate is not issued yet."
            )
        return {"Certificate": row["pem"], "CertificateChain": row["chain"]}

    def _tags(self, asked: Mapping[str, Any], region: str) -> JsonValue:
        row = self._row(asked.get("CertificateArn"), region)
        return {"Tags": [{"Key": k, "Value": v} for k, v in row["tags"].items()]}

    # -- by hand --------------------------------------------------------------------

    def by_hand(self, data: Mapping[str, Any]) -> None:
        """
        Make a certificate, or change one: ``{arn, status, inUseBy, renewal}``.

        Raises:
            ReconcilerError: There is none with that ARN.
        """
        arn = data.get("arn")
        if arn is None:
            names = tuple(data["names"])
            ends = self._bench.clock() + timedelta(days=float(data.get("ends", 300)))
            pem, _ = issued(names, ends, "Amazon Sandbox")
            region = data.get("region", "us-east-1")
            account, number = self._bench.state["account"], len(self._all) + 1
            arn = f"arn:aws:acm:{region}:{account}:certificate/{number:08d}-sandbox"
            self._all[arn] = {
                "tags": dict(data.get("tags", {})),
                "region": region,
                "pem": pem,
                "chain": pem,
                "type": data.get("type", "AMAZON_ISSUED"),
                "since": self._bench.clock().timestamp(),
                "status": "ISSUED",
                "in_use_by": [],
                "renewal": {},
            }
        if arn not in self._all:
            raise ReconcilerError(f"there is no certificate {arn}")
        row = self._all[arn]
        row["status"] = data.get("status", row["status"])
        row["in_use_by"] = list(data.get("inUseBy", row["in_use_by"]))
        row["renewal"] = dict(data.get("renewal", row["renewal"]))


def _summary(arn: str, row: Mapping[str, Any]) -> dict[str, Any]:
    found = _read(row)
    names = names_of(found)
    managed = row["type"] == "AMAZON_ISSUED"
    return {
        "CertificateArn": arn,
        "DomainName": names[0],
        "SubjectAlternativeNameSummaries": names,
        "HasAdditionalSubjectAlternativeNames": False,
        "Status": row["status"],
        "Type": row["type"],
        "KeyAlgorithm": _key_type(found),
        "RenewalEligibility": (
            "ELIGIBLE" if managed and row["in_use_by"] else "INELIGIBLE"
        ),
        "NotBefore": found.not_valid_before_utc.timestamp(),
        "NotAfter": found.not_valid_after_utc.timestamp(),
        ("IssuedAt" if managed else "ImportedAt"): row["since"],
    }


def _options(names: list[str], status: str) -> list[dict[str, Any]]:
    return [
        {
            "DomainName": name,
            "ValidationStatus": status,
            "ValidationMethod": "DNS",
            "ResourceRecord": _CNAME,
        }
        for name in names
    ]


def _object(said: JsonValue) -> dict[str, Any]:
    assert isinstance(said, dict)  # noqa: S101
    return said


def _read(row: Mapping[str, Any]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(row["pem"].encode())


def _blob(value: Any) -> bytes:
    try:
        return base64.b64decode(value or "")
    except (binascii.Error, TypeError):
        raise _No("SerializationException", "a blob is base64") from None


def _signed(found: x509.Certificate, chain: bytes) -> None:
    try:
        issuers = x509.load_pem_x509_certificates(chain)
        found.verify_directly_issued_by(issuers[0])
    except (ValueError, TypeError, IndexError, InvalidSignature):
        text = "Provide the chain: its first certificate signs the certificate."
        raise _No("ValidationException", text) from None


def _point(key: Any) -> bytes:
    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made


def _key_type(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA_{key.key_size}"
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101
    return f"EC_{_CURVES[key.curve.name]}"


def _uses(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {use for use in _USES if getattr(found, use)}


def _purposes(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value)
