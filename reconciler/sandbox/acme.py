"""
Certificate authorities that speak ACME, for what Debian's Pebble does not have.

After RFC 8555 (ACME), RFC 9773 (renewal information), draft-ietf-acme-profiles,
draft-ietf-acme-dns-persist, RFC 8659 and 8657 (CAA), Let's Encrypt's documentation
(profiles, rate limits) and the behaviour of its servers, Boulder and Pebble. Several
authorities may be in one world, each below its own path: a production one, its
staging, a second company. The world's part is::

    acme:
      resolver: "127.0.0.1:5300"        who is asked for TXT and CAA; or public
      http: "127.0.0.1:5002"            where http-01 is fetched
      caa: {name: ['0 issue "letsencrypt.org"']}       instead of what DNS says
      authorities: {main: {...}}        see ``acme_seeds.AuthoritySeed``

The directory of an authority is ``<endpoint>/<name>/directory``; faults and counts are
by ``<name>/<operation>``, as in ``main/newOrder``. What people, and the authority
itself, do by hand is in ``acme_hand``. Not played: tls-alpn-01, IP identifiers, the
limits of a load balancer by the second, looking from several places; and of the faults
those about lists and stale reads.
"""

from __future__ import annotations

import secrets
from typing import Any

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox.acme_dns import lookup_of
from reconciler.sandbox.acme_front import Acme, started
from reconciler.sandbox.acme_hand import edit, look
from reconciler.sandbox.acme_seeds import AuthoritySeed
from reconciler.sandbox.acme_sign import made
from reconciler.sandbox.emulator import Bench, Emulator, Server

_PARTS = frozenset({"resolver", "http", "caa", "authorities"})


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    unknown = sorted(set(bench.world) - _PARTS)
    if unknown:
        raise ReconcilerError(f"the world of acme has no part {unknown[0]!r}")
    if not bench.state:
        _fill(bench)
    lookup_of(bench)
    return Acme(bench)


def _fill(bench: Bench) -> None:
    written: Any = bench.world.get("authorities") or {"main": {}}
    authorities: dict[str, Any] = {}
    for name, settings in written.items():
        try:
            seed = AuthoritySeed.model_validate(settings or {})
        except ValidationError as wrong:
            raise ReconcilerError(f"the world of acme cannot be: {wrong}") from None
        known = made(name, bench.clock())
        entropy = secrets.token_hex(8)
        authorities[name] = started(seed, dict(settings or {}), known, entropy)
    bench.state.update(
        authorities=authorities,
        caa={name: list(rows) for name, rows in bench.world.get("caa", {}).items()},
        bogus=[],
        jobs={},
    )


EMULATOR = Emulator("acme", "", 18716, make, edit, look)
