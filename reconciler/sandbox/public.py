"""
What anyone can read in the sandbox's world: RDAP, DNS and web servers.

The registries follow the sandbox's registrars, the zones its Route 53, so that what is
done there shows here. The world's part is::

    public:
      suffixes: [example]
      registrations: {name: DomainSeed and vendor}     names that no account holds
      zones: {name: {nameservers: [...], records: {"@/TXT": [...]}}}
      names: {"host.example/A": [...]}                 other names
      certificates: {address: [{names, days, trusted, lives, issuer, bits, versions}]}
      sites: {name: {...}}                             as ``web_sites`` takes it
      panels: {address: vendor}                        who has what it serves installed
      oddities: {name: {...}}                          what is not as it should be
      played: {"192.0.2.80:443": "127.0.0.1:8443"}     real servers behind addresses
      authorities: PEM                                 who signs what those serve

Oddities: ``registryExpires`` (days), ``statuses``, ``nameservers``, ``undated``,
``unlinked``, ``moved`` and ``silent`` (the registrar) in RDAP; ``parent``, ``child``,
``lame``, ``cached``, ``mute``, ``serials``, ``ds``, ``keys`` and ``signed`` in DNS, and
``behind`` {host: seconds}: it goes on with the zone as it is now. ``/routes`` says
where on this machine each address is played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.sandbox.dns_server import DnsServers
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.panel_tls import Installed, hold
from reconciler.sandbox.public_names import (
    ROOT,
    SERVERS,
    PublicNames,
    address_of,
)
from reconciler.sandbox.public_registry import (
    bootstrap,
    missing,
    registrars,
    registry,
)
from reconciler.sandbox.registrar import written
from reconciler.sandbox.rest import Answer, Call, Operation, rest
from reconciler.sandbox.tls_server import TlsServers, Wanted
from reconciler.sandbox.web_sites import Sites

_PARTS = (
    "registrations",
    "zones",
    "names",
    "certificates",
    "sites",
    "oddities",
    "panels",
    "played",
)


def make(bench: Bench) -> Server:
    """Return all of its servers over *bench*."""
    if not bench.state:
        _fill(bench)
    return _Public(bench)


def _fill(bench: Bench) -> None:
    others = {"suffixes", "route53", "authorities"}
    unknown = sorted(set(bench.world) - {*_PARTS, *others})
    if unknown:
        raise ReconcilerError(f"the public world has no part {unknown[0]!r}")
    parts = {part: dict(bench.world.get(part, {})) for part in _PARTS}
    now = bench.clock()
    parts["registrations"] = {
        name: {
            **written(_without(seed, "vendor"), now),
            "vendor": seed.get("vendor", "elsewhere"),
        }
        for name, seed in parts["registrations"].items()
    }
    bench.state.update(
        parts,
        start=now.isoformat(),
        suffixes=list(bench.world.get("suffixes", ["example"])),
        route53=list(bench.world.get("route53", ())),
        authorities=str(bench.world.get("authorities", "")),
    )


def _without(seed: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in seed.items() if name != key}


class _Public:
    """An HTTP server, nameservers and web servers, started and stopped together."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._dns = DnsServers(SERVERS, PublicNames(bench).answer)
        self._installed = Installed(bench)
        self._tls = TlsServers(
            _certificates(bench), bench.clock(), Sites(bench), self._installed
        )
        self._host = ""
        self._http = rest(
            bench,
            [
                Operation("bootstrap", ("GET",), "/rdap/dns.json", bootstrap),
                Operation("routes", ("GET",), "/routes", self._routes),
                Operation("registry", ("GET",), "/registry/domain/{name}", registry),
                Operation(
                    "registrar",
                    ("GET",),
                    "/registrar/{vendor}/domain/{name}",
                    registrars,
                ),
            ],
            missing(),
        )

    def start(self, host: str, port: int) -> int:
        """Start all of them; return the port of HTTP."""
        self._host = host
        self._dns.start(host)
        self._tls.start(host)
        return self._http.start(host, port)

    def stop(self) -> None:
        """Stop all of them."""
        self._http.stop()
        self._dns.stop()
        self._tls.stop()

    def _routes(self, _: Call) -> Answer:
        ports = {f"{address_of(n)}:53": port for n, port in enumerate(self._dns.ports)}
        ports |= {f"{address}:443": port for address, port in self._tls.ports.items()}
        ports |= {f"{address}:80": port for address, port in self._tls.plain.items()}
        routes = {public: f"{self._host}:{port}" for public, port in ports.items()}
        routes |= self._bench.state.get("played", {})
        said = {"roots": [address_of(ROOT)], "routes": routes}
        signers = self._tls.authorities + self._installed.authorities()
        signers += self._bench.state.get("authorities", "")
        return Answer(200, {**said, "authorities": signers})


def _certificates(bench: Bench) -> dict[str, list[Wanted]]:
    now = bench.clock()
    return {
        address: [
            Wanted(
                tuple(one["names"]),
                now + timedelta(days=float(one["days"])),
                bool(one.get("trusted", True)),
                timedelta(days=float(one.get("lives", 90))),
                str(one.get("issuer", "")),
                int(one.get("bits", 0)),
                _two(one.get("versions", ("1.2", "1.3"))),
            )
            for one in served
        ]
        for address, served in bench.state["certificates"].items()
    }


def _two(versions: Sequence[str]) -> tuple[str, str]:
    return versions[0], versions[-1]


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change what anyone can read: ``oddity``, ``site`` take {name, <field>: value, ...}.

    ``address`` is of ``panel_tls``.

    Raises:
        ReconcilerError: There is no such thing.
    """
    match thing, dict(data):
        case "oddity", {"name": str() as name, **fields}:
            if late := fields.get("behind"):
                fields["behind"] = PublicNames(bench).copied(name, late)
            odd = bench.state["oddities"].get(name, {})
            bench.state["oddities"][name] = {**odd, **fields}
        case "site", {"name": str() as name, **fields}:
            sites = bench.state.setdefault("sites", {})
            sites[name] = {**sites.get(name, {}), **fields}
        case "address", {"address": str() as name, "keeps": str() as keeps, **fields}:
            hold(bench, name, keeps)
        case _:
            raise ReconcilerError(
                "post {name, ...} to oddity or site, {address, keeps} to address"
            )
    bench.effect("by-hand", name, fields=sorted(fields))


EMULATOR = Emulator("public", "", 18704, make, edit)
