"""
Real programs on loopback, and the internet between them.

PowerDNS has the zones, Pebble signs and asks PowerDNS for its proofs, nginx serves.
What no machine has for itself, the root and the registry above the zones, is played by
``public.py``: it delegates to PowerDNS, and web addresses lead to nginx.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from reconciler.errors import ReconcilerError
from reconciler.sandbox import nginx, pebble, powerdns
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.nginx import NginxServer
from reconciler.sandbox.pebble import PebbleServer
from reconciler.sandbox.powerdns import PowerDnsServer, zone_body
from reconciler.sandbox.public_names import TOP, address_of
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.world import World

HOST: Final = "127.0.0.1"
#: The nameservers of every zone: both are the one PowerDNS.
NAMESERVERS: Final = ("ns1.agency.example", "ns2.agency.example")
#: Days until the names have to be paid for again.
_EXPIRES: Final = 300
_PATIENCE: Final = 10.0


def missing() -> list[str]:
    """Return the Debian packages of those programs that are not installed here."""
    there = {
        "pdns-server": powerdns.available(),
        "pdns-backend-sqlite3": powerdns.available(),
        "pebble": pebble.program() is not None,
        "nginx-light": nginx.program() is not None,
    }
    return [package for package, installed in there.items() if not installed]


class Town:
    """
    PowerDNS, Pebble and nginx, and the names that lead to them; a context manager.

    Args:
        folder: Where everything of them is: configurations, logs, databases.
        zones: Zone -> its sets of records, as ``{name, type, ttl, values}``.
        sites: Place of a certificate -> the names that nginx serves with it.
        addresses: The public addresses behind which nginx is.
    """

    def __init__(
        self,
        folder: Path,
        zones: Mapping[str, Iterable[Mapping[str, Any]]],
        sites: Mapping[str, tuple[str, ...]],
        addresses: Iterable[str],
    ) -> None:
        self._folder = folder
        self._zones = zones
        self._sites = sites
        self._addresses = addresses
        self._running = ExitStack()
        self._roots = ""

    def __enter__(self) -> Self:
        """Start all of them; raise ReconcilerError where one does not come up."""
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def _start(self) -> None:
        clock = SandboxClock()
        # The path of a socket must be short, and that of the folder may be long.
        sockets = tempfile.TemporaryDirectory(prefix="reconciler-town-")
        short = {"socket-dir": self._running.enter_context(sockets)}
        self.powerdns = PowerDnsServer(self._folder / "powerdns", settings=short)
        self._running.callback(self.powerdns.stop)
        self.powerdns.start(HOST, 0)
        for name, rrsets in self._zones.items():
            zone = {"name": name, "nameservers": NAMESERVERS, "rrsets": rrsets}
            self.powerdns.ask("POST", "/zones", zone_body(zone))
        self.pebble = PebbleServer(self._folder / "pebble", self._dns)
        self._running.callback(self.pebble.stop)
        self.pebble.start(HOST)
        self._roots = self.pebble.ask("/roots/0").decode("ascii")
        self.nginx = NginxServer(self._folder / "nginx", self._sites, clock())
        self._running.callback(self.nginx.stop)
        self.nginx.start(HOST, 0)
        public = Sandbox(World({"public": self._internet()}), clock)
        self.public = self._running.enter_context(public).endpoint("public")

    @property
    def _dns(self) -> str:
        return f"{HOST}:{self.powerdns.dns_port}"

    def _internet(self) -> dict[str, Any]:
        """Return what is above the zones, and where public addresses lead."""
        names = {"expires": _EXPIRES, "nameservers": list(NAMESERVERS)}
        first = TOP + 1  # the stand-in's own servers come before any host's
        hosts = [address_of(first + number) for number in range(len(NAMESERVERS))]
        web = f"{HOST}:{self.nginx.port}"
        return {
            "suffixes": sorted({name.rpartition(".")[2] for name in self._zones}),
            "registrations": dict.fromkeys(self._zones, names),
            "played": {
                **{f"{address}:53": self._dns for address in hosts},
                **{f"{address}:443": web for address in self._addresses},
            },
            "authorities": self._roots,
        }

    # -- looking, without the product ---------------------------------------------

    def visit(self, name: str) -> dict[str, Any]:
        """
        Return the certificate that a visitor of *name* gets, as ``getpeercert`` does.

        The visitor trusts Pebble's root and nothing else.

        Raises:
            ReconcilerError: The visitor turns away.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._roots)
        at = (HOST, self.nginx.port)
        try:
            with (
                socket.create_connection(at, _PATIENCE) as plain,
                context.wrap_socket(plain, server_hostname=name) as secured,
            ):
                return dict(secured.getpeercert() or {})
        except OSError as error:
            raise ReconcilerError(f"a visitor of {name} turns away: {error}") from None

    def proofs(self) -> list[str]:
        """Return the names in DNS that prove something to an authority."""
        return [
            rrset["name"]
            for zone in self._zones
            for rrset in self.powerdns.ask("GET", f"/zones/{zone}.")["rrsets"]
            if rrset["name"].startswith("_acme-challenge.")
        ]

    # -- changing by hand ---------------------------------------------------------

    def lead(self, place: str, version: Path) -> Path:
        """Lead *place* to *version* by hand, and return where it led."""
        link = self.nginx.tls / place
        before = link.readlink()
        link.unlink()
        link.symlink_to(version)
        return before

    def reload(self, turned_away: str) -> None:
        """Have nginx read its files, and wait until visitors of that name go away."""
        program = nginx.program() or "nginx"
        told = [program, "-s", "reload", "-c", str(self.nginx.configuration.resolve())]
        subprocess.run(told, check=True, capture_output=True)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                self.visit(turned_away)
            except ReconcilerError:
                return
            time.sleep(0.02)
        raise ReconcilerError("nginx goes on as if nobody had told it to reload")
