"""
Whether a challenge was met: looked up and fetched for real, never under the lock.

dns-01 and http-01 (RFC 8555, 8), dns-persist-01 (draft-ietf-acme-dns-persist), CAA at
each validation and again before a certificate that relies on an older one. Where web
servers are, the world says as ``http: "HOST:PORT"``: every name is fetched there.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from reconciler.sandbox import acme_finalize, acme_limits, acme_orders
from reconciler.sandbox.acme_caa import Asker, forbidding
from reconciler.sandbox.acme_dns import DnsTrouble, Lookup, lookup_of
from reconciler.sandbox.acme_words import (
    Ca,
    Problem,
    Row,
    b64,
    stamp,
    unauthorized,
)

_PATIENCE: Final = 3.0
_MOST_REDIRECTS: Final = 10
_MOST_BYTES: Final = 4096
#: CAA counts for eight hours (Baseline Requirements, 4.2.2.1); one is for safety.
_CAA_COUNTS: Final = 7 * 3600
_FOUND: Final = 200
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


def validate(ca: Ca, what: str) -> None:
    """Look whether a challenge was met, and write down what was found."""
    with ca.bench.lock:
        authorization, challenge = _challenge(ca, what)
        account = ca.state["accounts"][authorization["account"]]
        thumbprint = account["thumbprint"]
        name = authorization["name"]

    def look_at() -> None:
        look = lookup_of(ca.bench)
        if not ca.seed.always_valid:
            _met(ca, look, name, challenge, thumbprint)
        _may(ca, look, name, challenge["account"], challenge["type"])

    problem = _refusal(look_at)
    with ca.bench.lock:
        _decided(ca, authorization, challenge, problem)


def _refusal(act: Callable[[], None]) -> Problem | None:
    """Return why *act* refuses; whatever fails, nothing is under way for ever."""
    try:
        act()
    except Problem as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001
        said = f"Error performing validation: {type(error).__name__}"
        return Problem("serverInternal", said, 500)
    return None


def _challenge(ca: Ca, what: str) -> tuple[Row, Row]:
    identity, _, wanted = what.partition("/")
    found = ca.state["authorizations"][identity]
    return found, next(one for one in found["challenges"] if one["id"] == wanted)


def _decided(ca: Ca, found: Row, challenge: Row, problem: Problem | None) -> None:
    if acme_orders.standing(ca, found) != "pending":
        return  # it was given up meanwhile, or is over
    now, name, account = ca.now, found["name"], found["account"]
    challenge["validated"] = stamp(now)
    if problem is None:
        challenge["status"] = found["status"] = "valid"
        found["expires"] = now.timestamp() + found["reuse"]
        found["checked"] = now.timestamp()
        if challenge["type"] != "dns-persist-01":
            ca.state["proven"][found["index"]] = found["id"]
        acme_limits.succeeded(ca, account, name)
    else:
        challenge["status"] = found["status"] = "invalid"
        challenge["error"] = problem.document
        acme_limits.failed(ca, account, name)


def issue(ca: Ca, what: str) -> None:
    """Make the certificate of an order, if CAA still lets us."""
    with ca.bench.lock:
        order = ca.state["orders"][what]
        since = ca.now.timestamp() - _CAA_COUNTS
        old = [
            (one, _proof(one))
            for one in acme_orders.authorizations(ca, order)
            if one["checked"] < since
        ]

    def look_again() -> None:
        look = lookup_of(ca.bench)
        for one, proof in old:
            _may(ca, look, one["name"], proof["account"], proof["type"])

    problem = _refusal(look_again)
    with ca.bench.lock:
        if problem is not None:
            order["status"] = "invalid"
            order["error"] = problem.document
            return
        for one, _ in old:
            one["checked"] = ca.now.timestamp()
        acme_finalize.issue(ca, order)


def _proof(authorization: Row) -> Row:
    return next(c for c in authorization["challenges"] if c["status"] == "valid")


def _may(ca: Ca, look: Lookup, name: str, account: str, method: str) -> None:
    """Raise Problem where CAA forbids it, or cannot be read."""
    asker = Asker(ca.seed.caa_identities, account, method)
    try:
        where = forbidding(look, name, asker)
    except DnsTrouble as trouble:
        raise _dns(trouble, "CAA", name.removeprefix("*.")) from None
    if where:
        raise Problem("caa", f"CAA record for {where} prevents issuance", 403)


def _met(ca: Ca, look: Lookup, name: str, challenge: Row, thumbprint: str) -> None:
    """Raise Problem where a challenge was not met."""
    plain = name.removeprefix("*.")
    if challenge["type"] == "dns-persist-01":
        wildcard = name.startswith("*.")
        _persisted(ca, look, plain, challenge["account"], wildcard=wildcard)
        return
    proof = f"{challenge['token']}.{thumbprint}"
    if challenge["type"] == "dns-01":
        _recorded(look, f"_acme-challenge.{plain}", proof)
    else:
        _served(ca, plain, challenge["token"], proof)


def _rows(look: Lookup, name: str) -> list[str]:
    try:
        rows = look(name, "TXT")
    except DnsTrouble as trouble:
        raise _dns(trouble, "TXT", name) from None
    if rows is None:
        raise Problem(
            "dns",
            f"DNS problem: NXDOMAIN looking up TXT for {name} - check that a DNS "
            "record exists for this domain",
        )
    if not rows:
        raise unauthorized(f"No TXT record found at {name}")
    return rows


def _dns(trouble: DnsTrouble, kind: str, name: str) -> Problem:
    return Problem(
        "dns",
        f"DNS problem: {trouble} looking up {kind} for {name} - the domain's "
        "nameservers may be malfunctioning",
    )


def _recorded(look: Lookup, name: str, proof: str) -> None:
    rows = _rows(look, name)
    if b64(hashlib.sha256(proof.encode()).digest()) not in rows:
        more = f" (and {len(rows) - 1} more)" if rows[1:] else ""
        raise unauthorized(f'Incorrect TXT record "{rows[0]}"{more} found at {name}')


def _persisted(
    ca: Ca, look: Lookup, name: str, account: str, *, wildcard: bool
) -> None:
    wrong: list[str] = []
    for row in _rows(look, f"_validation-persist.{name}"):
        issuer, *parts = (part.strip() for part in row.split(";"))
        if issuer not in ca.seed.caa_identities:
            continue
        given = {
            tag.strip().lower(): said.strip()
            for tag, _, said in (part.partition("=") for part in parts)
        }
        trouble = _unfit(given, account, ca.now, wildcard=wildcard)
        if not trouble:
            return
        wrong.append(trouble)
    said = "; ".join(wrong) or "no record names this authority"
    raise unauthorized(
        f"No valid TXT record found for DNS-PERSIST-01 challenge: {said}"
    )


def _unfit(
    given: dict[str, str], account: str, now: datetime, *, wildcard: bool
) -> str:
    if given.get("accounturi") != account:
        got = given.get("accounturi", "")
        return f'accounturi mismatch: expected "{account}", got "{got}"'
    if wildcard and given.get("policy", "").lower() != "wildcard":
        return 'policy mismatch: expected "wildcard"'
    until = given.get("persistuntil")
    if until is not None and not until.isdecimal():
        return f'malformed persistUntil timestamp "{until}"'
    if until is not None and now.timestamp() > int(until):
        return f"validation time is after persistUntil {stamp(float(until))}"
    return ""


def _served(ca: Ca, name: str, token: str, proof: str) -> None:
    path = f"/.well-known/acme-challenge/{token}"
    where = ca.bench.world.get("http")
    fetch: Callable[[str, str], bytes] = (
        where if callable(where) else lambda host, at: _fetched(str(where), host, at)
    )
    try:
        said = fetch(name, path)
    except OSError as error:
        why = error.strerror or "Timeout during connect"
        raise _unreached(name, path, why) from None
    except http.client.HTTPException:
        raise _unreached(name, path, "malformed HTTP response") from None
    got = said.decode("utf-8", "replace").rstrip()
    if got != proof:
        raise unauthorized(
            "The key authorization file from the server did not match this challenge. "
            f'Expected "{proof}" (got "{got[:100]}")'
        )


def _fetched(where: str, name: str, path: str) -> bytes:
    """Fetch from the one address where all names are; redirects are followed."""
    host, _, port = where.rpartition(":")
    if not port.isdecimal():
        raise ConnectionRefusedError(111, "Connection refused")
    for _ in range(_MOST_REDIRECTS):
        connection = http.client.HTTPConnection(host, int(port), timeout=_PATIENCE)
        with closing(connection):
            connection.request("GET", path, headers={"Host": name})
            answer = connection.getresponse()
            body, status = answer.read(_MOST_BYTES), answer.status
            to = urlsplit(answer.getheader("location", ""))
        if status == _FOUND:
            return body
        if status not in _MOVED:
            raise unauthorized(f"Invalid response from http://{name}{path}: {status}")
        if to.scheme not in {"", "http"}:
            raise _unreached(name, path, f"no way to {to.scheme} from here")
        name, path = to.hostname or name, to.path or "/"
    raise _unreached(name, path, "Too many redirects")


def _unreached(name: str, path: str, why: str) -> Problem:
    return Problem("connection", f"Fetching http://{name}{path}: {why}")
