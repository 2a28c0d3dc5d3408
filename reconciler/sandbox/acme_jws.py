"""
Signed requests, as RFC 8555, 6.2 narrows RFC 7515: verified, not believed.

One signature, everything in the protected header, an algorithm that fits the key. Keys
are JWKs (RFC 7517), known by their canonical text, whose hash is the thumbprint of
RFC 7638.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from reconciler.sandbox.acme_words import Problem, Row, b64, malformed, unb64

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
ALGORITHMS: Final = ("RS256", "ES256", "ES384", "ES512")
_CURVES: Final[dict[str, tuple[ec.EllipticCurve, str, hashes.HashAlgorithm]]] = {
    "P-256": (ec.SECP256R1(), "ES256", hashes.SHA256()),
    "P-384": (ec.SECP384R1(), "ES384", hashes.SHA384()),
    "P-521": (ec.SECP521R1(), "ES512", hashes.SHA512()),
}
#: What is hashed of a key, in this order (RFC 7638, 3.2).
_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_RSA_SIZES: Final = (2048, 3072, 4096)
_EXPONENT: Final = 65537


class Signed(NamedTuple):
    """
    A JWS that was read, and not yet verified.

    Attributes:
        header: The protected header.
        covered: What the signature is over.
    """

    header: Row
    payload: bytes
    covered: bytes
    signature: bytes


def opened(body: bytes | Row) -> Signed:
    """
    Read a JWS in the flattened JSON form.

    Raises:
        Problem: It is none, or has what ACME forbids: an unprotected header, several
            signatures.
    """
    found = body if isinstance(body, dict) else _object(body, "JWS")
    if "header" in found:
        raise malformed(
            'JWS "header" field not allowed. All headers must be in "protected" field'
        )
    if "signatures" in found:
        raise malformed(
            'JWS "signatures" field not allowed. Only the "signature" field should '
            "contain a signature"
        )
    try:
        protected, payload = found["protected"], found["payload"]
        header = _object(unb64(protected), "JWS protected header")
        read = Signed(
            header,
            unb64(payload),
            f"{protected}.{payload}".encode(),
            unb64(found["signature"]),
        )
    except KeyError as error:
        raise malformed(f"JWS has no {error.args[0]}") from None
    except ValueError:
        raise malformed("Parse error reading JWS: not base64url") from None
    if "crit" in header or header.get("b64") is False:
        raise malformed("JWS extensions are not supported")
    return read


def _object(text: bytes, what: str) -> Row:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise malformed(f"Parse error reading {what}: not a JSON object")
    return found


def canonical(jwk: object) -> str:
    """
    Return the text by which a public key is known.

    Raises:
        Problem: It is no public key of a sort that is taken.
    """
    if not isinstance(jwk, dict):
        raise malformed("Invalid JWK in JWS header")
    members = _MEMBERS.get(jwk.get("kty", ""))
    if members is None:
        raise Problem("badPublicKey", f"unsupported key type {jwk.get('kty')!r}")
    if "d" in jwk:
        raise Problem("badPublicKey", "JWK holds a private key")
    try:
        kept = {name: jwk[name] for name in members}
    except KeyError as error:
        raise malformed(f"JWK has no {error.args[0]}") from None
    text = json.dumps(kept, separators=(",", ":"))
    public(text)
    return text


@lru_cache(4096)
def public(text: str) -> PublicKey:
    """
    Return the key that ``canonical`` wrote down.

    Raises:
        Problem: Its numbers are no such key, or too small a one.
    """
    jwk = json.loads(text)
    try:
        if jwk["kty"] == "RSA":
            return _rsa(_number(jwk["n"]), _number(jwk["e"]))
        curve = _CURVES[jwk["crv"]][0]
        x, y = _number(jwk["x"]), _number(jwk["y"])
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except KeyError:
        raise Problem("badPublicKey", f"ECDSA curve {jwk['crv']} not allowed") from None
    except ValueError:
        raise Problem("badPublicKey", "JWK is not a valid public key") from None


def _number(text: object) -> int:
    return int.from_bytes(unb64(text), "big")


def _rsa(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    if modulus.bit_length() not in _RSA_SIZES:
        raise Problem("badPublicKey", f"key size not supported: {modulus.bit_length()}")
    if exponent != _EXPONENT:
        raise Problem("badPublicKey", "key exponent must be 65537")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def text_of(key: object) -> str | None:
    """Return the canonical text of a key of a certificate; None for other sorts."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        size = (key.key_size + 7) // 8
        jwk = {
            "e": b64(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")),
            "kty": "RSA",
            "n": b64(numbers.n.to_bytes(size, "big")),
        }
        return json.dumps(jwk, separators=(",", ":"))
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
        point, size = key.public_numbers(), (key.key_size + 7) // 8
        jwk = {
            "crv": name.get(key.curve.name, key.curve.name),
            "kty": "EC",
            "x": b64(point.x.to_bytes(size, "big")),
            "y": b64(point.y.to_bytes(size, "big")),
        }
        return json.dumps(jwk, separators=(",", ":"))
    return None


def thumbprint(text: str) -> str:
    """Return the SHA-256 thumbprint of a canonical key (RFC 7638)."""
    return b64(hashlib.sha256(text.encode()).digest())


def verify(signed: Signed, text: str) -> None:
    """
    Verify a signature with a canonical key.

    Raises:
        Problem: The algorithm does not fit the key, or the signature is not its.
    """
    key = public(text)
    wanted = "RS256" if isinstance(key, rsa.RSAPublicKey) else _fitting(text)[1]
    if signed.header.get("alg") != wanted:
        raise Problem(
            "badSignatureAlgorithm",
            f"signature type {signed.header.get('alg')!r} in JWS header is not "
            "supported for this key, expected one of RS256, ES256, ES384 or ES512",
            algorithms=list(ALGORITHMS),
        )
    try:
        if isinstance(key, rsa.RSAPublicKey):
            how = padding.PKCS1v15()
            key.verify(signed.signature, signed.covered, how, hashes.SHA256())
        else:
            made = _der(signed.signature, (key.key_size + 7) // 8)
            key.verify(made, signed.covered, ec.ECDSA(_fitting(text)[2]))
    except InvalidSignature:
        raise malformed("JWS verification error") from None


def _fitting(text: str) -> tuple[ec.EllipticCurve, str, hashes.HashAlgorithm]:
    return _CURVES[json.loads(text)["crv"]]


def _der(signature: bytes, size: int) -> bytes:
    """Return the two numbers of RFC 7518, 3.4 as ECDSA has them elsewhere."""
    if len(signature) != 2 * size:
        raise InvalidSignature
    r, s = signature[:size], signature[size:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def bound(binding: Any, keys: dict[str, str], url: str, key: str) -> str:
    """
    Verify an external account binding (RFC 8555, 7.3.4); return its ``kid``.

    Args:
        binding: The inner JWS of a new account.
        keys: The MAC keys this authority gave out, base64url.
        url: The URL of the outer JWS.
        key: The canonical key of the outer JWS.

    Raises:
        Problem: It is not bound, and why.
    """
    if not isinstance(binding, dict):
        raise malformed("failed to decode external account binding")
    inner = opened(binding)
    kid = inner.header.get("kid")
    if inner.header.get("alg") != "HS256":
        raise malformed("external account binding must be signed with HS256")
    if "nonce" in inner.header:
        raise malformed("the 'nonce' field must be absent in external account binding")
    if inner.header.get("url") != url:
        raise malformed(
            "the 'url' field in external account binding differs from outer JWS"
        )
    if not isinstance(kid, str) or kid not in keys:
        raise Problem(
            "unauthorized",
            "the field 'kid' references a key that is not known to the ACME server",
            403,
        )
    good = hmac.new(unb64(keys[kid]), inner.covered, hashlib.sha256).digest()
    if not hmac.compare_digest(good, inner.signature):
        raise Problem(
            "unauthorized", "external account binding JWS verification error", 403
        )
    if canonical(_object(inner.payload, "external account binding")) != key:
        raise Problem(
            "badPublicKey",
            "external account binding payload key does not match account key "
            "authenticating request",
        )
    return kid
