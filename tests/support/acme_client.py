"""A small ACME client for tests: it says what RFC 8555 lets it say, or what a test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reconciler.model.driver import Answered, Sent
from tests.support.web import web

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Way = Callable[[Sent], Answered]
JOSE = "application/jose+json"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: Key) -> dict[str, str]:
    numbers: Any = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {
            "kty": "RSA",
            "e": "AQAB",
            "n": b64(numbers.n.to_bytes(key.key_size // 8, "big")),
        }
    size = (key.key_size + 7) // 8
    curve = {256: "P-256", 384: "P-384", 521: "P-521"}[key.key_size]
    x, y = (b64(n.to_bytes(size, "big")) for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": curve, "x": x, "y": y}


def thumbprint(key: Key) -> str:
    text = json.dumps(jwk(key), sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def signature(key: Key, covered: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(covered, padding.PKCS1v15(), hashes.SHA256())
    size = (key.key_size + 7) // 8
    digest: Any = {32: hashes.SHA256(), 48: hashes.SHA384(), 66: hashes.SHA512()}[size]
    r, s = decode_dss_signature(key.sign(covered, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signed(key: Key, header: dict[str, Any], payload: bytes) -> dict[str, str]:
    protected, body = b64(json.dumps(header).encode()), b64(payload)
    made = signature(key, f"{protected}.{body}".encode())
    return {"protected": protected, "payload": body, "signature": b64(made)}


def algorithm(key: Key) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return {256: "ES256", 384: "ES384", 521: "ES512"}[key.key_size]


def binding(
    kid: str, mac: bytes, key: Key, url: str, /, **header: Any
) -> dict[str, str]:
    protected = b64(
        json.dumps({"alg": "HS256", "kid": kid, "url": url, **header}).encode()
    )
    body = b64(json.dumps(jwk(key)).encode())
    made = hmac.new(mac, f"{protected}.{body}".encode(), hashlib.sha256).digest()
    return {"protected": protected, "payload": body, "signature": b64(made)}


def request(
    names: Sequence[str], key: Key | None = None, common: str = ""
) -> x509.CertificateSigningRequest:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(n) for n in names])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def by_web(sent: Sent) -> Answered:
    answer = web(sent.method, sent.url, headers=dict(sent.headers), content=sent.body)
    return Answered(answer.status_code, dict(answer.headers), answer.content)


def kept_open(client: httpx.Client) -> Way:
    """The same on one connection."""

    def way(sent: Sent) -> Answered:
        answer = client.request(
            sent.method, sent.url, headers=dict(sent.headers), content=sent.body
        )
        return Answered(answer.status_code, dict(answer.headers), answer.content)

    return way


class Said(dict[str, Any]):
    """The JSON of an answer, with its status and headers."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        """The status, and the last part of the problem's type."""
        return self.status, str(self.get("type", "")).rpartition(":")[2]


def said(answer: Answered) -> Said:
    try:
        read = json.loads(answer.body)
    except ValueError:
        read = {}
    made = Said(read if isinstance(read, dict) else {})
    made.status, made.headers, made.body = (
        answer.status,
        dict(answer.headers),
        answer.body,
    )
    return made


class AcmeClient:
    """One account at one authority."""

    def __init__(self, way: Way, directory: str, key: Key | None = None) -> None:
        self.way = way
        self.directory = self.get(directory)
        self.key: Key = key or ec.generate_private_key(ec.SECP256R1())
        self.kid = ""
        self.nonce = ""

    def get(self, url: str, method: str = "GET") -> Said:
        return said(self.way(Sent(method, url, {"User-Agent": "test"}, b"")))

    def fresh(self) -> str:
        nonce = (
            self.nonce
            or self.get(self.directory["newNonce"], "HEAD").headers["replay-nonce"]
        )
        self.nonce = ""
        return nonce

    def post(
        self, url: str, payload: Any = None, /, *, embedded: bool = False, **header: Any
    ) -> Said:
        """Post *payload*; None is a POST-as-GET. *header* changes the protected one."""
        who = {"jwk": jwk(self.key)} if embedded else {"kid": self.kid}
        whole = {
            "alg": algorithm(self.key),
            "nonce": self.fresh(),
            "url": url,
            **who,
            **header,
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        body = b"" if payload is None else json.dumps(payload).encode()
        return self.send(url, signed(self.key, whole, body))

    def send(self, url: str, body: Any, kind: str = JOSE) -> Said:
        headers = {"Content-Type": kind, "User-Agent": "test"}
        answer = said(self.way(Sent("POST", url, headers, json.dumps(body).encode())))
        self.nonce = answer.headers.get("replay-nonce", "")
        return answer

    def register(self, **more: Any) -> Said:
        data = {"termsOfServiceAgreed": True, **more}
        answer = self.post(self.directory["newAccount"], data, embedded=True)
        self.kid = answer.headers.get("location", "")
        return answer

    def order(self, *names: str, **more: Any) -> Said:
        asked = [{"type": "dns", "value": name} for name in names]
        return self.post(self.directory["newOrder"], {"identifiers": asked, **more})

    def authorizations(self, order: Said) -> list[Said]:
        return [self.post(url) for url in order["authorizations"]]

    def pick(self, authorization: Said, kind: str = "dns-01") -> dict[str, Any]:
        return next(c for c in authorization["challenges"] if c["type"] == kind)

    def proof(self, challenge: dict[str, Any]) -> str:
        return f"{challenge['token']}.{thumbprint(self.key)}"

    def txt(self, challenge: dict[str, Any]) -> str:
        return b64(hashlib.sha256(self.proof(challenge).encode()).digest())

    def finalize(self, order: Said, csr: x509.CertificateSigningRequest) -> Said:
        data = {"csr": b64(csr.public_bytes(Encoding.DER))}
        return self.post(order["finalize"], data)

    def prove(
        self, order: Said, records: dict[str, list[str]], kind: str = "dns-01"
    ) -> None:
        """Meet every challenge of an order with TXT records in *records*."""
        for authorization in self.authorizations(order):
            if authorization["status"] == "pending":
                challenge = self.pick(authorization, kind)
                name = f"_acme-challenge.{authorization['identifier']['value']}"
                records.setdefault(name, []).append(self.txt(challenge))
                self.post(challenge["url"], {})

    def obtain(
        self,
        records: dict[str, list[str]],
        *names: str,
        key: Key | None = None,
        **more: Any,
    ) -> x509.Certificate:
        """Go all the way, without a pause: where challenges are looked at at once."""
        order = self.order(*names, **more)
        where = order.headers["location"]
        self.prove(order, records)
        self.finalize(order, request(names, key))
        return self.leaf(self.post(where))

    def leaf(self, order: Said) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.post(order["certificate"]).body)[0]
