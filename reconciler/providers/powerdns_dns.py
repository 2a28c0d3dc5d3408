"""
Zones on a PowerDNS Authoritative Server, through its HTTP API.

``endpoint`` is the web server's own address (``http://127.0.0.1:8081``). A zone is not
read again while its serial stands: the API moves it with each edit where the zone has
SOA-EDIT-API, as every zone has that was made through the API (PowerDNS documentation,
HTTP API, and tested here against the real server). The keys that sign a zone, with the
DS records they call for, are asked for where these follow them (``cryptokeys``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.domain import Domain
from reconciler.kinds.domain.dnssec import ds_text
from reconciler.model import Account
from reconciler.providers._octodns import Desk, Listed, OctodnsDriver

if TYPE_CHECKING:
    from reconciler.providers._octodns_line import Line, Trunk

_TIMEOUT = 60


class PowerDns(OctodnsDriver):
    """One server (``localhost``) of one PowerDNS API."""

    credentials: ClassVar[frozenset[str]] = frozenset({"apiKey"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._trunk_made: Trunk | None = None

    @property
    def _trunk(self) -> Trunk:
        if self._trunk_made is None:
            from reconciler.providers._octodns_line import Trunk  # noqa: PLC0415

            self._trunk_made = Trunk(self.account, None)
        return self._trunk_made

    @property
    def _url(self) -> str:
        endpoint = self.account.endpoint
        if endpoint is None:
            raise Rejected(
                "a PowerDNS account needs its endpoint",
                hint="endpoint: https://dns.example:8081",
            )
        return f"{endpoint.rstrip('/')}/api/v1/servers/localhost"

    def _line(self) -> Line:
        from reconciler.providers._octodns_line import Line  # noqa: PLC0415

        headers = {"X-API-Key": self.account.secrets["apiKey"]}
        return Line(self._trunk, headers, _operation)

    def _ask(self, path: str, **params: str) -> Any:
        url = f"{self._url}{path}"
        answer = self._line().request("GET", url, params=params, timeout=_TIMEOUT)
        if answer.status_code != 200:  # noqa: PLR2004
            raise Rejected(f"{path} is not there")
        try:
            return answer.json()
        except ValueError:
            raise Rejected(f"{path} is no JSON") from None

    def identity(self) -> str | None:
        """Return the server's ``server-id``, which its configuration names."""
        settings = {s.get("name"): s.get("value") for s in self._ask("/config")}
        return settings.get("server-id") or None

    def listing(self) -> Iterable[Listed]:
        """Return all zones, in one request."""
        return [
            Listed(
                zone["name"].removesuffix(".").lower(), zone["id"], int(zone["serial"])
            )
            for zone in self._ask("/zones", dnssec="false")
        ]

    def desk(self, zone: Listed) -> Desk:
        """Return an octoDNS provider for *zone*."""
        from reconciler.providers._powerdns_zone import PowerDnsZone  # noqa: PLC0415

        provider = PowerDnsZone(
            self._trunk,
            self._url,
            self.account.secrets["apiKey"],
            zone.name,
        )
        return Desk(
            provider,
            provider.foreign,
            lambda: provider.lasting,
            lambda: provider.line.effects,
            lambda: (self._serial(zone), provider.line.request_id),
        )

    def _serial(self, zone: Listed) -> str:
        """Return the new serial; the change is made, so that no error counts."""
        try:
            said = self._ask(f"/zones/{quote(zone.handle)}", rrsets="false")
        except ProviderError:
            return zone.name
        return f"{zone.name} {said.get('serial')}"

    def signs(self, zone: Listed) -> frozenset[str] | None:
        """Return the DS records that the server names for the zone's active keys."""
        keys = self._ask(f"/zones/{quote(zone.handle)}/cryptokeys")
        return frozenset(
            ds_text(*ds.split(maxsplit=3))
            for key in keys
            if key["active"] and key.get("published", True)
            for ds in key.get("ds") or ()
        )

    def make(self, want: Domain, key: str) -> Listed:
        """Make a zone with the declared nameservers; the server knows none."""
        del key
        hosts = want.spec.nameservers
        if isinstance(hosts, str):
            raise Rejected(
                "a new zone on PowerDNS needs its nameservers",
                hint=f"write spec.nameservers in Domain/{want.name}",
            )
        zone = {
            "name": f"{want.name}.",
            "kind": "Native",
            "nameservers": [f"{host}." for host in hosts],
            "soa_edit_api": "DEFAULT",
        }
        url = f"{self._url}/zones"
        answer = self._line().request("POST", url, json=zone, timeout=_TIMEOUT)
        return Listed(want.name, answer.json()["id"])

    def requests(self) -> Mapping[str, int]:
        """Return how many requests were sent so far, by operation."""
        return Counter(self._trunk_made.counts if self._trunk_made else {})

    def close(self) -> None:
        """Let go of connections."""
        if self._trunk_made is not None:
            self._trunk_made.close()


def _operation(method: str, url: str) -> str:
    what = url.rpartition("/servers/localhost/")[2].partition("/")
    if what[0] != "zones":
        return what[0]
    if what[2]:
        return "get-keys" if what[2].endswith("/cryptokeys") else "get-zone"
    return "list-zones" if method == "GET" else "create-zone"


DRIVER = PowerDns
