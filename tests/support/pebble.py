"""A real Pebble with a real PowerDNS for tests, or a plain reason why there is none."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Account, Keyring
from reconciler.providers._authoritative import declared
from reconciler.providers._challenges import DnsChallenges, World, Zone
from reconciler.providers._keyring import Around, KeyStores
from reconciler.providers.powerdns_dns import PowerDns
from reconciler.sandbox.pebble import PebbleServer, program
from reconciler.sandbox.powerdns import API_KEY, PowerDnsServer
from tests.support.contract import MemoryCache
from tests.support.issuing import account_key
from tests.support.powerdns import real_powerdns

_ORDERS = re.compile(r"There are now (\d+) orders in the db")


def real_pebble(
    folder: Path,
    dns: str,
    environ: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[PebbleServer]:
    """Yield a running server; skip where it is not installed, except in CI."""
    if program() is None:
        why = "pebble is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    server = PebbleServer(folder, dns, environ, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def real_town(folder: Path, **more: Any) -> Iterator[Town]:
    """Yield an authority, and the DNS that it asks."""
    for pdns in real_powerdns(folder / "pdns"):
        dns = f"127.0.0.1:{pdns.dns_port}"
        for pebble in real_pebble(folder / "pebble", dns, **more):
            yield Town(folder, pdns, pebble)


class Town:
    """
    A real authority, real zones, and accounts with both.

    Attributes:
        cache: What the accounts keep.
        notes: What was written into zones and not taken away.
    """

    def __init__(
        self, folder: Path, pdns: PowerDnsServer, pebble: PebbleServer
    ) -> None:
        self.folder = folder
        self.pdns = pdns
        self.pebble = pebble
        self.cache = MemoryCache()
        self.notes = MemoryCache()
        self.writer = PowerDns(
            Account(
                "pdns",
                pdns.endpoint,
                None,
                {"apiKey": API_KEY},
                now,
                time.sleep,
                MemoryCache(),
            )
        )

    def zone(self, name: str, *rrsets: tuple[str, str, list[str]]) -> None:
        """Make a zone with (name, type, values)."""
        rows = [
            {
                "name": f"{host}.{name}.",
                "type": kind,
                "ttl": 300,
                "records": [{"content": v, "disabled": False} for v in values],
            }
            for host, kind, values in rrsets
        ]
        zone = {"name": f"{name}.", "kind": "Native", "soa_edit_api": "DEFAULT"}
        hosts = [f"ns1.{name}."]
        self.pdns.ask("POST", "/zones", {**zone, "nameservers": hosts, "rrsets": rows})

    def texts(self, zone: str) -> dict[str, set[str]]:
        """Return the TXT values of a zone."""
        said = self.pdns.ask("GET", f"/zones/{zone}.")
        return {
            row["name"].removesuffix("."): {
                record["content"].strip('"') for record in row["records"]
            }
            for row in said["rrsets"]
            if row["type"] == "TXT"
        }

    def find(self, name: str) -> Zone | None:
        """Return the zone that *name* is in."""
        known = [z["name"].removesuffix(".") for z in self.pdns.ask("GET", "/zones")]
        fit = [one for one in known if name == one or name.endswith(f".{one}")]
        return Zone(max(fit, key=len), ("pdns",)) if fit else None

    def challenges(self, **more: Any) -> DnsChallenges:
        dns = f"127.0.0.1:{self.pdns.dns_port}"
        world = World(self.find, lambda _: self.writer, lambda _: declared(dns))
        sleep = more.pop("sleep", time.sleep)
        return DnsChallenges(world._replace(**more), now, sleep, self.notes)

    def keys(self) -> Keyring:
        def nobody(*_: Any) -> Any:
            raise AssertionError("nothing is resolved here")

        return KeyStores(Around(self.folder, nobody, nobody, lambda _: None))

    def account(self, **more: Any) -> Account:
        made = Account(
            "main",
            self.pebble.directory,
            None,
            {"accountKey": account_key()},
            now,
            time.sleep,
            self.cache,
            trust=self.pebble.trust,
            keys=self.keys(),
            challenges=self.challenges(),
        )
        return made._replace(**more)

    def orders(self) -> int:
        """Return how many orders the authority was given so far."""
        return max(map(int, _ORDERS.findall(self.pebble.log)), default=0)

    def made(self) -> tuple[int, int]:
        """Return how many orders were begun, and filled, so far."""
        return self.orders(), self.pebble.log.count("Issued certificate serial")

    def root(self) -> bytes:
        """Return the certificate that the authority's own is signed by."""
        return self.pebble.ask("/roots/0")


def now() -> datetime:
    return datetime.now(UTC)
