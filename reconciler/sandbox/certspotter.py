"""
Cert Spotter's search of the public logs, in its wire format.

After SSLMate's reference of the Certificate Transparency Search API v1. Kept: pages in
the order of discovery by ``after`` until an empty one, ``expand`` for names and issuer,
``include_subdomains``, a common suffix refused, unexpired issuances alone, a bearer
token. The world's part is::

    certspotter: {token: "...", page: 100, issuances: [{names, issuer, days, spki}]}

``days`` is how long ago it was issued; it lives for 90.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"code": code, "message": message})


def _issuances(call: Call) -> Answer:
    token = call.state["token"]
    if token and call.headers.get("authorization") != f"Bearer {token}":
        return _error(401, "unauthorized", "The API token is not valid.")
    domain = call.query.get("domain", "")
    if "." not in domain:
        return _error(400, "invalid_domain", "domain is not a registered domain.")
    below = call.query.get("include_subdomains") == "true"
    expand = {value for name, value in call.asked if name == "expand"}
    after = int(call.query.get("after") or 0)
    now = call.bench.clock().isoformat()
    found = [
        row
        for number, row in enumerate(call.state["issuances"], 1)
        if number > after and row["not_after"] > now and _for(row, domain, below=below)
    ]
    page = found[: call.state["page"]]
    return Answer(200, [_shown(row, expand) for row in page])


def _for(row: Mapping[str, Any], domain: str, *, below: bool) -> bool:
    return any(
        name == domain or (below and name.endswith(f".{domain}"))
        for name in map(str.lower, row["dns_names"])
    )


def _shown(row: Mapping[str, Any], expand: set[str]) -> dict[str, Any]:
    hidden = {"dns_names", "issuer"} - expand
    return {key: value for key, value in row.items() if key not in hidden}


def _issuance(number: int, seed: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    names = [str(name) for name in seed["names"]]
    began = now - timedelta(days=float(seed.get("days", 1)))
    digest = hashlib.sha256(f"{number} {names}".encode()).hexdigest()
    called = str(seed.get("issuer", "Let's Encrypt"))
    return {
        "id": str(number),
        "tbs_sha256": hashlib.sha256(digest.encode()).hexdigest(),
        "cert_sha256": str(seed.get("fingerprint", digest)),
        "dns_names": names,
        "pubkey_sha256": str(seed.get("spki", digest[::-1])),
        "issuer": {
            "friendly_name": called,
            "caa_domains": ["letsencrypt.org"],
            "pubkey_sha256": hashlib.sha256(called.encode()).hexdigest(),
            "name": f"C=US, O={called}, CN=E1",
        },
        "not_before": _text(began),
        "not_after": _text(began + timedelta(days=90)),
        "revoked": False,
        "revocation": {"time": None, "reason": None, "checked_at": _text(now)},
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def make(bench: Bench) -> Server:
    """Return the server of *bench*."""
    if not bench.state:
        world, now = bench.world, bench.clock()
        bench.state.update(
            token=str(world.get("token", "sandbox-certspotter")),
            page=int(world.get("page", 100)),
            issuances=[
                _issuance(number, seed, now)
                for number, seed in enumerate(world.get("issuances", ()), 1)
            ],
        )
    operations = [Operation("issuances", ("GET",), "/v1/issuances", _issuances)]
    return rest(bench, operations, _error(404, "not_found", "There is no such page."))


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Log something: ``issuance`` takes {names, issuer, days, spki, fingerprint}.

    Raises:
        ReconcilerError: There is no such thing.
    """
    if thing != "issuance" or "names" not in data:
        raise ReconcilerError("post {names, ...} to issuance")
    rows = bench.state["issuances"]
    rows.append(_issuance(len(rows) + 1, data, bench.clock()))
    bench.effect("by-hand", str(data["names"][0]))


EMULATOR = Emulator("certspotter", "", 18722, make, edit)
