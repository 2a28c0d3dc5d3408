"""PayPal's webhooks: events, signed deliveries with retries, and hostile ones."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from threading import Thread
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_words import (
    HOME,
    Account,
    Route,
    Thing,
    copied,
    link,
    new_id,
    no_such,
    problem,
    stamp,
)
from reconciler.sandbox.rest import Answer, Call

#: Documented: an event is tried again up to 25 times in 3 days, and listed for 30.
RETRIES: Final = 25
_PAUSE: Final = timedelta(days=3) / RETRIES
_LISTED: Final = timedelta(days=30)
_PAGE: Final = 10
_EVENTS: Final = "/v1/notifications/webhooks-events"
_HOOKS: Final = "/v1/notifications/webhooks"
CERTIFICATE: Final = "/v1/notifications/certs/CERT-360caa42-fca2a594-5a29e601"
SUBJECT: Final = "messageverificationcerts.paypal.com"
_ALGORITHM: Final = "SHA256withRSA"
HOSTILE: Final = ("due", "twice", "reversed", "forged", "elsewhere", "again")


def happen(
    bench: Bench, account: Account, kind: str, resource: str, thing: Thing
) -> None:
    """Make an event of what happened, and queue it for every webhook."""
    first, second = new_id(bench, "event"), new_id(bench, "event")
    name = f"WH-{first}-{second}"
    event = {
        "id": name,
        "event_version": "1.0",
        "create_time": stamp(bench.clock()),
        "resource_type": resource,
        "resource_version": "2.0",
        "event_type": kind,
        "summary": kind.replace(".", " ").replace("-", " ").capitalize(),
        "resource": copied(thing),
        "links": [
            link("self", f"{_EVENTS}/{name}"),
            link("resend", f"{_EVENTS}/{name}/resend", "POST"),
        ],
    }
    account["events"].append(event)
    _queue(bench, account, event)


def _queue(bench: Bench, account: Account, event: Thing) -> None:
    for hook in account["hooks"].values():
        wanted = {one["name"] for one in hook["event_types"]}
        if "*" in wanted or event["event_type"] in wanted:
            account["queue"].append(
                {
                    "event": event["id"],
                    "hook": hook["id"],
                    "due": bench.clock().timestamp(),
                    "attempts": 0,
                    "status": "PENDING",
                    "sent": None,
                }
            )


# -- what can be asked -----------------------------------------------------------------


def _register(call: Call, account: Account) -> Answer:
    body = call.json or {}
    if not body.get("url") or not body.get("event_types"):
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="url")
    name = new_id(call.bench, "hook")
    return Answer(201, register(account, name, body["url"], body["event_types"]))


def register(account: Account, name: str, url: str, types: list[Thing]) -> Thing:
    """Register a webhook under the id *name*."""
    made = {
        "id": name,
        "url": url,
        "event_types": types,
        "links": [link("self", f"{_HOOKS}/{name}")],
    }
    account["hooks"][name] = made
    return made


def _hooks(call: Call, account: Account) -> Answer:
    del call
    return Answer(200, {"webhooks": list(account["hooks"].values())})


def _list(call: Call, account: Account) -> Answer:
    """List events, the newest first; ``page_token`` is in the link to the next page."""
    now, query = call.bench.clock(), call.query
    try:
        size, at = int(query.get("page_size", _PAGE)), int(query.get("page_token", 0))
        since = _moment(query.get("start_time"), now - _LISTED)
        until = _moment(query.get("end_time"), now)
    except ValueError:
        return problem(400, "INVALID_PARAMETER_SYNTAX", field="page_size")
    since = max(since, now - _LISTED)
    found = [
        event
        for event in reversed(account["events"])
        if since <= datetime.fromisoformat(event["create_time"]) <= until
        and query.get("event_type") in {None, event["event_type"]}
    ]
    at = 0 if call.faulty == "duplicate-page" else at
    part = [] if call.faulty == "empty" else found[at : at + size]
    links = [link("self", call.where)]
    if at + size < len(found) and call.faulty != "empty":
        asked = {k: v for k, v in query.items() if k != "page_token"}
        more = "&".join(f"{k}={v}" for k, v in asked.items())
        links.append(link("next", f"{call.where}?{more}&page_token={at + size}"))
    return Answer(200, {"events": part, "count": len(part), "links": links})


def _moment(text: str | None, usual: datetime) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "+")) if text else usual


def _find(account: Account, name: str) -> Thing | None:
    found = (one for one in account["events"] if one["id"] == name)
    return next(found, None)


def _get(call: Call, account: Account) -> Answer:
    found = _find(account, call.path["event_id"])
    return Answer(200, found) if found else no_such()


def _resend(call: Call, account: Account) -> Answer:
    found = _find(account, call.path["event_id"])
    if found is None:
        return no_such()
    _queue(call.bench, account, found)
    return Answer(202, found)


def _verify(call: Call, account: Account) -> Answer:
    body = call.json or {}
    needed = {
        "auth_algo", "cert_url", "transmission_id", "transmission_sig",
        "transmission_time", "webhook_id", "webhook_event",
    }  # fmt: skip
    if missing := sorted(needed - body.keys()):
        return problem(400, "MISSING_REQUIRED_PARAMETER", field=missing[0])
    known = body["webhook_id"] in account["hooks"]
    raw = _given(call.body)
    good = (
        known
        and body["auth_algo"] == _ALGORITHM
        and body["cert_url"] == HOME + CERTIFICATE
        and _signed(call.bench, body, raw)
    )
    return Answer(200, {"verification_status": "SUCCESS" if good else "FAILURE"})


def _given(body: bytes) -> bytes:
    """Return the event as it was sent: its very bytes are what was signed."""
    start = body.index(b'"webhook_event"') + len(b'"webhook_event"')
    return body[start:].strip().removeprefix(b":").strip().removesuffix(b"}").strip()


def _signed(bench: Bench, said: Mapping[str, Any], raw: bytes) -> bool:
    text = _text(
        said["transmission_id"], said["transmission_time"], said["webhook_id"], raw
    )
    public = _key(bench).public_key()
    try:
        signature = base64.b64decode(str(said["transmission_sig"]))
        public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def certificate(call: Call) -> Answer:
    """Return the certificate that deliveries are signed with."""
    pem = certificate_pem(call.bench).encode()
    return Answer(200, pem, {"content-type": "application/x-pem-file"})


# -- deliveries ------------------------------------------------------------------------


def deliver(bench: Bench, how: str) -> Thread:
    """
    Send what is queued, in the thread that is returned; *how* is one of ``HOSTILE``.

    ``due`` what is due; ``twice`` each of it two times; ``reversed`` the newest
    first; ``forged`` signed by somebody else; ``elsewhere`` with a certificate of
    another host; ``again`` what was sent before, with the very same headers.
    """
    if how not in HOSTILE:
        raise ReconcilerError(f"a delivery is one of {', '.join(HOSTILE)}")
    batch: list[tuple[Account, Thing]] = []
    now = bench.clock().timestamp()
    for account in bench.state["accounts"]:
        for one in account["queue"]:
            again = how == "again" and one["sent"]
            if again or (one["status"] == "PENDING" and one["due"] <= now):
                batch.append((account, one))
    if how == "reversed":
        batch.reverse()
    times = 2 if how == "twice" else 1
    prepared = [
        (one, *_prepared(bench, account, one, how))
        for account, one in batch
        for _ in range(times)
    ]
    sender = Thread(target=_send, args=(bench, prepared), daemon=True)
    sender.start()
    return sender


def _prepared(
    bench: Bench, account: Account, one: Thing, how: str
) -> tuple[str, dict[str, str], bytes]:
    hook = account["hooks"][one["hook"]]
    event = _find(account, one["event"])
    raw = json.dumps(event, separators=(",", ":")).encode()
    headers: dict[str, str] = dict(one["sent"] or {})
    if how != "again" or not headers:
        headers = signed_headers(bench, hook["id"], raw, how)
        one["sent"] = headers
    return hook["url"], headers, raw


def signed_headers(
    bench: Bench, hook: str, raw: bytes, how: str = "due"
) -> dict[str, str]:
    """Return the headers of one delivery of *raw*."""
    sent = stamp(bench.clock())
    identity = new_id(bench, "transmission", 30).lower()
    key = _stranger() if how == "forged" else _key(bench)
    text = _text(identity, sent, hook, raw)
    signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    host = "https://certs.paypal.com.evil.example" if how == "elsewhere" else HOME
    return {
        "Content-Type": "application/json",
        "PayPal-Transmission-Id": identity,
        "PayPal-Transmission-Time": sent,
        "PayPal-Transmission-Sig": base64.b64encode(signature).decode(),
        "PayPal-Cert-Url": host + CERTIFICATE,
        "PayPal-Auth-Algo": _ALGORITHM,
    }


def _text(identity: str, sent: str, hook: str, raw: bytes) -> bytes:
    return f"{identity}|{sent}|{hook}|{zlib.crc32(raw)}".encode()


def _send(
    bench: Bench, prepared: list[tuple[Thing, str, dict[str, str], bytes]]
) -> None:
    for one, url, headers, raw in prepared:
        status = _post(url, headers, raw)
        with bench.lock:
            one["attempts"] += 1
            if 200 <= status < 300:
                one["status"] = "DELIVERED"
            elif one["attempts"] > RETRIES:
                one["status"] = "FAILED"
            else:
                one["due"] = (bench.clock() + _PAUSE).timestamp()


def _post(url: str, headers: Mapping[str, str], raw: bytes) -> int:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:")):
        return 0
    request = urllib.request.Request(url, raw, dict(headers))  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


@cache
def _stranger() -> rsa.RSAPrivateKey:
    """Return the key of somebody who is not PayPal."""
    return _new_key()


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _key(bench: Bench) -> rsa.RSAPrivateKey:
    """Return the key that deliveries are signed with; made when it is first needed."""
    kept = bench.state.get("signer")
    if kept is not None:
        key = serialization.load_pem_private_key(kept.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  (we wrote it)
        return key
    made = _new_key()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    bench.state["signer"] = made.private_bytes(encoding, form, plain).decode()
    return made


def certificate_pem(bench: Bench) -> str:
    """Return the certificate of the key that deliveries are signed with."""
    key, now = _key(bench), bench.clock()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


ROUTES: Final = (
    Route("webhooks.post", "POST", _HOOKS, _register,
          frozenset({"url", "event_types[].name"})),
    Route("webhooks.list", "GET", _HOOKS, _hooks),
    Route("webhooks-events.list", "GET", _EVENTS, _list),
    Route("webhooks-events.get", "GET", f"{_EVENTS}/{{event_id}}", _get),
    Route("webhooks-events.resend", "POST", f"{_EVENTS}/{{event_id}}/resend", _resend,
          frozenset({"webhook_ids"})),
    Route("verify-webhook-signature.post", "POST",
          "/v1/notifications/verify-webhook-signature", _verify, None),
)  # fmt: skip
