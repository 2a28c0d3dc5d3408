"""
Zones at Cloudflare, through its API version 4.

A zone's ``modified_on`` is not documented to move with its records, so every wanted
zone is read at each run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from reconciler.errors import Rejected
from reconciler.kinds.domain import Domain
from reconciler.model import Account
from reconciler.providers._octodns import Desk, Listed, OctodnsDriver

if TYPE_CHECKING:
    from reconciler.providers._octodns_line import Line, Trunk

_OWN = "https://api.cloudflare.com/client/v4"
_PER_SECOND = 4.0
_PAGE = 50
_TIMEOUT = 30
_SHORTEST = 60
_TYPES = frozenset(
    [
        "A",
        "AAAA",
        "ALIAS",
        "CAA",
        "CNAME",
        "DS",
        "MX",
        "NAPTR",
        "NS",
        "PTR",
        "SRV",
        "SSHFP",
        "TLSA",
        "TXT",
    ]
)


class Cloudflare(OctodnsDriver):
    """
    The zones of one Cloudflare account.

    The documented limit is 1,200 requests in five minutes for a whole user; against
    Cloudflare's own endpoint four a second are sent unless limits say otherwise.
    """

    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._trunk_made: Trunk | None = None

    @property
    def _trunk(self) -> Trunk:
        if self._trunk_made is None:
            from reconciler.providers._octodns_line import Trunk  # noqa: PLC0415

            pace = _PER_SECOND if self.account.endpoint is None else None
            self._trunk_made = Trunk(self.account, pace)
        return self._trunk_made

    @property
    def _url(self) -> str:
        return (self.account.endpoint or _OWN).rstrip("/")

    def _line(self) -> Line:
        from reconciler.providers._cloudflare_zone import operation  # noqa: PLC0415
        from reconciler.providers._octodns_line import Line  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {self.account.secrets['token']}"}
        return Line(self._trunk, headers, operation)

    def _all(self, path: str, **params: str) -> Iterator[dict[str, Any]]:
        """Yield everything that is listed; raise Rejected where something lacks."""
        seen: set[str] = set()
        page, total = 1, 1
        while len(seen) < total:
            asked = {**params, "page": str(page), "per_page": str(_PAGE)}
            said = self._page(path, asked)
            total = int(said["result_info"]["total_count"])
            fresh = [item for item in said["result"] if item["id"] not in seen]
            if total and not fresh:
                raise Rejected(f"{path}: an incomplete listing")
            seen |= {item["id"] for item in fresh}
            yield from fresh
            page += 1

    def _page(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        url = f"{self._url}{path}"
        answer = self._line().request("GET", url, params=params, timeout=_TIMEOUT)
        try:
            said: dict[str, Any] = answer.json()
        except ValueError:
            said = {}
        if not said.get("success") or "result_info" not in said:
            raise Rejected(f"{path}: no listing")
        return said

    def identity(self) -> str | None:
        """
        Return the id of the account that the token can read.

        A token for several accounts belongs to the declared one if that is among
        them; without the permission to read accounts nobody can say.
        """
        ids = [account["id"] for account in self._all("/accounts")]
        if self.account.identity in ids:
            return self.account.identity
        return ids[0] if ids else None

    def listing(self) -> Iterable[Listed]:
        """Return all zones of the declared account."""
        declared = self.account.identity
        params = {"account.id": declared} if declared else {}
        found: dict[str, Listed] = {}
        for zone in self._all("/zones", **params):
            if zone.get("type") == "internal":
                continue
            name = zone["name"].lower()
            hosts = frozenset(h.lower() for h in zone.get("name_servers") or ())
            trouble = "several zones have this name" if name in found else None
            if zone.get("type") == "secondary":
                trouble = "it is a secondary zone: its records come from elsewhere"
            found[name] = Listed(name, zone["id"], None, hosts, trouble)
        return found.values()

    def desk(self, zone: Listed) -> Desk:
        """Return an octoDNS provider for *zone*."""
        from reconciler.providers._cloudflare_zone import (  # noqa: PLC0415
            CloudflareZone,
        )

        token = self.account.secrets["token"]
        provider = CloudflareZone(self._trunk, self._url, token, zone.name, zone.handle)
        return Desk(
            provider,
            provider.foreign,
            lambda: False,
            lambda: provider.line.effects,
            lambda: (zone.handle, provider.line.request_id),
        )

    def refuses(self, key: str, row: tuple[str, ...]) -> str | None:
        """Say which record sets Cloudflare cannot hold."""
        name, _, rtype = key.partition("/")
        if rtype not in _TYPES:
            return f"octoDNS writes no {rtype} records to Cloudflare"
        if rtype == "ALIAS" and name != "@":
            return "Cloudflare has ALIAS (a flattened CNAME) at the zone itself only"
        if rtype == "PTR" and len(row) > 2:  # noqa: PLR2004
            return "octoDNS writes one PTR value to Cloudflare"
        if int(row[0]) < _SHORTEST:
            return f"the shortest TTL of Cloudflare is {_SHORTEST} s"
        return None

    def make(self, want: Domain, key: str) -> Listed:
        """Make a full zone in the account; Cloudflare refuses a second one."""
        del key
        account = self.identity()
        if account is None:
            raise Rejected(
                "a new zone needs an account",
                hint="the token needs the permission Account Settings: Read",
            )
        zone = {"name": want.name, "type": "full", "account": {"id": account}}
        url = f"{self._url}/zones"
        answer = self._line().request("POST", url, json=zone, timeout=_TIMEOUT)
        made = answer.json()["result"]
        hosts = frozenset(host.lower() for host in made.get("name_servers") or ())
        return Listed(want.name, made["id"], None, hosts)

    def requests(self) -> Mapping[str, int]:
        """Return how many requests were sent so far, by operation."""
        return Counter(self._trunk_made.counts if self._trunk_made else {})

    def close(self) -> None:
        """Let go of connections."""
        if self._trunk_made is not None:
            self._trunk_made.close()


DRIVER = Cloudflare
