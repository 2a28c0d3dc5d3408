"""
A hundred certificates at once, from a real Pebble over a real PowerDNS.

Three names each, and every twentieth nonce is refused; ``lego`` is beside it, for as
many names on the same two servers. Ours is the driver as an apply calls it, its keys in
files. Lego takes one certificate at a time, and its own look at servers is switched
off; several of it at once lose half of them to changes of one zone that meet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.row import Row, Size
from reconciler.model import Receipt
from reconciler.providers.acme_issuance import AcmeIssuance
from reconciler.sandbox.pebble import PebbleServer, program
from reconciler.sandbox.powerdns import API_KEY, PowerDnsServer, available
from tests.support.issuing import ordered, want
from tests.support.pebble import Town

_MOST = 100
_ZONE = "bench.example"
_LEGO = "lego"


def issuing(size: Size) -> Iterator[Row]:
    """Order them all, twice: as another tool does it, and as we do."""
    if program() is None or not available():
        why = "pebble or pdns-server is not installed"
        yield Row("certificates at once", None, "", note=why)
        return
    number = min(_MOST, size.actions // 10)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as kept:
        folder = Path(kept)
        pdns = PowerDnsServer(folder / "pdns")
        pdns.start("127.0.0.1", 0)
        pebble = PebbleServer(folder / "pebble", f"127.0.0.1:{pdns.dns_port}")
        try:
            pebble.start()
            town = Town(folder, pdns, pebble)
            town.zone(_ZONE)
            yield from _measured(town, number)
        finally:
            pebble.stop()
            pdns.stop()


def _measured(town: Town, number: int) -> Iterator[Row]:
    theirs = _theirs(town, number)
    driver = AcmeIssuance(town.account())
    wants = [want(names[0], names) for names in _names("ours", number)]
    begun, cpu = time.monotonic(), time.process_time()
    found = ordered(driver, *wants)
    took, used = time.monotonic() - begun, time.process_time() - cpu
    driver.close()
    good = sum(isinstance(one, Receipt) for one in found)
    what = f"{number} certificates of three names at once"
    yield Row(f"{what}: issued", good, f"of {number}", number, least=True)
    sent = sum(driver._http.counts().values())  # noqa: SLF001
    yield Row(f"{what}: requests for each", sent / number, "requests")
    changes = town.writer.requests().get("patch-zone", 0)
    yield Row(f"{what}: changes of the zone", changes, "changes", 2)
    yield Row(f"{what}: our CPU for each", 1000 * used / number, "ms")
    note = "lego is not installed"
    if theirs is not None:
        note = f"lego, one after the other: {theirs[1]} of {number}"
    other = theirs[0] if theirs else None
    yield Row(f"{what}: wall", took, "s", other=other, note=note)


def _names(whose: str, number: int) -> list[list[str]]:
    hosts = [f"c{one:03d}.{whose}.{_ZONE}" for one in range(number)]
    return [[host, f"www.{host}", f"*.shop.{host}"] for host in hosts]


def _theirs(town: Town, number: int) -> tuple[float, int] | None:
    """Return how long lego took, and how many it got; None where there is none."""
    lego = shutil.which(_LEGO)
    if lego is None:
        return None
    account, *rest = [["account." + _ZONE], *_names("theirs", number)]
    if not _ran(lego, town, account):
        return None
    begun = time.monotonic()
    good = sum(_ran(lego, town, names) for names in rest)
    return time.monotonic() - begun, good


def _ran(lego: str, town: Town, names: list[str]) -> bool:
    argv = [lego, "--server", town.pebble.directory, "--accept-tos"]
    argv += ["--email", "ops@bench.example", "--path", str(town.folder / "lego")]
    argv += ["--dns", "pdns", "--dns.disable-cp", "--dns.resolvers"]
    argv += [f"127.0.0.1:{town.pdns.dns_port}"]
    argv += [part for name in names for part in ("--domains", name)]
    environ = {
        **os.environ,
        "LEGO_CA_CERTIFICATES": str(town.pebble.trusted),
        "PDNS_API_URL": town.pdns.endpoint,
        "PDNS_API_KEY": API_KEY,
    }
    done = subprocess.run(
        [*argv, "run"], env=environ, capture_output=True, check=False, timeout=300
    )
    return done.returncode == 0
