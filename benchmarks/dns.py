"""
Many zones on one real PowerDNS: ours beside ``octodns-sync``, on the same server.

Ours is the whole ``reconciler plan``: it reads the registrations, too, and judges.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks.agency import Agency
from benchmarks.measure import Used, child, middle
from benchmarks.row import Row, Size
from reconciler.sandbox.powerdns import API_KEY, PowerDnsServer, available

_ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/porkbun-main:
  type: porkbun
  endpoint: {porkbun}
  limits: {{requestsPerSecond: 2000}}
  credentials:
    apiKey: {{file: .sandbox/secrets/porkbun-api-key}}
    secretApiKey: {{file: .sandbox/secrets/porkbun-secret-api-key}}
Provider/namecom-main:
  type: namecom
  account: agency-test
  endpoint: {namecom}
  credentials:
    username: {{file: .sandbox/secrets/namecom-username}}
    token: {{file: .sandbox/secrets/namecom-token}}
Provider/powerdns-main:
  type: powerdns
  endpoint: {powerdns}
  limits: {{requestsPerSecond: 2000}}
  credentials: {{apiKey: {{file: .sandbox/secrets/powerdns-key}}}}
"""
_HOSTS = ["ns1.dns.example.", "ns2.dns.example."]
_TTL = 300
_WORKERS = 8


def rows(number: int, zone: str) -> dict[tuple[str, str], list[str]]:
    """Return the record sets of one zone, beside SOA and NS."""
    return {
        ("@", "A"): [f"192.0.2.{1 + number % 250}"],
        ("@", "MX"): ["10 mx1.mail.example.", "20 mx2.mail.example."],
        ("@", "TXT"): ["v=spf1 include:_spf.mail.example -all"],
        ("_dmarc", "TXT"): ["v=DMARC1 p=reject"],
        ("api", "A"): [f"198.51.100.{1 + number % 250}"],
        ("blog", "CNAME"): [f"{zone}."],
        ("ftp", "CNAME"): [f"{zone}."],
        ("mail", "A"): [f"203.0.113.{1 + number % 250}"],
        ("www", "CNAME"): [f"{zone}."],
    }


def dns(size: Size) -> Iterator[Row]:
    """Plan when nothing changed; with a full read; and octoDNS the same."""
    if not available():
        yield Row("DNS on PowerDNS", None, "", note="pdns-server is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as kept:
        folder = Path(kept)
        server = PowerDnsServer(folder / "pdns")
        server.start("127.0.0.1", 0)
        try:
            yield from _measured(folder, server, size)
        finally:
            server.stop()


def _measured(folder: Path, server: PowerDnsServer, size: Size) -> Iterator[Row]:
    names = [f"zone-{number:05d}.example" for number in range(size.zones)]
    for number, name in enumerate(names):
        server.ask("POST", "/zones", _zone(number, name))
    before = _serials(server)
    agency = _agency(folder, server, names)
    with agency:
        agency.plan()

        def full() -> Used:
            agency.forget("%/dns/%")
            return agency.plan()

        whole = middle(size.runs, full)
        again = middle(size.runs, agency.plan)
    other = middle(size.runs, lambda: _octodns(folder, server, names))
    if _serials(server) != before:
        raise RuntimeError("somebody wrote to the server")
    what = f"DNS of {size.zones:,} zones"
    for name, used, gate in (
        ("serials unchanged", again, 10),
        ("full read", whole, 1.3),
    ):
        for way in ("wall", "cpu"):
            ours, theirs = getattr(used, way), getattr(other, way)
            yield Row(
                f"{what}, {name}: octodns-sync takes ({way})",
                theirs / ours,
                "times",
                gate,
                least=True,
                note=f"{ours:.2f} s against {theirs:.2f} s",
            )


def _zone(number: int, name: str) -> dict[str, object]:
    sets = [
        {
            "name": f"{name}." if host == "@" else f"{host}.{name}.",
            "type": kind,
            "ttl": _TTL,
            "records": [
                {"content": f'"{v}"' if kind == "TXT" else v, "disabled": False}
                for v in values
            ],
        }
        for (host, kind), values in rows(number, name).items()
    ]
    return {
        "name": f"{name}.",
        "kind": "Native",
        "soa_edit_api": "DEFAULT",
        "nameservers": _HOSTS,
        "rrsets": sets,
    }


def _serials(server: PowerDnsServer) -> dict[str, int]:
    return {zone["id"]: zone["serial"] for zone in server.ask("GET", "/zones")}


def _agency(folder: Path, server: PowerDnsServer, names: list[str]) -> Agency:
    hosts = [host.removesuffix(".") for host in _HOSTS]
    domains = "".join(
        f"Domain/{name}: {json.dumps(_domain(number, name, hosts))}\n"
        for number, name in enumerate(names)
    )
    agency = Agency(folder, _ACCOUNTS, domains, {"powerdns": server.endpoint})
    key = agency.root / ".sandbox" / "secrets" / "powerdns-key"
    key.write_text(API_KEY, encoding="utf-8")
    return agency


def _domain(number: int, name: str, hosts: list[str]) -> dict[str, object]:
    records = [
        {"name": host, "type": kind, "values": values}
        for (host, kind), values in rows(number, name).items()
    ]
    dns = {"targets": ["powerdns-main"], "records": records}
    return {"provider": "porkbun-main", "nameservers": hosts, "dns": dns}


def _octodns(folder: Path, server: PowerDnsServer, names: list[str]) -> Used:
    """Run ``octodns-sync`` without ``--doit``; it must find nothing to do."""
    work = folder / "octodns"
    if not work.exists():
        _configure(work, server, names)
    program = Path(sys.executable).with_name("octodns-sync")
    argv = [str(program), "--config-file", str(work / "config.yaml"), "--quiet"]
    return child(argv, work)


def _configure(work: Path, server: PowerDnsServer, names: list[str]) -> None:
    zones = work / "zones"
    zones.mkdir(parents=True)
    config = {
        "manager": {"max_workers": _WORKERS},
        "providers": {
            "yaml": {
                "class": "octodns.provider.yaml.YamlProvider",
                "directory": str(zones),
                "default_ttl": _TTL,
                "enforce_order": False,
            },
            "powerdns": {
                "class": "octodns_powerdns.PowerDnsProvider",
                "host": "127.0.0.1",
                "port": server.api_port,
                "api_key": API_KEY,
            },
        },
        "zones": {"*": {"sources": ["yaml"], "targets": ["powerdns"]}},
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for number, name in enumerate(names):
        text = yaml.safe_dump(_source(number, name), sort_keys=True)
        (zones / f"{name}.yaml").write_text(text, encoding="utf-8")


def _source(number: int, name: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {
        "": [{"type": "NS", "ttl": 3600, "values": _HOSTS}]
    }
    for (host, kind), values in rows(number, name).items():
        given: list[object] = list(values)
        if kind == "MX":
            pairs = [value.split() for value in values]
            given = [{"preference": int(p), "exchange": e} for p, e in pairs]
        row: dict[str, object] = {"type": kind, "ttl": _TTL}
        row |= {"value": given[0]} if len(given) == 1 else {"values": given}
        found.setdefault("" if host == "@" else host, []).append(row)
    return found
