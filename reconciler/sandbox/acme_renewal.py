"""
When a certificate should be renewed, what replaces it, and its revocation.

After RFC 9773 (renewal information, ``replaces``) and RFC 8555, 7.6; the window is
Let's Encrypt's: two hundredths of the life around the point where a third is left, or
half of it below ten days; in the past for what was revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from reconciler.sandbox import acme_jws
from reconciler.sandbox.acme_names import covers
from reconciler.sandbox.acme_sign import authority, key_identifier
from reconciler.sandbox.acme_words import (
    Ask,
    Ca,
    Problem,
    Resource,
    Row,
    b64,
    malformed,
    missing,
    stamp,
    unauthorized,
    unb64,
)
from reconciler.sandbox.rest import Answer

_SHORT: Final = 10 * 86400
_HOUR: Final = 3600
#: Reasons that Let's Encrypt takes from its users (CRLReason, RFC 5280, 5.3.1).
_REASONS: Final = frozenset({0, 1, 3, 4, 5})
_KEY_COMPROMISE: Final = 1


def certificate_id(ca: Ca, serial: str) -> str:
    """Return a certificate's name in ARI (RFC 9773, 4.1)."""
    return name_of(key_identifier(ca.state["ca"]), int(serial, 16))


def name_of(key: bytes, number: int) -> str:
    """Return the name of what an authority's *key* signed with a serial *number*."""
    # A DER INTEGER: its first bit is the sign.
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return f"{b64(key)}.{b64(data)}"


def serial_of(identity: str) -> str:
    """Return the serial number in a certificate's name in ARI, in hexadecimal."""
    return _hexadecimal(int.from_bytes(unb64(identity.partition(".")[2]), "big"))


def _hexadecimal(number: int) -> str:
    return f"{number:036x}"


def _found(ca: Ca, identity: object) -> str:
    """Return the serial number of a certificate that exists; raise Problem."""
    parts = identity.split(".") if isinstance(identity, str) else []
    if len(parts) != 2 or not all(parts):
        raise malformed("Invalid path")
    try:
        key, serial = unb64(parts[0]), serial_of(str(identity))
    except ValueError:
        raise malformed(
            "Authority Key Identifier or serial number was not base64url-encoded or "
            "contained padding"
        ) from None
    if key != key_identifier(ca.state["ca"]):
        raise missing(
            "path contained an Authority Key Identifier that did not match a known "
            "issuer"
        )
    if serial not in ca.state["certificates"]:
        raise missing("Requested certificate was not found")
    return serial


def replaced(ca: Ca, ask: Ask, identity: Any, names: Sequence[str]) -> tuple[str, bool]:
    """
    Return what an order replaces, and whether that frees it of limits.

    Raises:
        Problem: It replaces nothing, or something that was replaced, or another's.
    """
    if not identity or not ca.seed.renewal_info:
        return "", False
    serial = _found(ca, identity)
    old = ca.state["certificates"][serial]
    if _has_successor(ca, old):
        raise Problem(
            "alreadyReplaced",
            "cannot indicate an order replaces certificate with serial "
            f'"{serial}", which already has a replacement order',
            409,
        )
    if old["account"] != ask.owner["id"]:
        raise unauthorized(
            "requester account did not request the certificate being replaced by "
            "this order"
        )
    if not any(covers(one, name) for name in names for one in old["names"]):
        raise malformed(
            "identifiers in this order do not match any identifiers in the "
            "certificate being replaced"
        )
    return str(identity), ca.seed.exempt == "always" or _inside(ca, old)


def _has_successor(ca: Ca, old: Row) -> bool:
    """Whether a certificate was replaced, or an order that is open would do it."""
    if old.get("replaced"):
        return True
    order = ca.state["orders"].get(old.get("successor"))
    if order is None or order["status"] == "invalid":
        return False
    proofs = [ca.state["authorizations"][one] for one in order["authorizations"]]
    dead = {"invalid", "deactivated"} & {one["status"] for one in proofs}
    return not dead and order["expires"] > ca.now.timestamp()


def _inside(ca: Ca, old: Row) -> bool:
    try:
        window = _information(ca, old)["suggestedWindow"]
        start, end = (datetime.fromisoformat(window[one]) for one in ("start", "end"))
    except (KeyError, TypeError, ValueError):
        return False  # a window that was spoilt by hand frees nobody
    return start <= ca.now < end


def _renewal(ca: Ca, ask: Ask) -> Answer:
    """Say when a certificate should be renewed, to anybody."""
    if not ca.seed.renewal_info:
        raise missing("Feature not enabled")
    serial = _found(ca, "/".join(ask.rest))
    said = _information(ca, ca.state["certificates"][serial])
    return Answer(200, said, {"retry-after": str(ca.seed.renewal_retry)})


def _information(ca: Ca, row: Row) -> Row:
    by_hand: Row | None = row.get("information")
    if by_hand is not None:
        return by_hand
    if "revoked" in row:
        return immediate(ca.now, row["revoked"].get("explanation"))
    lasts = row["ends"] + 1 - row["begins"]
    best = row["ends"] - (lasts / 2 if lasts < _SHORT else lasts / 3)
    return _window(best - lasts / 100, best + lasts / 100)


def immediate(now: datetime, explanation: str | None) -> Row:
    """Return the information of what should have been renewed already."""
    then = now.timestamp() - _HOUR
    said = _window(then, then + _HOUR / 2)
    return {**said, "explanationURL": explanation} if explanation else said


def _window(start: float, end: float) -> Row:
    return {"suggestedWindow": {"start": stamp(start), "end": stamp(end)}}


def _revoke(ca: Ca, ask: Ask) -> Answer:
    """Revoke: by the account that ordered, one that controls all names, or the key."""
    try:
        given = x509.load_der_x509_certificate(unb64(ask.data.get("certificate")))
    except ValueError:
        raise malformed("unable to parse certificate DER") from None
    serial = _hexadecimal(given.serial_number)
    row = ca.state["certificates"].get(serial)
    if row is None or row["pem"] != given.public_bytes(Encoding.PEM).decode():
        raise missing("Certificate from unrecognized issuer")
    if row["ends"] <= ca.now.timestamp():
        raise unauthorized("Certificate is expired")
    reason = ask.data.get("reason", 0)
    if reason not in _REASONS or isinstance(reason, bool):
        raise Problem("badRevocationReason", f"disallowed revocation reason: {reason}")
    if ask.account is not None:
        reason = _by_account(ca, ask.account, row, reason)
    elif acme_jws.text_of(given.public_key()) != ask.key:
        raise unauthorized(
            "JWK embedded in revocation request must be the same public key as the "
            "cert to be revoked"
        )
    else:
        reason = _KEY_COMPROMISE
    if "revoked" in row:
        raise Problem("alreadyRevoked", "Certificate already revoked")
    revoke(ca, serial, reason)
    return Answer(200, b"")


def _by_account(ca: Ca, account: Row, row: Row, reason: int) -> int:
    if row["account"] == account["id"]:
        return reason
    proven = ca.state["proven"]
    now = ca.now.timestamp()
    for name in row["names"]:
        ends = [
            ca.state["authorizations"][found]
            for index, found in proven.items()
            if index.split("|")[0] == account["id"] and index.endswith(f"|{name}")
        ]
        if not any(a["status"] == "valid" and a["expires"] > now for a in ends):
            raise unauthorized(
                "requester does not control all identifiers in cert with serial"
            )
    return 5  # cessation of operation: whoever controls the name now, says so


def revoke(ca: Ca, serial: str, reason: int, explanation: str | None = None) -> None:
    """Revoke a certificate, whoever wants it."""
    row = ca.state["certificates"][serial]
    row["revoked"] = {"at": ca.now.timestamp(), "reason": reason}
    if explanation:
        row["revoked"]["explanation"] = explanation
    ca.bench.effect(
        "revoke", row["names"][0], authority=ca.name, serial=serial, reason=reason
    )


def _list(ca: Ca, ask: Ask) -> Answer:
    """Give the revocation list that the certificates point to."""
    del ask
    revoked = [
        (int(serial, 16), row["revoked"]["at"], row["revoked"]["reason"])
        for serial, row in ca.state["certificates"].items()
        if "revoked" in row and row["ends"] > ca.now.timestamp()
    ]
    made = authority(ca.state["ca"]).list_of(revoked, ca.now, ca.number("list"))
    # What was fetched may be kept until the next one is due.
    until = (ca.now + timedelta(hours=6)).astimezone(UTC)
    headers = {
        "content-type": "application/pkix-crl",
        "expires": until.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    return Answer(200, made, headers)


RESOURCES: Final = (
    Resource("renewalInfo", "renewal-info", "none", _renewal),
    Resource("revokeCert", "revoke-cert", "either", _revoke),
    Resource("crl", "crl", "none", _list),
)
