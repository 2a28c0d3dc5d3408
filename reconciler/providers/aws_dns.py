"""
Public hosted zones of Amazon Route 53.

Nothing in a hosted zone tells that its records moved, so every wanted zone is read at
each run, at five requests a second (the documented limit of an account, Route 53
Developer Guide, quotas) unless the Provider's limits say otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import ClassVar

from reconciler.kinds.domain import Domain
from reconciler.model import Account, Advice
from reconciler.providers._aws import CREDENTIALS, Aws, pages
from reconciler.providers._octodns import Desk, Listed, OctodnsDriver
from reconciler.providers._octodns_kept import spread
from reconciler.providers._route53_names import plain_name

_PER_SECOND = 5.0
_TYPES = frozenset(
    ["A", "AAAA", "CAA", "CNAME", "DS", "MX", "NAPTR", "NS", "PTR", "SRV", "TXT"]
)
_FOR_LONG = timedelta(days=30)


class Route53(OctodnsDriver):
    """The zones of one AWS account."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    settles: ClassVar[timedelta] = timedelta(minutes=2)

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._aws = Aws(account, _PER_SECOND)

    def identity(self) -> str | None:
        """Return the number of the AWS account."""
        return self._aws.identity()

    def examine(self) -> Iterable[Advice]:
        """Say what is unwise about the keys."""
        return self._aws.examine()

    def listing(self) -> Iterable[Listed]:
        """Return all public zones; a name that several zones have cannot be read."""
        found: dict[str, Listed] = {}
        calls = self._aws.calls("route53")
        for page in pages(calls.list_hosted_zones, "Marker<NextMarker"):
            for zone in page["HostedZones"]:
                if zone.get("Config", {}).get("PrivateZone"):
                    continue
                name = plain_name(zone["Name"]).removesuffix(".")
                twice = "several public hosted zones have this name"
                trouble = twice if name in found else None
                found[name] = Listed(name, zone["Id"], trouble=trouble)
        return found.values()

    def desk(self, zone: Listed) -> Desk:
        """Return an octoDNS provider for *zone*."""
        from reconciler.providers._route53_zone import Route53Zone  # noqa: PLC0415

        calls = self._aws.calls("route53")
        provider = Route53Zone(calls, zone.name, zone.handle)
        return Desk(
            provider,
            provider.foreign,
            lambda: False,
            lambda: calls.effects,
            lambda: (calls.reference or zone.handle, calls.request_id),
        )

    def nameservers(self, zone: Listed, apex: frozenset[str]) -> frozenset[str]:
        """Return the delegation set, which never changes for a zone."""
        del apex
        key = f"{self.account.name}/delegation-set/{zone.handle}"
        kept = self.account.cache.get(key)
        if not isinstance(kept, list):
            said = self._aws.calls("route53")("get_hosted_zone", Id=zone.handle)
            hosts = said.get("DelegationSet", {}).get("NameServers", [])
            kept = sorted(host.lower().removesuffix(".") for host in hosts)
            until = self.account.clock() + _FOR_LONG + spread(zone.name)
            self.account.cache.put(key, list(kept), until)
        return frozenset(map(str, kept))

    def refuses(self, key: str, row: tuple[str, ...]) -> str | None:
        """Say which record sets octoDNS cannot write to Route 53."""
        rtype = key.partition("/")[2]
        if rtype not in _TYPES:
            return f"octoDNS writes no {rtype} records to Route 53"
        if rtype == "PTR" and len(row) > 2:  # noqa: PLR2004
            return "octoDNS writes one PTR value to Route 53"
        return None

    def make(self, want: Domain, key: str) -> Listed:
        """Make a public zone; the same *key* never makes two."""
        said = self._aws.calls("route53")(
            "create_hosted_zone", Name=f"{want.name}.", CallerReference=key
        )
        return Listed(want.name, said["HostedZone"]["Id"])

    def requests(self) -> Mapping[str, int]:
        """Return how many requests were sent so far, by operation."""
        return Counter(self._aws.counts)

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()


DRIVER = Route53
